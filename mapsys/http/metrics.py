"""``/metrics``: the daemon's counters in Prometheus form, read when they are scraped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

import mapsys
from mapsys.datapath.counters import METRICS, split_name
from mapsys.http.api import QUERY_CLIENT
from mapsys.query_client import DaemonAway
from mapsys.query_rows import CountersQuestion, CountersRow, StatusQuestion, StatusRow

FAMILY_NAMES: Final = {
    "received": "messages_received",
    "sent": "messages_sent",
    "dropped": "messages_dropped",
    "receive_queue_dropped": "udp_receive_buffer_drops",
    "answered": "map_requests_answered",
    "injected": "map_requests_injected",
    "refused": "registrations_refused",
    "registered": "registrations_changed",
    "refreshed": "registrations_refreshed",
    "withdrawn": "registrations_withdrawn",
    "moved": "registrations_moved",
    "expired": "registrations_expired",
}
"""Counters whose exported name says more than the datapath's own; the others keep theirs."""

LABEL_NAMES: Final = {"family": "af"}

LATENCY_BUCKETS_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class DaemonCollector(Collector):
    """What the daemon said at one scrape; None where it did not answer."""

    def __init__(self, status: StatusRow | None, totals: dict[str, int]) -> None:
        self._status = status
        self._totals = totals

    def collect(self) -> Iterator[Metric]:
        """Every family, for prometheus-client."""
        yield InfoMetricFamily(
            "mapsys_build", "The version that serves this.", {"version": mapsys.__version__}
        )
        yield _gauge("daemon_up", "Whether the daemon answered.", self._status is not None)
        if self._status is not None:
            yield from self._status_families(self._status)
        yield from self._counter_families()

    def _status_families(self, status: StatusRow) -> Iterator[Metric]:
        yield InfoMetricFamily(
            "mapsys_config", "The configuration in force.", {"hash": status.config_hash}
        )
        yield _gauge("ready", "Whether LISP messages are served.", not status.not_ready)
        yield _gauge("degraded", "Things that are wrong while it serves.", len(status.degraded))
        yield _gauge("start_time_seconds", "When the daemon started.", status.started_at)
        yield _gauge("sites", "Configured sites.", status.sites)
        yield _gauge("registrations_active", "Registrations held.", status.registrations)
        yield _gauge("journal_writing", "Whether the journal writes.", status.journal_writing)
        yield _gauge(
            "config_last_reload_success_timestamp_seconds",
            "When the configuration was last taken over.",
            status.last_reload_at,
        )
        yield CounterMetricFamily(
            "mapsys_config_reload_failed",
            "Configurations that were refused on reload.",
            value=status.failed_reloads,
        )
        granted = GaugeMetricFamily(
            "mapsys_udp_receive_buffer_bytes",
            "Receive buffer granted by the system.",
            labels=("address",),
        )
        for one in status.listen:
            host = f"[{one.host}]" if ":" in one.host else one.host
            granted.add_metric([f"{host}:{one.port}"], one.receive_buffer_granted_octets)
        yield granted

    def _counter_families(self) -> Iterator[Metric]:
        families = {
            name: CounterMetricFamily(
                f"mapsys_{FAMILY_NAMES.get(name, name)}",
                metric.help,
                labels=[LABEL_NAMES.get(label, label) for label in metric.labels],
            )
            for name, metric in METRICS.items()
        }
        for flat_name, total in sorted(self._totals.items()):
            name, labels = split_name(flat_name)
            families[name].add_metric([*labels.values()], total)
        yield from families.values()


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"mapsys_{name}", text, value=float(value))


class HttpMetrics:
    """What the HTTP process measures of itself."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._durations = Histogram(
            "mapsys_http_request_duration_seconds",
            "Time taken to answer an HTTP request.",
            ("route", "code"),
            registry=self.registry,
            buckets=LATENCY_BUCKETS_SECONDS,
        )

    def observe(self, route: str, code: int, seconds: float) -> None:
        """Note one answered request; route: its pattern, never the path asked for."""
        self._durations.labels(route, str(code)).observe(seconds)


HTTP_METRICS: Final = web.AppKey("http_metrics", HttpMetrics)


class _Scrape(Collector):
    """The families of this process behind those of the daemon."""

    def __init__(self, daemon: DaemonCollector, own: CollectorRegistry) -> None:
        self._daemon = daemon
        self._own = own

    def collect(self) -> Iterator[Metric]:
        yield from self._daemon.collect()
        yield from self._own.collect()


async def metrics(request: web.Request) -> web.Response:
    """Answers even while the daemon is away: ``mapsys_daemon_up`` is then 0."""
    client = request.app[QUERY_CLIENT]
    status: StatusRow | None = None
    totals: dict[str, int] = {}
    try:
        status = await client.ask(StatusQuestion(), StatusRow)
        totals = (await client.ask(CountersQuestion(), CountersRow)).totals
    except DaemonAway:
        status = None
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Scrape(DaemonCollector(status, totals), request.app[HTTP_METRICS].registry))
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return web.Response(body=encode(registry), headers={"Content-Type": content_type})
