"""The end: a lame duck that serves on, the service manager's sockets and its watchdog."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix
from tests.daemon.node import PATIENCE_SECONDS, Node, xtr
from tests.daemon.test_trial import mapsys, started, status


def test_a_lame_duck_is_not_ready_and_answers(node: Node) -> None:
    started(node)
    with xtr(node.address) as site:
        site.registers("198.18.1.0/24")
        assert "3600 s more" in mapsys(node, "stop", "--lameduck", "3600").stdout
        node.wait_for("lameduck")
        assert mapsys(node, "status").exit_code == 1
        assert any("shutting down" in one for one in status(node)["not_ready"])
        reply = site.asks("198.18.1.1")
        assert reply is not None
        assert reply.records[0].rlocs
        site.registers("198.18.1.0/24")
    assert node.stop() == 0, "a second time ends it at once"
    assert [line["event"] for line in node.events()][-2:] == ["stopping", "stopped"]


def test_lame_duck_is_over_when_its_time_is(node: Node, tmp_path: Path) -> None:
    text = node.config.read_text().replace("control: {", "control: {lameduck: 1s, ")
    node.config.write_text(text)
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(PATIENCE_SECONDS)
        node.environment = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "400000"}
        node.start()
        told = [manager.recv(4096).decode() for _ in range(4)]
        assert sum(one.startswith("WATCHDOG=1") for one in told) >= 3, "the loop feeds it"
        assert node.stop() == 0
        manager.settimeout(0)
        rest = []
        try:
            while True:
                rest.append(manager.recv(4096).decode())
        except BlockingIOError:
            pass
    stopping = [one for one in rest if one.startswith("STOPPING=1")]
    assert stopping[0] == "STOPPING=1\nEXTEND_TIMEOUT_USEC=" + stopping[0].rpartition("=")[2]
    assert int(stopping[0].rpartition("=")[2]) > 20_000_000
    assert node.named("lameduck")[0]["seconds"] == 1


def test_a_journal_that_is_gone_is_not_ready(node: Node) -> None:
    started(node)
    (node.state / "journal.db").rename(node.state / "elsewhere.db")
    assert any("journal unreadable" in one for one in status(node)["not_ready"])
    (node.state / "elsewhere.db").rename(node.state / "journal.db")
    assert status(node)["not_ready"] == []


def test_datagrams_wait_in_the_service_managers_socket(node: Node) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind(("127.0.0.1", 0))
        node.address = Endpoint(*held.getsockname())
        node.configure()
        with xtr(node.address) as site:
            site.register("198.18.1.0/24")  # nobody is there yet
            _launch_with(node, held)
            node.wait_for("ready")
            assert site.hears() is not None, "the Map-Notify of what waited"
            assert node.stop() == 0
            site.register("198.18.1.128/25")
            _launch_with(node, held)
            node.wait_for("ready")
            assert site.hears() is not None
            reply = site.asks("198.18.1.129")
            assert reply is not None
            assert reply.records[0].eid_prefix == EidPrefix.parse("198.18.1.128/25")
            assert node.reload()[-1]["event"] == "reloaded"
            site.registers("198.18.1.0/24")


# In the process that is begun: in this one, descriptor 3 is somebody else's.
_AS_SERVICE_MANAGER = """\
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"""


def _launch_with(node: Node, held: socket.socket) -> None:
    """Start it as a service manager does that opened its socket."""
    log = node.folder / f"log-held-{len(list(node.folder.iterdir()))}"
    node._log = log
    command = [sys.executable, "-m", "mapsys.cli.main", "run", "-c", str(node.config)]
    with log.open("wb") as out:
        node.process = subprocess.Popen(
            [sys.executable, "-c", _AS_SERVICE_MANAGER, str(held.fileno()), *command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            pass_fds=(held.fileno(),),
            env={**os.environ, "LISTEN_FDS": "1"},
        )
