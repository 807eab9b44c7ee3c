"""kill -9 at any instant: what was reported as committed is there."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.net.journal_run import eid_of, run

ROUNDS = 10
START_SECONDS = 60.0


def start(module: str, folder: Path) -> subprocess.Popen[bytes]:
    """Its output is not buffered here: ``communicate`` would leave out what a buffer holds."""
    return subprocess.Popen(
        [sys.executable, "-m", module, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        cwd=Path(__file__).parents[2],
    )


def kill(process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    process.send_signal(signal.SIGKILL)
    return process.communicate(timeout=START_SECONDS)


def test_a_killed_writer_loses_nothing_that_it_reported(scratch: Path) -> None:
    folder = scratch / "state"
    choice = random.Random(os.urandom(8))
    reported = 0
    for round_number in range(ROUNDS):
        writer = start("tests.net.journal_writer", folder)
        assert writer.stdout is not None
        first = writer.stdout.readline()
        folder_process = start("mapsys.net.fold", folder) if round_number % 2 else None
        time.sleep(choice.uniform(0.0, 0.1))
        if folder_process is not None:
            kill(folder_process)
        output, errors = kill(writer)
        lines = (first + output).split(b"\n")[:-1]  # what follows the last newline is cut off
        assert lines, errors
        reported = int(lines[-1])
        with run(folder, wall=time.time()) as after:
            assert after.journal.findings == ()
            mark = after.store.nonce_mark(b"writer")
            assert mark in (reported, reported + 1)
            held = {mapping.eid for mapping in after.store.scan(None, 1_000_000)}
        assert held == {eid_of(number) for number in range(1, mark + 1)}
    assert reported >= ROUNDS
