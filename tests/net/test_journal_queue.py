"""The queue between the loop and the journal's thread: order, tickets, failure, recovery."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from mapsys.net import commit_queue
from mapsys.net.commit_queue import CommitQueue
from mapsys.net.journal_files import JournalError
from tests.net.journal_run import Run, run

PATIENCE_SECONDS = 60.0


class GuardedJournal:
    """A real journal behind a gate, and on a disk that can be taken away."""

    def __init__(self, opened: Run) -> None:
        self.run = opened
        self.gate = threading.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.commits: list[int] = []
        """Octets in each commit that was made."""

    def commit(self, changes: bytes, *, now: float, wall: float) -> None:
        assert self.gate.wait(PATIENCE_SECONDS)
        if self.error is not None:
            raise self.error
        self.run.journal.commit(changes, now=now, wall=wall)
        self.commits.append(len(changes))


class Harness:
    """A queue over a store and its journal, and what it reported."""

    def __init__(self, opened: Run) -> None:
        self.run = opened
        self.journal = GuardedJournal(opened)
        self.committed: list[int] = []
        self.errors: list[str] = []
        self.queue = CommitQueue(
            self.journal,
            opened.store.take_changes,
            on_committed=self.committed.append,
            on_failed=lambda error: self.errors.append(str(error)),
            occupied=lambda: len(opened.store) > 0,
            now=lambda: opened.now,
            wall=lambda: opened.wall,
        )

    def register(self, number: int) -> int:
        """One batch of the loop; returns the ticket that its Map-Notify would wait for."""
        self.run.register(number)
        ticket = self.run.store.ticket
        self.queue.kick()
        return ticket


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.005)


def play(folder: Path, scene: Callable[[Harness], Coroutine[None, None, None]]) -> None:
    """Run a scene on a loop with a fresh harness."""

    async def on_loop() -> None:
        with run(folder) as opened:
            await scene(Harness(opened))

    asyncio.run(on_loop())


def numbers_in(folder: Path) -> int:
    with run(folder) as after:
        return len(after.mappings())


def test_a_ticket_comes_back_when_its_changes_are_durable(folder: Path) -> None:
    async def scene(harness: Harness) -> None:
        ticket = harness.register(1)
        assert harness.committed == []
        await until(lambda: harness.committed == [ticket])
        assert harness.queue.writing
        await harness.queue.close()

    play(folder, scene)
    assert numbers_in(folder) == 1


def test_a_ticket_without_changes_comes_back_at_once(folder: Path) -> None:
    async def scene(harness: Harness) -> None:
        ticket = harness.run.store.ticket
        harness.queue.kick()
        assert harness.committed == [ticket]
        assert harness.journal.commits == []
        await harness.queue.close()

    play(folder, scene)


def test_what_comes_while_a_commit_is_under_way_is_committed_together(folder: Path) -> None:
    async def scene(harness: Harness) -> None:
        harness.journal.gate.clear()
        first = harness.register(0)
        tickets = [harness.register(number) for number in range(1, 6)]
        await asyncio.sleep(0.05)
        assert harness.committed == []
        harness.journal.gate.set()
        await until(lambda: harness.committed == [first, tickets[-1]])
        assert len(harness.journal.commits) == 2
        await harness.queue.close()

    play(folder, scene)
    assert numbers_in(folder) == 6


def test_a_ticket_without_changes_waits_for_the_commit_under_way(folder: Path) -> None:
    async def scene(harness: Harness) -> None:
        harness.journal.gate.clear()
        first = harness.register(0)
        second = harness.run.store.ticket
        harness.queue.kick()
        assert harness.committed == []
        harness.journal.gate.set()
        await until(lambda: harness.committed == [first, second])
        assert len(harness.journal.commits) == 1
        await harness.queue.close()

    play(folder, scene)


def test_a_failed_commit_is_tried_again_and_nothing_is_lost(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit_queue, "FIRST_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(commit_queue, "LAST_RETRY_SECONDS", 0.02)

    async def scene(harness: Harness) -> None:
        harness.journal.error = JournalError("the disk is full")
        harness.register(0)
        await until(lambda: len(harness.errors) >= 3)
        assert set(harness.errors) == {"the disk is full"}
        assert not harness.queue.writing
        last = harness.register(1)
        harness.queue.kick()
        assert harness.committed == []
        harness.journal.error = None
        await until(lambda: bool(harness.committed) and harness.committed[-1] > last)
        assert harness.queue.writing
        await harness.queue.close()

    play(folder, scene)
    assert numbers_in(folder) == 2


def test_a_fault_that_nobody_foresaw_is_reported_too(folder: Path) -> None:
    async def scene(harness: Harness) -> None:
        harness.journal.error = MemoryError("no more")
        harness.register(0)
        await until(lambda: bool(harness.errors))
        assert harness.errors == ["the journal failed unexpectedly: MemoryError('no more')"]
        harness.journal.error = None
        await harness.queue.close()

    play(folder, scene)
    assert numbers_in(folder) == 1


def test_signs_of_life_come_while_something_is_registered_and_nothing_is_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit_queue, "HEARTBEAT_SECONDS", 0.01)

    async def scene(harness: Harness) -> None:
        harness.run.wait(60.0)
        await asyncio.sleep(0.1)
        assert harness.journal.commits == []
        harness.register(1)
        await until(lambda: len(harness.journal.commits) == 1)
        harness.run.wait(60.0)
        await until(lambda: len(harness.journal.commits) == 2)
        assert harness.journal.commits[1] == 0

    play(folder, scene)
    with run(folder) as after:
        assert after.lifetime_left(1) == pytest.approx(120.0)


def test_closing_commits_what_is_left_and_the_time_that_passed(folder: Path) -> None:
    async def scene(harness: Harness) -> None:
        harness.journal.gate.clear()
        harness.register(0)
        harness.run.register(1)
        ticket = harness.run.store.ticket
        asyncio.get_running_loop().call_later(0.05, harness.journal.gate.set)
        harness.run.wait(30.0)
        await harness.queue.close()
        assert harness.committed[-1] == ticket

    play(folder, scene)
    with run(folder) as after:
        assert after.lifetime_left(0) == pytest.approx(150.0)
        assert after.lifetime_left(1) == pytest.approx(150.0)


def test_closing_on_a_disk_that_is_gone_says_so(folder: Path) -> None:
    async def scene(harness: Harness) -> None:
        harness.journal.error = JournalError("the disk is full")
        harness.register(0)
        await until(lambda: bool(harness.errors))
        with pytest.raises(JournalError, match="the disk is full"):
            await harness.queue.close()
        assert harness.committed == []

    play(folder, scene)
    assert numbers_in(folder) == 0
