"""Prometheus metrics of the service and of what it serves."""

from __future__ import annotations

import calendar
import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from metro_assets.serving.publish import Publication

BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """The metrics of one service. Routes are labels, customers never are."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self._requests = Counter(
            "metro_api_requests", "Requests answered.", ("method", "route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "metro_api_request_seconds",
            "Seconds from the first byte of a request to the last of its answer.",
            ("method", "route"),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.in_progress = Gauge("metro_api_requests_in_progress", "Requests under way.", registry=self.registry)
        self._published = Gauge(
            "metro_publication_published_timestamp_seconds",
            "When the served publication was published, Unix time.",
            registry=self.registry,
        )
        self._run_date = Gauge(
            "metro_publication_run_date_timestamp_seconds",
            "Midnight UTC of the served run date, Unix time.",
            registry=self.registry,
        )
        self._rows = Gauge("metro_publication_offers", "Offers in the served publication.", registry=self.registry)
        self._customers = Gauge("metro_publication_customers", "Customers with an offer in it.", registry=self.registry)
        self.reloads = Counter("metro_publication_reloads", "Publications taken up.", registry=self.registry)
        self.failed_reloads = Counter(
            "metro_publication_failed_reloads", "Publications that could not be read.", registry=self.registry
        )
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        key = method, route, status
        found = self._children.get(key)
        if found is None:
            method = method if method in {"GET", "HEAD", "POST", "OPTIONS"} else "other"
            found = self._requests.labels(method, route, str(status)), self._seconds.labels(method, route)
            if len(self._children) < 1_000:
                self._children[key] = found
        found[0].inc()
        found[1].observe(seconds)

    def serve(self, publication: Publication) -> None:
        """Note what is served from now on."""
        self.reloads.inc()
        self._published.set(_unix(publication.published_at.timetuple()))
        self._run_date.set(_unix(publication.run_date.timetuple()))
        self._rows.set(publication.row_count)
        self._customers.set(publication.customer_count)

    def exposition(self) -> bytes:
        """All of it in the text format."""
        return generate_latest(self.registry)


def _unix(moment: time.struct_time) -> float:
    return float(calendar.timegm(moment))
