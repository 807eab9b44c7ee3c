"""``/metrics``: what the daemon counts and measures, asked for when it is scraped."""

from __future__ import annotations

import asyncio
import os
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder

from mapsys.hooks.settings import HookState, read_states
from mapsys.http.api import QUERY_CLIENT, STATE_FOLDER
from mapsys.http.metrics_alt import alt_rows
from mapsys.http.metrics_collect import Scrape, ScrapeCollector
from mapsys.http.metrics_families import FAMILIES
from mapsys.poller.results import ResultsFile
from mapsys.query_client import DaemonAway, QueryClient
from mapsys.query_measures_rows import (
    MeasuresQuestion,
    MeasuresRow,
    SiteStateRow,
    SiteStatesPage,
    SiteStatesQuestion,
)
from mapsys.query_rows import CountersQuestion, CountersRow, StatusQuestion, StatusRow

BOUNDS_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)

SITES_LIMIT: Final = 1_000_000
"""Samples for sites one by one; a scraper would not survive more."""


class HttpMetrics:
    """What the HTTP process measures of itself, and of the daemon as a process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        family = FAMILIES["http_request_duration_seconds"]
        self._durations = Histogram(
            family.full_name,
            family.help,
            family.labels,
            registry=self.registry,
            buckets=BOUNDS_SECONDS,
        )
        ProcessCollector("mapsys_daemon", os.getppid, registry=self.registry)
        ProcessCollector("mapsys_http", registry=self.registry)

    def observe(self, route: str, code: int, seconds: float) -> None:
        """Note one answered request; route: its pattern, never the path asked for."""
        self._durations.labels(route, str(code)).observe(seconds)


HTTP_METRICS: Final = web.AppKey("http_metrics", HttpMetrics)

POLL_RESULTS: Final = web.AppKey("poll_results", ResultsFile)


async def metrics(request: web.Request) -> web.Response:
    """Answers even while the daemon is away: ``mapsys_daemon_up`` is then 0."""
    try:
        hooks = await asyncio.to_thread(read_states, request.app[STATE_FOLDER])
        scrape = await _scrape(request.app[QUERY_CLIENT], request.app[POLL_RESULTS], hooks)
    except DaemonAway:
        scrape = Scrape()
    registry = CollectorRegistry(auto_describe=False)
    registry.register(ScrapeCollector(scrape, request.app[HTTP_METRICS].registry))
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    # Thousands of sites take a while; others are answered meanwhile.
    body = await asyncio.to_thread(encode, registry)
    return web.Response(body=body, headers={"Content-Type": content_type})


async def _scrape(client: QueryClient, results: ResultsFile, hooks: dict[str, HookState]) -> Scrape:
    status = await client.ask(StatusQuestion(), StatusRow)
    counters = await client.ask(CountersQuestion(), CountersRow)
    measures = await client.ask(MeasuresQuestion(), MeasuresRow)
    return Scrape(
        status,
        counters.totals,
        measures,
        await _sites(client) if measures.per_site else None,
        await alt_rows(client) if "alt" in status.roles else None,
        await asyncio.to_thread(results.read) if measures.polled else None,
        hooks,
    )


async def _sites(client: QueryClient) -> list[SiteStateRow]:
    rows: list[SiteStateRow] = []
    after: str | None = ""
    while after is not None and len(rows) < SITES_LIMIT:
        page = await client.ask(SiteStatesQuestion(after), SiteStatesPage)
        rows += page.rows
        after = page.next
    return rows
