"""Faults from outside that a running node has to get over."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from mapsys.net import journal_files
from mapsys.net.journal_files import JournalError
from tests.daemon.node import Node, xtr
from tests.net.journal_run import WALL, eid_of, run
from tests.reliability.load import descriptors

STEPS = ("BEGIN IMMEDIATE", "INSERT", "DELETE", "COMMIT")
"""What one commit executes."""

ROOT = Path(__file__).parents[2]


class Faulty(sqlite3.Connection):
    """A database whose disk fails at one step, as often as told."""

    fails_at = ""
    times = 0

    def execute(self, sql: str, *rest: object) -> sqlite3.Cursor:  # type: ignore[override]
        if Faulty.times and Faulty.fails_at and sql.startswith(Faulty.fails_at):
            Faulty.times -= 1
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise error
        return super().execute(sql, *rest)  # type: ignore[arg-type]


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> type[Faulty]:
    def connect(*args: object, **options: object) -> sqlite3.Connection:
        return real(*args, factory=Faulty, **options)  # type: ignore[call-overload, no-any-return]

    real = sqlite3.connect
    monkeypatch.setattr(journal_files.sqlite3, "connect", connect)
    Faulty.times = 0
    return Faulty


@pytest.mark.parametrize("step", STEPS)
def test_an_input_output_error_at_any_step_of_a_commit_loses_nothing(
    step: str, faulty: type[Faulty], tmp_path: Path
) -> None:
    with run(tmp_path / "state") as first:
        first.register(1)
        first.commit()
        first.register(2)
        changes = first.store.take_changes()[1]
        faulty.fails_at, faulty.times = step, 2
        for _ in range(2):
            with pytest.raises(JournalError, match="the disk reports an error"):
                first.journal.commit(changes, now=first.now, wall=first.wall)
        first.journal.commit(changes, now=first.now, wall=first.wall)
    with run(tmp_path / "state", wall=WALL + 1) as second:
        assert second.journal.findings == ()
        assert {mapping.eid for mapping in second.mappings()} == {eid_of(1), eid_of(2)}


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_any_step_of_a_commit_leaves_what_was_committed(
    step: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "tests.reliability.killed_writer", str(tmp_path / "s"), step]
    writer = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert writer.returncode == -signal.SIGKILL, writer.stderr
    with run(tmp_path / "s", wall=WALL + 1) as after:
        assert after.journal.findings == ()
        assert {mapping.eid for mapping in after.mappings()} == {eid_of(1), eid_of(2)}
        after.register(3)
        after.commit()


def test_a_stopped_node_goes_on_where_it_was(node: Node) -> None:
    node.start()
    assert node.process is not None
    with xtr(node.address) as site:
        site.registers("198.18.1.1/32")
        node.process.send_signal(signal.SIGSTOP)
        site.register("198.18.1.2/32")
        assert site.hears(1.0) is None
        node.process.send_signal(signal.SIGCONT)
        assert site.hears() is not None, "what came meanwhile waited in the socket"
        reply = site.asks("198.18.1.1")
        assert reply is not None
        assert reply.records[0].rlocs
    assert not node.named("expired")
    assert not node.named("fault")


def test_without_descriptors_left_it_serves_and_recovers(node: Node) -> None:
    node.start()
    assert node.process is not None
    pid = node.process.pid
    with xtr(node.address) as site:
        site.registers("198.18.1.1/32")
        usual = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (descriptors(pid), usual[1]))
        site.registers("198.18.1.2/32")
        assert site.asks("198.18.1.1") is not None
        node.reload()
        assert site.asks("198.18.1.2") is not None
        resource.prlimit(pid, resource.RLIMIT_NOFILE, usual)
        assert node.reload()[-1]["event"] == "reloaded"
        site.registers("198.18.1.3/32")
    assert node.stop() == 0


def test_a_killed_http_process_costs_no_registration_and_comes_back(node: Node) -> None:
    node.start()
    node.wait_for("child-started", 2)
    with xtr(node.address) as site:
        for number in range(1, 3):
            os.kill(node.child_pid("http"), signal.SIGKILL)
            site.registers(f"198.18.1.{number}/32")
            node.wait_for("child-ended", number)
            node.wait_for("child-started", 2 + number)  # after those of fold and http
    assert node.stop() == 0


def test_a_start_that_is_broken_off_leaves_nothing_in_the_way(node: Node) -> None:
    for end in (signal.SIGTERM, signal.SIGKILL, signal.SIGINT):
        node.launch()
        node.end_by(end)
    node.start()
    with xtr(node.address) as site:
        site.registers("198.18.1.1/32")
    assert node.stop() == 0
