"""One reader of the daemon's events for all who read them over HTTP.

It keeps the newest events, encoded once. Each HTTP reader is a position in them and
no more: one that does not keep up is told that it missed something, and costs the
others nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Final, NamedTuple

from aiohttp import web

from mapsys.event_ring import RING_LIMIT
from mapsys.http.event_stream import encoded
from mapsys.http.problem import Problem, ProblemError
from mapsys.query_client import DaemonAway, QueryClient, QueryDeclined
from mapsys.query_events import WAIT_SECONDS_LIMIT
from mapsys.query_events_rows import EventsPage, EventsQuestion

READERS_LIMIT: Final = 100

BATCH_LIMIT: Final = 200
"""Events handed to one reader at once: some 50 KB that it has to take before it gets more."""

GATHER_SECONDS: Final = 0.1
"""Between two questions, so that a storm comes in pages and not one by one."""

RETRY_SECONDS: Final = 1.0
"""Before the daemon is asked again after it did not answer."""


class Position(NamedTuple):
    """The last event that a reader has had."""

    session: str
    serial: int


class KeptEvent(NamedTuple):
    """An event ready to be sent. site: None where it concerns the node."""

    serial: int
    site: str | None
    octets: bytes


class Batch(NamedTuple):
    """What a reader gets next, and where it then is.

    reset: it missed something, or names a position that nobody gave it.
    """

    position: Position
    reset: bool
    events: list[KeptEvent]


class EventHub:
    """Asks the daemon while somebody reads. Its query client is for it alone."""

    def __init__(self, client: QueryClient) -> None:
        self._client = client
        self._kept: deque[KeptEvent] = deque(maxlen=RING_LIMIT)
        self._session: str | None = None
        self._last = 0
        self._newest = 0
        self._readers = 0
        self._beginning = asyncio.Lock()
        self._asking: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self.is_away = False
        self.is_closed = False

    @contextmanager
    def reader(self) -> Iterator[None]:
        """Count one more reader. Raises ProblemError where there are too many."""
        if self._readers >= READERS_LIMIT:
            raise ProblemError(
                Problem.TOO_MANY_READERS,
                f"{READERS_LIMIT} read the events already; come back later",
            )
        self._readers += 1
        try:
            yield
        finally:
            self._readers -= 1

    async def begin(self) -> Position:
        """The present position, once the daemon has been asked. Raises DaemonAway."""
        async with self._beginning:
            if self._asking is None:
                self._take(await self._client.ask(self._question(0.0), EventsPage))
                self._asking = asyncio.create_task(self._ask_on())
        return self._present()

    async def next(self, position: Position, seconds: float) -> Batch:
        """What follows a position; nothing where nothing came in time."""
        batch = self._after(position)
        if batch.reset or batch.events or self.is_closed:
            return batch
        try:
            await asyncio.wait_for(self._news.wait(), seconds)
        except TimeoutError:
            return batch
        return self._after(position)

    async def close(self) -> None:
        """Send every reader home."""
        self.is_closed = True
        self._wake()
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        await self._client.close()

    def _present(self) -> Position:
        assert self._session is not None, "the daemon was asked"
        return Position(self._session, self._newest)

    def _after(self, position: Position) -> Batch:
        first = self._last + 1 - len(self._kept)
        session, serial = position
        if session != self._session or not first - 1 <= serial <= self._newest:
            return Batch(self._present(), True, [])
        skipped = serial + 1 - first
        events = list(islice(self._kept, skipped, skipped + BATCH_LIMIT))
        return Batch(Position(session, events[-1].serial if events else serial), False, events)

    async def _ask_on(self) -> None:
        try:
            while self._readers:
                try:
                    self._take(
                        await self._client.ask(self._question(WAIT_SECONDS_LIMIT), EventsPage)
                    )
                except (DaemonAway, QueryDeclined):
                    self.is_away = True
                    await asyncio.sleep(RETRY_SECONDS)
                else:
                    await asyncio.sleep(GATHER_SECONDS)
        finally:
            self._asking = None

    def _question(self, wait_seconds: float) -> EventsQuestion:
        return EventsQuestion(self._session, self._last, wait_seconds=wait_seconds)

    def _take(self, page: EventsPage) -> None:
        self.is_away = False
        if page.reset:
            self._kept.clear()
            self._last = page.last
        self._session, self._newest = page.session, page.last
        for row in page.rows:
            self._kept.append(KeptEvent(row.serial, row.site, encoded(page.session, row)))
            self._last = row.serial
        if page.rows or page.reset:
            self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


EVENT_HUB: Final = web.AppKey("event_hub", EventHub)
