"""One cycle: every EID through every Map-Resolver, at a pace that no one minds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Final

from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix
from mapsys.histogram import Histogram
from mapsys.lig import COUNT_DEFAULT, asked_eid
from mapsys.poller.judge import Expectation, expectation, flags_of, flags_of_all, words
from mapsys.poller.port import LigPort, open_port
from mapsys.poller.results import (
    Flag,
    HeardRow,
    PolledRow,
    PollResults,
    Result,
)
from mapsys.query_client import QueryClient
from mapsys.query_measures import histogram_row
from mapsys.query_measures_rows import PollerRow
from mapsys.query_rows import (
    PAGE_ROWS_LIMIT,
    LookupQuestion,
    LookupRow,
    SitesPage,
    SitesQuestion,
)
from mapsys.record_view import plain_text
from mapsys.wire.cursor import Reader
from mapsys.wire.records import EidRecord

QUERIES_PER_SECOND: Final = 200
"""Begun, over all Map-Resolvers: a tenth of what one source may ask (config.model)."""

UNDER_WAY_LIMIT: Final = 1_024
"""EIDs asked for at once; reached only where many are silent."""

ROUND_TRIP_BOUNDS_SECONDS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Poller:
    """Asks, and counts over its whole life."""

    def __init__(self, client: QueryClient) -> None:
        self._client = client
        self._cycles = 0
        self._queries: dict[str, dict[Result, int]] = {}
        self._round_trips: dict[str, Histogram] = {}

    async def cycle(self, settings: PollerRow) -> PollResults:
        """Ask for every EID once. Raises DaemonAway, QueryDeclined."""
        started_at = time.time()
        eids = await self._eids(settings)
        async with AsyncExitStack() as stack:
            ports: dict[Endpoint, LigPort] = {}
            problems = []
            for resolver in (Endpoint(*one) for one in settings.map_resolvers):
                try:
                    ports[resolver] = await open_port(resolver)
                except OSError as error:
                    problems.append(f"no way to {resolver}: {error.strerror or error}")
                    continue
                stack.callback(ports[resolver].close)
            rows = await _paced(
                [_OneEid(self._client, eid, ports, settings).polled for eid in eids],
                max(1, len(ports)) / QUERIES_PER_SECOND,
            )
        self._count(rows)
        return PollResults(
            started_at=started_at,
            finished_at=time.time(),
            interval_seconds=settings.interval_seconds,
            map_resolvers=[str(Endpoint(*one)) for one in settings.map_resolvers],
            problems=problems,
            rows=rows,
            cycles=self._cycles,
            queries=self._queries,
            round_trips={name: histogram_row(one) for name, one in self._round_trips.items()},
        )

    async def _eids(self, settings: PollerRow) -> list[EidPrefix]:
        """What to ask for, in order and each once."""
        if settings.eids is not None:
            packed = settings.eids
        else:
            packed = []
            after: str | None = ""
            while after is not None:
                page = await self._client.ask(SitesQuestion(after, PAGE_ROWS_LIMIT), SitesPage)
                packed += [eid.prefix for site in page.rows for eid in site.eids]
                after = page.next
        return sorted({asked_eid(EidPrefix.unpack(one)[0]) for one in packed})

    def _count(self, rows: Sequence[PolledRow]) -> None:
        self._cycles += 1
        for one in (one for row in rows for one in row.heard):
            results = self._queries.setdefault(one.map_resolver, dict.fromkeys(Result, 0))
            results[one.result] += 1
            if one.rtt_seconds is not None:
                fresh = Histogram(ROUND_TRIP_BOUNDS_SECONDS)
                self._round_trips.setdefault(one.map_resolver, fresh).observe(one.rtt_seconds)


class _OneEid:
    """One EID in one cycle."""

    def __init__(
        self,
        client: QueryClient,
        eid: EidPrefix,
        ports: dict[Endpoint, LigPort],
        settings: PollerRow,
    ) -> None:
        self._client = client
        self._eid = eid
        self._ports = ports
        self._settings = settings

    async def polled(self) -> PolledRow:
        """Ask all Map-Resolvers at once, and judge what they bring."""
        known, expected = await self._expected()
        heard = await self._heard(expected)
        if any(Flag.WRONG in one.flags for one in heard):
            # Perhaps it changed between the two questions: both are asked again.
            known, expected = await self._expected()
            heard = await self._heard(expected)
        return PolledRow(
            eid=self._eid.pack(),
            site=known.site,
            expected=None if expected is None else expected.answer,
            flags=flags_of_all(heard),
            heard=heard,
        )

    async def _expected(self) -> tuple[LookupRow, Expectation | None]:
        row = await self._client.ask(LookupQuestion(self._eid.pack()), LookupRow)
        if row.record is None:
            return row, None
        return row, expectation(EidRecord.read(Reader(row.record)), self._settings.petr)

    async def _heard(self, expected: Expectation | None) -> list[HeardRow]:
        return list(
            await asyncio.gather(
                *(self._ask(port, resolver, expected) for resolver, port in self._ports.items())
            )
        )

    async def _ask(
        self, port: LigPort, resolver: Endpoint, expected: Expectation | None
    ) -> HeardRow:
        timeout = self._settings.timeout_seconds
        answer = await port.ask(self._eid, resolver, COUNT_DEFAULT, timeout)
        if answer is None:
            silence = Result.SILENT
            return HeardRow(
                map_resolver=str(resolver),
                result=silence,
                answer=silence.value,
                eid_prefix=None,
                map_replier=None,
                rtt_seconds=None,
                requests_sent=COUNT_DEFAULT,
                flags=[Flag.SILENT],
            )
        slow_seconds = self._settings.slow_milliseconds / 1_000
        return HeardRow(
            map_resolver=str(resolver),
            result=Result.NEGATIVE if answer.is_negative else Result.MAPPING,
            answer=words(answer.record),
            eid_prefix=plain_text(answer.record.eid_prefix),
            map_replier=str(answer.map_replier),
            rtt_seconds=round(answer.rtt_seconds, 6),
            requests_sent=answer.requests_sent,
            flags=flags_of(answer.record, answer.rtt_seconds, expected, slow_seconds),
        )


async def _paced(
    polls: Sequence[Callable[[], Awaitable[PolledRow]]], pause_seconds: float
) -> list[PolledRow]:
    """Begin one after each pause, and gather all in order."""
    loop = asyncio.get_running_loop()
    turns = asyncio.Semaphore(UNDER_WAY_LIMIT)

    async def one(poll: Callable[[], Awaitable[PolledRow]]) -> PolledRow:
        try:
            return await poll()
        finally:
            turns.release()

    tasks = []
    due = loop.time()
    try:
        async with asyncio.TaskGroup() as group:
            for poll in polls:
                await turns.acquire()
                await asyncio.sleep(max(0.0, due - loop.time()))
                due = max(due, loop.time()) + pause_seconds
                tasks.append(group.create_task(one(poll)))
    except ExceptionGroup as failures:
        # All fail alike where the daemon is away: one of them says it.
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]
