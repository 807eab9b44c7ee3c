"""From the loop to the journal's one thread, and back: changes out, commits in.

While a commit is under way, what changes meanwhile is gathered for the next one.
A commit that fails loses nothing: its changes stay first in line and are tried
again, later and later, until the disk takes them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, Protocol

from mapsys.histogram import Histogram
from mapsys.net.journal import HEARTBEAT_SECONDS
from mapsys.net.journal_files import JournalError

FIRST_RETRY_SECONDS: Final = 0.25
LAST_RETRY_SECONDS: Final = 5.0
"""The pause before a failed commit is tried again doubles from the first to the last."""


BOUNDS_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""A solid-state disk takes a millisecond, a busy spinning one a tenth of a second."""


class Committer(Protocol):
    """What makes changes durable: ``net.journal.Journal``."""

    def commit(self, changes: bytes, *, now: float, wall: float) -> None: ...


class CommitQueue:
    """Commits in the order of changes; one queue for one journal, on the running loop.

    take: gives a ticket and the packed changes since the last call.
    on_committed: everything up to this ticket is durable. on_failed: a commit
    failed with this error and will be tried again; :attr:`writing` is false until
    one succeeds.
    occupied: whether anything is held whose lifetime signs of life are for.
    now: the clock of the deadlines; wall: seconds since 1970.
    """

    def __init__(
        self,
        journal: Committer,
        take: Callable[[], tuple[int, bytes]],
        *,
        on_committed: Callable[[int], None],
        on_failed: Callable[[JournalError], None],
        occupied: Callable[[], bool],
        now: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._journal = journal
        self._take = take
        self._on_committed = on_committed
        self._on_failed = on_failed
        self._occupied = occupied
        self._now = now
        self._wall = wall
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._waiting = bytearray()
        self._ticket = 0
        self._under_way: asyncio.Future[float] | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._retry_seconds = FIRST_RETRY_SECONDS
        self._last_write = self._now()
        self._heartbeat = self._loop.call_later(HEARTBEAT_SECONDS, self._beat)
        self.writing = True
        """Whether the last commit succeeded."""
        self.seconds = Histogram(BOUNDS_SECONDS)
        """How long successful commits took, in the journal's thread."""

    def kick(self) -> None:
        """Fetch what has changed, and see to it that it is committed."""
        self._fetch()
        if self._under_way is None and self._retry is None:
            self._go_on()

    def _fetch(self) -> None:
        self._ticket, changes = self._take()
        self._waiting += changes

    def _go_on(self) -> None:
        if self._waiting:
            self._commit()
        else:
            self._on_committed(self._ticket)

    def _commit(self) -> asyncio.Future[float]:
        changes, now = bytes(self._waiting), self._now()
        self._waiting.clear()
        work = partial(self._timed_commit, changes, now, self._wall())
        commit = self._loop.run_in_executor(self._thread, work)
        commit.add_done_callback(partial(self._done, changes, self._ticket, now))
        self._under_way = commit
        return commit

    def _timed_commit(self, changes: bytes, now: float, wall: float) -> float:
        """In the thread; returns the seconds it took."""
        began = time.perf_counter()
        self._journal.commit(changes, now=now, wall=wall)
        return time.perf_counter() - began

    def _done(self, changes: bytes, ticket: int, now: float, commit: asyncio.Future[float]) -> None:
        self._under_way = None
        error = commit.exception()
        if error is not None:
            self._waiting[:0] = changes
            self.writing = False
            self._retry = self._loop.call_later(self._retry_seconds, self._try_again)
            self._retry_seconds = min(2 * self._retry_seconds, LAST_RETRY_SECONDS)
            if not isinstance(error, JournalError):
                error = JournalError(f"the journal failed unexpectedly: {error!r}")
            self._on_failed(error)
            return
        self.writing = True
        self.seconds.observe(commit.result())
        self._retry_seconds = FIRST_RETRY_SECONDS
        self._last_write = now
        self._on_committed(ticket)
        if self._ticket > ticket and self._under_way is None:
            self._go_on()

    def _try_again(self) -> None:
        self._retry = None
        self._commit()

    def _beat(self) -> None:
        """Leave a sign of life where nothing else has lately."""
        silent = self._now() - self._last_write
        if silent >= HEARTBEAT_SECONDS and self._under_way is None and self._retry is None:
            silent = 0.0
            if self._occupied():
                self._commit()
        pause = max(HEARTBEAT_SECONDS - silent, 1.0)
        self._heartbeat = self._loop.call_later(pause, self._beat)

    async def close(self) -> None:
        """Commit what is left, with a last sign of life, and end the thread.

        Raises what the journal raised where it cannot write; then the changes
        since the last commit are lost, none of which was acknowledged.
        """
        self._heartbeat.cancel()
        self._fetch()
        while self._under_way is not None:
            await asyncio.wait([self._under_way])
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        try:
            if self._waiting or self._occupied():
                await self._commit()
            else:
                self._on_committed(self._ticket)
        finally:
            if self._retry is not None:
                self._retry.cancel()
            self._thread.shutdown(wait=False)
