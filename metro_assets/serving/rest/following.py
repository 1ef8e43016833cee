"""What is served now: taken up whole beside the old one, then put in its place, so that no request waits or mixes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from metro_assets.config import Settings
from metro_assets.serving.publish import PublicationError
from metro_assets.serving.queries import OpenPublication, RecommendationReader, Stamp
from metro_assets.serving.rest.metrics import Metrics
from metro_assets.serving.slates import Slates
from metro_assets.storage.errors import WarehouseError

log = structlog.get_logger("metro.api")


@dataclass(frozen=True)
class Served:
    """A publication with the champion's slates in memory."""

    opened: OpenPublication
    slates: Slates


class Following:
    """Takes up every publication that is put in force."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings = settings
        self.reader = RecommendationReader(settings.warehouse, settings.engine)
        self.metrics = metrics
        self.problem: str | None = None
        """Why the newest publication is not served; None: it is."""
        self.current: Served | None = None
        """What is served; replaced as a whole."""
        self.preparing: list[Callable[[OpenPublication], None]] = []
        """What is done with a publication before it is served, so that nobody waits for it."""
        self._stamp: Stamp | None = None

    def served(self) -> Served:
        """What is served now; raises PublicationError where there is nothing."""
        if self.current is None:
            raise PublicationError(self.problem or "nothing has been published yet; metro run makes it")
        return self.current

    def look(self) -> None:
        """Take up what is in force if it is not what is served. A publication that cannot be read changes nothing."""
        stamp = self.reader.stamp()
        if stamp == self._stamp and (self.current is not None or stamp is None) and self.problem is None:
            return
        try:
            opened = self.reader.in_force()
            if self.current is None or opened is not self.current.opened:
                served = Served(opened, opened.slates())
                self._prepare(opened)
                self.current = served
                self.metrics.serve(opened.publication)
                log.info("serving", publication=opened.publication.name, champion=opened.publication.champion)
            self.problem = None
        except (WarehouseError, OSError) as error:
            if str(error) != self.problem:
                self.metrics.failed_reloads.inc()
                log.error("not served", problem=str(error))
            self.problem = str(error)
        self._stamp = stamp

    def _prepare(self, opened: OpenPublication) -> None:
        for prepare in self.preparing:
            try:
                prepare(opened)
            except (WarehouseError, OSError) as error:
                # Only who asks for it will miss it: the publication is served all the same.
                log.error("not prepared", problem=str(error))

    async def follow(self) -> None:
        """Look until cancelled; the reading is done by another thread."""
        while True:
            await asyncio.sleep(self.settings.api.follow_seconds)
            try:
                await asyncio.to_thread(self.look)
            except Exception as error:
                log.error("failed to follow", error=type(error).__name__)
