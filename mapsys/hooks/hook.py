"""One hook: reads moves from the daemon's events and posts them, in order, until they are taken.

What waits is not kept here: the daemon's event ring is the queue, and the hook a
position in it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

import aiohttp
import msgspec

from mapsys.eid import EidPrefix
from mapsys.hooks.message import SIGNATURE_HEADER, message, signature
from mapsys.hooks.settings import HookSettings, HookState, Occasion, Position
from mapsys.query_client import DaemonAway, QueryClient, QueryDeclined
from mapsys.query_events import WAIT_SECONDS_LIMIT
from mapsys.query_events_rows import EventKind, EventRow, EventsPage, EventsQuestion

PAGE_EVENTS: Final = 100
"""Moves taken at once: what is lost with this process is posted again from there."""

PAUSE_SECONDS: Final = 0.25
"""Between two questions to the daemon, so that a storm comes in pages; each moves the position."""

ANSWER_SECONDS: Final = 10.0

BACK_OFF_SECONDS: Final = 1.0
BACK_OFF_LIMIT_SECONDS: Final = 60.0

GIVE_UP_SECONDS: Final = 600.0
"""Age from which on a move is posted once and no more: it is news no longer."""

DAEMON_SECONDS: Final = 1.0
"""Before the daemon is asked again, where it did not answer."""

PROBLEM_CHARACTERS: Final = 200


class NotTaken(Exception):
    """The receiver did not take a message; the text says why."""


class Hook:
    """Posts to one URL. Never raises but for what ends the process.

    keep: is given the state whenever it changes. tell: takes a line for the log.
    """

    def __init__(
        self,
        settings: HookSettings,
        state: HookState,
        secret: bytes,
        client: QueryClient,
        session: aiohttp.ClientSession,
        *,
        keep: Callable[[HookState], None],
        tell: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._state = state
        self._secret = secret
        self._client = client
        self._session = session
        self._keep = keep
        self._tell = tell
        self._back_off = BACK_OFF_SECONDS

    async def run(self) -> None:
        """Go on for ever."""
        while True:
            try:
                page = await self._client.ask(self._question(), EventsPage)
            except (DaemonAway, QueryDeclined):
                await asyncio.sleep(DAEMON_SECONDS)
                continue
            await self._take(page)
            await asyncio.sleep(PAUSE_SECONDS)

    def _question(self) -> EventsQuestion:
        at = self._state.position
        session, serial = (None, 0) if at is None else (at.session, at.serial)
        return EventsQuestion(
            session, serial, PAGE_EVENTS, WAIT_SECONDS_LIMIT, frozenset({EventKind.MOVED})
        )

    async def _take(self, page: EventsPage) -> None:
        if page.reset and self._state.position is not None:
            self._tell(f"{self._settings.url}: events were missed; it goes on with the oldest kept")
            self._note(gaps=self._state.gaps + 1)
        for row in page.rows:
            await self._move(page.session, row)
            self._note(position=Position(page.session, row.serial))
        if len(page.rows) < PAGE_EVENTS:
            # No other move came before what was then the newest event.
            self._note(position=Position(page.session, page.last))

    async def _move(self, session: str, row: EventRow) -> None:
        if row.move is None or row.eid is None or row.at < self._state.since:
            return
        eid, _ = EidPrefix.unpack(row.eid)
        for occasion in Occasion:
            if occasion in self._settings.on:
                body = msgspec.json.encode(message(session, row, row.move, eid, occasion))
                await self._deliver(body, row.at + GIVE_UP_SECONDS)

    async def _deliver(self, body: bytes, until: float) -> None:
        """Post it until it is taken, or its time (in Unix seconds) is over; at least once."""
        while True:
            try:
                await self._post(body)
            except NotTaken as error:
                problem = str(error)[:PROBLEM_CHARACTERS]
                if self._state.problem is None:
                    self._tell(f"{self._settings.url}: {problem}; it is posted again")
                self._note(failed=self._state.failed + 1, problem=problem)
            else:
                if self._state.problem is not None:
                    self._tell(f"{self._settings.url}: it takes messages again")
                self._back_off = BACK_OFF_SECONDS
                delivered = self._state.delivered + 1
                self._note(delivered=delivered, last_delivered_at=time.time(), problem=None)
                return
            over = time.time() + self._back_off > until
            if over:
                self._note(given_up=self._state.given_up + 1)
            await asyncio.sleep(self._back_off)
            self._back_off = min(self._back_off * 2, BACK_OFF_LIMIT_SECONDS)
            if over:
                return

    async def _post(self, body: bytes) -> None:
        """Raises NotTaken."""
        headers = {
            "Content-Type": "application/json",
            SIGNATURE_HEADER: signature(self._secret, body),
        }
        try:
            async with self._session.post(
                self._settings.url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                status = answer.status
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise NotTaken(f"it cannot be reached: {str(error) or type(error).__name__}") from error
        if not 200 <= status < 300:
            raise NotTaken(f"it answered {status}")

    def _note(self, **changes: object) -> None:
        state = msgspec.structs.replace(self._state, **changes)
        if state != self._state:
            self._state = state
            self._keep(state)
