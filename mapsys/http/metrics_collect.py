"""Metric families filled with what was answered for one scrape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

import mapsys
from mapsys.datapath.counters import METRICS, split_name
from mapsys.hooks.settings import HookState
from mapsys.http.metrics_alt import AltRows, alt_families
from mapsys.http.metrics_families import counter_family
from mapsys.http.metrics_fill import histograms, info, samples, value
from mapsys.poller.results import Flag, PollResults, Result
from mapsys.query_measures_rows import MeasuresRow, SiteStateRow
from mapsys.query_rows import StatusRow
from mapsys.site_states import SiteState


class Scrape(msgspec.Struct, frozen=True):
    """What the daemon and the poller answered; empty where the daemon is away.

    totals: the datapath's counters. sites: None where they have no families of their own.
    """

    status: StatusRow | None = None
    totals: dict[str, int] = {}
    measures: MeasuresRow | None = None
    sites: list[SiteStateRow] | None = None
    alt: AltRows | None = None
    polled: PollResults | None = None
    hooks: dict[str, HookState] = {}


class ScrapeCollector(Collector):
    """Turns one scrape into families, for prometheus-client.

    own: what the HTTP process measures itself.
    """

    def __init__(self, scrape: Scrape, own: CollectorRegistry) -> None:
        self._scrape = scrape
        self._own = own

    def collect(self) -> Iterator[Metric]:
        """Every family that there is something to say about."""
        scrape = self._scrape
        yield info("build", mapsys.__version__)
        yield value("daemon_up", scrape.status is not None)
        if scrape.status is not None:
            yield info("engine", scrape.status.engine, scrape.status.engine_reason)
            yield from _of_status(scrape.status)
            yield from _of_counters(scrape.totals)
        if scrape.measures is not None:
            yield from _of_measures(scrape.measures)
        if scrape.sites is not None:
            yield from _of_sites(scrape.sites)
        if scrape.alt is not None:
            yield from alt_families(scrape.alt)
        if scrape.polled is not None:
            yield from _of_poller(scrape.polled)
        if scrape.hooks:
            yield from _of_hooks(scrape.hooks)
        yield from self._own.collect()


def _of_status(status: StatusRow) -> Iterator[Metric]:
    yield info("config", status.config_hash)
    yield value("ready", not status.not_ready)
    yield value("degraded", len(status.degraded))
    yield value("start_time_seconds", status.started_at)
    yield value("journal_writing", status.journal_writing)
    yield value("config_reload_failed", status.failed_reloads)
    yield value("config_last_reload_success_timestamp_seconds", status.last_reload_at)
    yield samples(
        "udp_receive_buffer_bytes",
        [
            ((_address(one.host, one.port),), one.receive_buffer_granted_octets)
            for one in status.listen
        ],
    )


def _of_counters(totals: dict[str, int]) -> Iterator[Metric]:
    values: dict[str, list[tuple[Sequence[str], float]]] = {name: [] for name in METRICS}
    for flat_name, total in sorted(totals.items()):
        name, labels = split_name(flat_name)
        values[name].append(([*labels.values()], total))
    for name, found in values.items():
        if not found and not METRICS[name].labels:
            found.append(((), 0))  # it did not happen yet, which is worth saying
        yield samples(counter_family(name).name, found)


def _of_measures(measures: MeasuresRow) -> Iterator[Metric]:
    yield value("config_reload_success", measures.reloads)
    for name, rows in measures.gauges.items():
        yield samples(name, [(row.labels, row.value) for row in rows])
    for name, histogram in measures.histograms.items():
        yield histograms(name, [((), histogram)])


def _of_sites(sites: list[SiteStateRow]) -> Iterator[Metric]:
    yield samples(
        "site_registered",
        [((site.name,), site.state == SiteState.REGISTERED) for site in sites],
    )
    yield samples(
        "site_last_registration_timestamp_seconds",
        [
            ((site.name,), site.last_accepted_at)
            for site in sites
            if site.last_accepted_at is not None
        ],
    )


def _of_poller(polled: PollResults) -> Iterator[Metric]:
    yield value("poller_eids", len(polled.rows))
    flagged = polled.flagged()
    yield samples("poller_flagged", [((flag.value,), flagged[flag]) for flag in Flag])
    yield value("poller_problems", len(polled.problems))
    yield value("poller_cycles", polled.cycles)
    yield value("poller_interval_seconds", polled.interval_seconds)
    yield value("poller_cycle_duration_seconds", polled.finished_at - polled.started_at)
    yield value("poller_last_cycle_timestamp_seconds", polled.finished_at)
    yield samples(
        "poller_queries",
        [
            ((resolver, result.value), counts.get(result, 0))
            for resolver, counts in polled.queries.items()
            for result in Result
        ],
    )
    yield histograms(
        "poller_round_trip_seconds", [((name,), row) for name, row in polled.round_trips.items()]
    )


def _of_hooks(hooks: dict[str, HookState]) -> Iterator[Metric]:
    delivered = [((url, "delivered"), one.delivered) for url, one in hooks.items()]
    given_up = [((url, "given-up"), one.given_up) for url, one in hooks.items()]
    yield samples("hook_messages", delivered + given_up)
    yield samples("hook_attempts_failed", [((url,), one.failed) for url, one in hooks.items()])
    yield samples("hook_gaps", [((url,), one.gaps) for url, one in hooks.items()])
    yield samples("hook_failing", [((url,), one.problem is not None) for url, one in hooks.items()])


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
