"""Child processes that are kept running, and ended in order."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from mapsys.net.children import Child
from mapsys.net.log import open_log
from mapsys.net.loop import run
from tests.datapath.bench import PATIENCE_SECONDS

WAITS = "import signal; signal.pause()"
STUBBORN = (
    "import pathlib, signal, sys, time;"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "pathlib.Path(sys.argv[1]).touch();"
    "time.sleep(600)"
)


def play(argv: list[str], scene: Callable[[Child], Awaitable[None]]) -> list[dict[str, object]]:
    """Run a scene with a child on the daemon's loop; returns the log."""
    out = io.StringIO()

    async def whole() -> None:
        child = Child("player", argv, open_log(out), back_off_seconds=0.01, stop_seconds=0.5)
        child.start()
        try:
            await scene(child)
        finally:
            await child.stop()

    run(whole())
    return [json.loads(line) for line in out.getvalue().splitlines()]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():
            await asyncio.sleep(0.005)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_child_that_is_killed_is_started_again() -> None:
    pids: list[int] = []

    async def scene(child: Child) -> None:
        await until(lambda: child.pid is not None)
        assert child.pid is not None
        pids.append(child.pid)
        os.kill(child.pid, signal.SIGKILL)
        await until(lambda: child.pid not in (None, pids[0]))
        assert child.pid is not None
        pids.append(child.pid)

    log = play([sys.executable, "-c", WAITS], scene)
    assert [line["event"] for line in log] == ["child-started", "child-ended", "child-started"]
    assert log[1]["outcome"] == "signal 9"
    assert not any(is_alive(pid) for pid in pids)


def test_a_child_that_keeps_failing_is_started_ever_more_slowly() -> None:
    async def scene(child: Child) -> None:
        await asyncio.sleep(0.3)

    log = play(["/bin/sh", "-c", "exit 3"], scene)
    waits = [line["again_in_seconds"] for line in log if line["event"] == "child-ended"]
    assert len(waits) >= 2
    assert waits == [0.01 * 2**n for n in range(len(waits))]
    assert {line["outcome"] for line in log if line["event"] == "child-ended"} == {"exit code 3"}


def test_a_program_that_is_not_there_is_told() -> None:
    async def scene(child: Child) -> None:
        await asyncio.sleep(0.05)

    log = play(["/nonexistent/program"], scene)
    assert "cannot be started" in str(log[0]["outcome"])


def test_a_child_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    pids: list[int] = []

    async def scene(child: Child) -> None:
        await until(ready.exists)
        assert child.pid is not None
        pids.append(child.pid)

    play([sys.executable, "-c", STUBBORN, str(ready)], scene)
    assert not is_alive(pids[0])
