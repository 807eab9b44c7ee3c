"""The two small programs beside ExaBGP: the relay that never waits, the launcher that binds."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path

from alt.bgp import launch, relay


def wait_gone(pid: int) -> bool:
    """Whether a process ends within a generous time."""
    for _ in range(200):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def start_relay(
    folder: Path, limit_octets: int | None = None
) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """A relay with its pipes here, and the node's end of its connection."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(folder / "bgp.sock"))
    server.listen()
    server.settimeout(60)
    command = [sys.executable, relay.__file__, str(folder / "bgp.sock")]
    if limit_octets is not None:
        call = f"from alt.bgp.relay import main; main({str(folder / 'bgp.sock')!r}, {limit_octets})"
        command = [sys.executable, "-c", call]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    node, _ = server.accept()
    server.close()
    node.settimeout(60)
    return process, node


def test_no_one_may_look_into_it() -> None:
    program = (
        "import ctypes; from alt.bgp.relay import keep_private\n"
        "dumpable = lambda: ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)\n"
        "print(dumpable()); keep_private(); print(dumpable())\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert said.stdout.split() == [b"1", b"0"]


def test_lines_cross_both_ways_in_order(tmp_path: Path) -> None:
    process, node = start_relay(tmp_path)
    assert resource.prlimit(process.pid, resource.RLIMIT_CORE) == (0, 0)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"one\ntwo\n")
    process.stdin.flush()
    assert node.makefile("rb").readline() == b"one\n"
    node.sendall(b"command\n")
    assert process.stdout.readline() == b"command\n"
    node.close()
    assert process.wait(20) == 0
    process.stdin.close()
    process.stdout.close()


def test_a_node_that_does_not_read_never_makes_exabgp_wait(tmp_path: Path) -> None:
    process, node = start_relay(tmp_path)
    assert process.stdin is not None
    octets = b"x" * 1_000_000
    for _ in range(32):  # far more than pipes and sockets hold
        process.stdin.write(octets)
    process.stdin.close()
    received = 0
    while chunk := node.recv(1 << 20):
        received += len(chunk)
    assert received == 32 * len(octets)
    assert process.wait(20) == 0
    node.close()


def test_a_backlog_past_the_limit_ends_the_relay(tmp_path: Path) -> None:
    process, node = start_relay(tmp_path, limit_octets=1_000_000)
    assert process.stdin is not None
    try:
        for _ in range(64):
            process.stdin.write(b"x" * 1_000_000)
    except BrokenPipeError:
        pass
    assert process.wait(20) == 1
    node.close()


def test_a_missing_node_is_told_in_a_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, relay.__file__, str(tmp_path / "nobody")],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=30,
    )
    assert done.returncode == 1
    assert done.stderr == f"relay: {tmp_path / 'nobody'}: No such file or directory\n"


def test_what_is_launched_does_not_outlive_its_node(tmp_path: Path) -> None:
    """The node is killed with SIGKILL; nobody is left to end the process but the kernel."""
    node = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import os, subprocess, sys\n"
            f"child = subprocess.Popen([sys.executable, {launch.__file__!r}, str(os.getpid()), '',"
            " 'sleep', '60'])\n"
            "print(child.pid, flush=True)\n"
            "child.wait()\n",
        ],
        stdout=subprocess.PIPE,
    )
    assert node.stdout is not None
    pid = int(node.stdout.readline())
    for _ in range(200):
        if b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]:
            break
        time.sleep(0.05)
    assert os.path.exists(f"/proc/{pid}")
    node.kill()
    node.wait()
    node.stdout.close()
    assert wait_gone(pid)


def test_a_missing_namespace_or_program_is_told_in_a_sentence() -> None:
    for namespace, program, named in (
        ("/run/netns/mapsys-none", "true", "/run/netns/mapsys-none"),
        ("", "/nowhere/exabgp", "/nowhere/exabgp"),
    ):
        done = subprocess.run(
            [sys.executable, launch.__file__, str(os.getpid()), namespace, program],
            check=False,
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert done.returncode == 1
        assert done.stderr == f"launch: {named}: No such file or directory\n"
