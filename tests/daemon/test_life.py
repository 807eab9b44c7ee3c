"""A node's life: start, serve, end; and what a restart finds again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mapsys.wire.auth import Key
from mapsys.wire.records import Action
from tests.daemon.node import PATIENCE_SECONDS, Node, until, xtr


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be reaped does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_a_site_registers_and_is_found(node: Node) -> None:
    node.start()
    with xtr(node.address) as site:
        site.registers("198.18.1.0/24")
        for _ in range(3):
            reply = site.asks("198.18.1.77")
            assert reply is not None
            assert str(reply.records[0].eid_prefix) == "198.18.1.0/24"
            assert len(reply.records[0].rlocs) == 1
        hole = site.asks("198.18.200.1")
        assert hole is not None
        assert str(hole.records[0].eid_prefix) == "198.18.128.0/17"
        assert hole.records[0].action == Action.NATIVELY_FORWARD
    assert node.stop() == 0
    assert [line["event"] for line in node.events()][-2:] == ["stopping", "stopped"]


def test_a_wrong_secret_gets_silence_and_one_line(node: Node) -> None:
    node.start()
    with xtr(node.address) as stranger:
        for _ in range(3):
            stranger.register("198.18.1.0/24", key=Key(b"a guess"))
        line = node.wait_for("message-dropped")
        assert line["reason"] == "authentication-failed"
        assert line["source"] == "127.0.0.1"
        unregistered = stranger.asks("198.18.1.1")
        assert unregistered is not None, "the next message heard is the answer, no Map-Notify"
        assert unregistered.records[0].rlocs == ()
    assert node.stop() == 0
    assert len(node.named("message-dropped")) == 1
    [suppressed] = node.named("suppressed")
    assert suppressed["suppressed"] == 2
    assert "a guess" not in node.said()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_restart_finds_what_was_acknowledged(end: signal.Signals, node: Node) -> None:
    node.start()
    with xtr(node.address) as site:
        acknowledged = [f"198.18.1.{host}/32" for host in range(40)]
        for prefix in acknowledged:
            site.registers(prefix)
        assert node.end_by(end) == (-signal.SIGKILL if end is signal.SIGKILL else 0)
        node.start()
        assert node.wait_for("ready")["restored"] == len(acknowledged)
        for prefix in acknowledged[::10]:
            reply = site.asks(prefix.partition("/")[0])
            assert reply is not None
            assert str(reply.records[0].eid_prefix) == prefix
            assert reply.records[0].rlocs


def test_no_child_outlives_a_killed_daemon(node: Node) -> None:
    node.start()
    node.wait_for("child-started", 2)
    pids = [node.child_pid(name) for name in ("http", "fold")]
    until((node.state / "http.sock").exists, lambda: "no HTTP socket")
    node.end_by(signal.SIGKILL)
    until(lambda: not any(is_alive(pid) for pid in pids), lambda: "a child outlived the daemon")


def test_a_child_that_dies_is_started_again(node: Node) -> None:
    node.start()
    node.wait_for("child-started", 2)
    os.kill(node.child_pid("http"), signal.SIGKILL)
    line = node.wait_for("child-ended")
    assert line["child"] == "http"
    assert line["outcome"] == "signal 9"
    node.wait_for("child-started", 3)
    assert node.stop() == 0


def test_the_status_interface_tells_of_the_daemon(node: Node) -> None:
    node.start()
    with xtr(node.address) as site:
        site.registers("198.18.1.0/24")
    until((node.state / "http.sock").exists, lambda: "no HTTP socket")
    command = [sys.executable, "-m", "mapsys.cli.main", "status", "-o", "json"]
    told = subprocess.run(
        [*command, "--state", str(node.state)],
        check=True,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
    )
    status = json.loads(told.stdout)
    assert status["node"] == "test.example"
    assert status["registrations"] == 1
    assert status["roles"] == ["map-server", "map-resolver"]


def test_the_service_manager_is_told(node: Node, tmp_path: Path) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(PATIENCE_SECONDS)

        def next_state() -> str:
            """The next line that is no watchdog's."""
            while True:
                line = manager.recv(4096).decode().splitlines()[0]
                if line != "WATCHDOG=1":
                    return line

        node.environment = {"NOTIFY_SOCKET": str(path)}
        node.start()
        assert next_state() == "READY=1"
        assert "type next" not in node.said(), "that is for people, not for the journal"
        node.reload()
        assert [next_state(), next_state()] == ["RELOADING=1", "READY=1"]
        node.stop()
        assert next_state() == "STOPPING=1"
