"""A node whose starts cost no imports: each is forked from a process that has made them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.daemon.node import Node

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["mapsys.cli.run", "tests.reliability.forked"])


def run(config: Path, log: Path) -> None:
    """Become the daemon, in a process of its own, as the command would."""
    from mapsys.cli.main import cli  # noqa: PLC0415  for the server that forks, not for each user

    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    cli(["run", "-c", str(config)])


class Forked:
    """One such process, with what a test asks of a ``Popen``."""

    def __init__(self, process: BaseProcess) -> None:
        process.start()
        assert process.pid is not None
        self._process = process
        self.pid = process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("the daemon", timeout or 0.0)
        return self._process.exitcode


class ForkedNode(Node):
    """As ``Node``, save that a start takes no longer than reading the state."""

    def new_process(self, *options: str) -> Forked:
        assert not options, "a forked node knows no options"
        self._log.touch()
        return Forked(CONTEXT.Process(target=run, args=(self.config, self._log)))
