"""What the daemon measures of itself: late turns, slow answers, slow commits."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from mapsys.core.effects import Answered, Datagram, Effect, Send
from mapsys.eid import EidPrefix
from mapsys.histogram import Histogram
from mapsys.net.loop_lag import LoopLag
from tests.net import test_journal_queue as queue_scenes
from tests.net import test_shell as shell_scenes

EID = EidPrefix.parse("198.18.1.0/24")


def test_a_value_counts_in_the_bucket_of_the_bound_it_does_not_exceed() -> None:
    histogram = Histogram((0.1, 1.0))
    for seconds in (0.1, 0.05, 0.5, 7.0):
        histogram.observe(seconds)
    histogram.observe(2.0, count=3)
    assert histogram.counts == [2, 1, 4]
    assert histogram.total_seconds == pytest.approx(13.65)


def test_a_loop_that_was_held_up_is_seen_to_be_late() -> None:
    async def scene() -> Histogram:
        lag = LoopLag()
        lag.start()
        await asyncio.sleep(0)
        time.sleep(0.8)  # what no part of the daemon may do
        await asyncio.sleep(0.05)
        lag.stop()
        return lag.seconds

    seconds = asyncio.run(scene())
    above = seconds.bounds.index(0.25) + 1
    assert sum(seconds.counts[above:]) == 1


def test_successful_commits_are_timed_and_failed_ones_are_not(tmp_path: Path) -> None:
    async def scene(harness: queue_scenes.Harness) -> None:
        harness.journal.error = OSError("no disk")
        harness.register(1)
        await queue_scenes.until(lambda: len(harness.errors) == 1)
        assert sum(harness.queue.seconds.counts) == 0
        harness.journal.error = None
        await queue_scenes.until(lambda: len(harness.committed) == 1)
        assert sum(harness.queue.seconds.counts) == 1
        assert harness.queue.seconds.total_seconds > 0
        await harness.queue.close()

    queue_scenes.play(tmp_path, scene)


class SlowCore(shell_scenes.EchoCore):
    """Answers a Map-Request after a while, and drops what is none."""

    def handle(self, datagram: Datagram, now: float) -> list[Effect]:
        if datagram.data[0] >> 4 != 1:
            return []
        time.sleep(0.03)
        return [
            Send(b"\x20", datagram.source, datagram.local),
            Answered(shell_scenes.EID, "proxy-reply"),
        ]


def test_a_map_request_counts_with_the_turn_that_answered_it() -> None:
    async def scene(stage: shell_scenes.Stage) -> None:
        stage.peer.send(b"\x30no Map-Request", stage.address)
        await stage.until(lambda: stage.batches == 1)
        assert sum(stage.shell.request_seconds.counts) == 0
        stage.peer.send(b"\x10a Map-Request", stage.address)
        assert await stage.receive() == b"\x20"
        await stage.until(lambda: stage.batches == 2)
        seconds = stage.shell.request_seconds
        assert sum(seconds.counts) == 1
        assert sum(seconds.counts[: seconds.bounds.index(0.025) + 1]) == 0

    shell_scenes.play(scene, SlowCore)
