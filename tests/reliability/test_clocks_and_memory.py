"""Clocks that jump and a disk that is slow under a journal; a node whose memory is full."""

from __future__ import annotations

import asyncio
import resource
import time
from pathlib import Path

import pytest

from mapsys.net.commit_queue import CommitQueue
from mapsys.net.journal_files import JournalError
from tests.daemon.node import Node, until, xtr
from tests.net.journal_run import Run, eid_of, run

YEARS = 10 * 365 * 86_400.0
ROOM_OCTETS = 4 << 20


class SlowJournal:
    """The journal over a disk whose fsync takes as long as told, or fails so often."""

    def __init__(self, journal: Run) -> None:
        self._run = journal
        self.seconds = 0.0
        self.failures = 0

    def commit(self, changes: bytes, *, now: float, wall: float) -> None:
        time.sleep(self.seconds)
        if self.failures:
            self.failures -= 1
            raise JournalError("the disk reports an error")
        self._run.journal.commit(changes, now=now, wall=wall)


@pytest.mark.parametrize("jump", [-YEARS, -3_600.0, 3_600.0, YEARS])
def test_a_jump_of_the_wall_clock_while_it_serves_ends_no_registration(
    jump: float, tmp_path: Path
) -> None:
    with run(tmp_path / "state") as node:
        node.register(1)
        node.commit()
        node.wall += jump
        node.register(2)
        node.commit()
        wall = node.wall
    with run(tmp_path / "state", wall=wall + 1) as after:
        assert after.journal.findings == ()
        assert {mapping.eid for mapping in after.mappings()} == {eid_of(1), eid_of(2)}
        assert all(170 < after.lifetime_left(number) <= 180 for number in (1, 2))


def test_a_slow_or_failing_disk_holds_acknowledgments_back_and_nothing_else(
    tmp_path: Path,
) -> None:
    async def scenario(node: Run) -> None:
        loop, disk = asyncio.get_running_loop(), SlowJournal(node)
        committed: list[int] = []
        failed: list[JournalError] = []
        queue = CommitQueue(
            disk,
            node.store.take_changes,
            on_committed=committed.append,
            on_failed=failed.append,
            occupied=lambda: True,
        )
        for seconds, failures in ((0.5, 0), (0.0, 2)):
            disk.seconds, disk.failures = seconds, failures
            node.register(len(committed) + 1)
            ticket = node.store.ticket
            queue.kick()
            turns = 0
            while not committed or committed[-1] < ticket:
                assert node.store.get(eid_of(1)) is not None, "lookups ask memory alone"
                turns += 1
                assert turns < 6_000
                await asyncio.sleep(0.005)
            assert turns > 5, "the loop went on while the disk took its time"
        assert len(failed) == 2
        await queue.close()
        assert loop.is_running()

    with run(tmp_path / "state") as node:
        asyncio.run(scenario(node))
    with run(tmp_path / "state") as after:
        assert len(after.mappings()) == 2


def test_without_memory_left_it_goes_on_or_ends_and_loses_nothing(node: Node) -> None:
    node.start()
    assert node.process is not None
    pid = node.process.pid
    with xtr(node.address) as site:
        site.registers("198.18.1.1/32")
        text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        held = int(text.partition("VmSize:")[2].split()[0]) * 1024
        usual = resource.prlimit(pid, resource.RLIMIT_AS)
        resource.prlimit(pid, resource.RLIMIT_AS, (held + ROOM_OCTETS, usual[1]))
        for number in range(2, 60):
            site.register(f"198.18.1.{number}/32")
            site.hears(0.05)
        if node.process.poll() is None:
            resource.prlimit(pid, resource.RLIMIT_AS, usual)
            until(lambda: site.asks("198.18.1.1", 1.0) is not None, node.said)
            node.stop()
    node.start()
    assert node.wait_for("ready")["restored"] >= 1
    assert not node.named("state-damaged")
