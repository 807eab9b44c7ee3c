"""What a running node may do, and what it never shows."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.node import SECRET, Node, until, xtr

CANARY = SECRET
"""The site's secret: wherever it turns up, it has leaked."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node with all its children, and with something in its journal; nobody stops it."""
    mask = os.umask(0o022)
    made = Node(tmp_path_factory.mktemp("running"))
    try:
        made.start()
        made.wait_for("child-started", 2)
        with xtr(made.address) as site:
            site.registers("198.18.1.1/32")  # so that the journal's thread is there
        yield made
    finally:
        made.close()
        os.umask(mask)


def status_of(pid: int, name: str) -> str:
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return text.partition(f"{name}:")[2].split()[0]


def capabilities(pid: int) -> int:
    """Effective and permitted ones of every thread."""
    found = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        text = (task / "status").read_text(encoding="ascii")
        for name in ("CapEff", "CapPrm"):
            found |= int(text.partition(f"{name}:")[2].split()[0], 16)
    return found


def test_a_running_node_has_no_capability_and_gains_none(running: Node) -> None:
    assert running.process is not None
    pids = [running.process.pid, running.child_pid("http"), running.child_pid("fold")]
    for pid in pids:
        assert capabilities(pid) == 0
        assert status_of(pid, "NoNewPrivs") == "1"


def test_nothing_of_its_memory_reaches_the_disk_unless_asked_for(running: Node, node: Node) -> None:
    assert running.process is not None
    http = running.child_pid("http")
    until(lambda: core_limit(http) == (0, 0), lambda: "the HTTP process may dump core")
    assert core_limit(running.process.pid) == (0, 0)
    unlimited = resource.getrlimit(resource.RLIMIT_CORE)
    node.launch("--core-dumps")
    node.wait_for("ready")
    assert node.process is not None
    assert core_limit(node.process.pid) == unlimited


def test_no_one_may_look_into_a_process_that_is_guarded() -> None:
    """Asked of the kernel by the process itself: to root, others' answers are all alike."""
    program = (
        "import ctypes, os\n"
        "from mapsys.net.process_guard import guard_memory\n"
        "dumpable = lambda: ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)\n"
        "print(dumpable()); guard_memory(); print(dumpable(), oct(os.umask(0)))\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert said.stdout.split() == ["1", "0", "0o77"]


def core_limit(pid: int) -> tuple[int, int]:
    return resource.prlimit(pid, resource.RLIMIT_CORE)


def test_what_it_writes_is_its_owners_alone(running: Node) -> None:
    for path in [running.state, *running.state.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, f"{path} is open to others"


def test_a_secret_is_in_no_output_and_no_file_that_it_writes(node: Node) -> None:
    node.environment["PYTHONFAULTHANDLER"] = "1"
    node.start()
    node.wait_for("child-started", 2)
    assert node.process is not None
    with xtr(node.address) as site:
        site.registers("198.18.1.1/32")
        site.socket.sendto(b"\x38garbage", node.address)
    node.config.write_text(
        node.config.read_text(encoding="utf-8").replace("prefix:", "prefx:"), encoding="utf-8"
    )
    node.reload()
    command = Path(f"/proc/{node.process.pid}/cmdline").read_bytes()
    pids = [node.child_pid("http"), node.child_pid("fold")]
    command += b"".join(Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids)
    written = node.state.rglob("*")
    seen = {path: path.read_bytes() for path in written if path.is_file()}
    node.end_by(signal.SIGABRT)  # the traceback of every thread
    said = node.said()
    assert "Current thread" in said
    assert CANARY not in said
    assert CANARY.encode() not in command
    for path, octets in seen.items():
        assert CANARY.encode() not in octets, path
