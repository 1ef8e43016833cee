"""What is the same for everybody, read as soon as a publication is taken up, so that no visitor waits for it."""

from __future__ import annotations

import threading

import duckdb
import structlog

from metro_assets.dashboard.customer.portrait import prepare_segments
from metro_assets.dashboard.desk import Desk
from metro_assets.dashboard.offer_reach import offer_fates, offer_reach
from metro_assets.dashboard.quality_reading import test_window
from metro_assets.dashboard.today import prepare_home
from metro_assets.serving.queries import OpenPublication
from metro_assets.storage.errors import WarehouseError

log = structlog.get_logger("metro.pages")


def prepare(desk: Desk, opened: OpenPublication) -> None:
    """Read at once what takes a second at full size, and begin with the rest beside the requests.

    What the rest cannot read is left to the page that asks for it.
    """
    prepare_home(desk, opened)
    prepare_segments(desk, opened)
    threading.Thread(target=work_out, args=(desk, opened), name="preparing").start()


def work_out(desk: Desk, opened: OpenPublication) -> None:
    """The test window, then the offers by every algorithm, the champion first."""
    champion = opened.publication.champion
    try:
        test_window(desk, opened.publication.run_date)
        for algorithm in sorted(opened.algorithms, key=lambda name: (name != champion, name)):
            if not threading.main_thread().is_alive():
                return  # the service is going down and waits for this thread
            offer_reach(desk, opened, algorithm)
            offer_fates(desk, opened, algorithm)
    except (WarehouseError, duckdb.Error, OSError) as error:
        log.warning("not prepared", publication=opened.publication.name, problem=type(error).__name__)
