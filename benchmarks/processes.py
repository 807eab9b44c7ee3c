"""The processes of a benchmark: built, pinned to their cores, timed by the scheduler's account."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HOST: Final = "127.0.0.1"
START_SECONDS: Final = 60
"""How long a server may take until it is ready."""
STOP_SECONDS: Final = 20
"""How long it may take to end when asked to."""

_SOURCES: Final = Path(__file__).parent
_RESULT: Final = re.compile(
    r"answered=(\d+) lost=(\d+) unmatched=(\d+) seconds=([\d.]+)"
    r"(?: p50=([\d.]+) p99=([\d.]+) p999=([\d.]+))?"
)


def cores() -> tuple[set[int], set[int]]:
    """(the server's core, the generator's); the same one where there is only one."""
    available = sorted(os.sched_getaffinity(0))
    return {available[0]}, {available[-1]}


def compiled(name: str, folder: Path) -> Path:
    """Build benchmarks/NAME.c into a folder. Raises SystemExit with a sentence without gcc."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise SystemExit("the benchmark needs a C compiler: apt-get install gcc libc6-dev")
    program = folder / name
    subprocess.run(
        [compiler, "-O2", "-Wall", "-Wextra", "-o", str(program), str(_SOURCES / f"{name}.c")],
        check=True,
    )
    return program


def free_udp_ports(count: int) -> list[int]:
    """Ports on loopback that nobody holds just now, all different."""
    held = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    try:
        for one in held:
            one.bind((HOST, 0))
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


@dataclass(frozen=True, slots=True)
class Server:
    """A running process that answers on HOST and a UDP port."""

    process: subprocess.Popen[bytes]
    port: int

    def cpu_seconds(self) -> float:
        """User and kernel time of all its threads since they started (not its children's)."""
        total = 0
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            total += int((task / "schedstat").read_text(encoding="ascii").split()[0])
        return total / 1e9


@contextmanager
def _on(core: set[int]) -> Iterator[None]:
    """What is started inside runs on this core, with its threads and children."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, core)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def _running(command: list[str], port: int, log: Path) -> Iterator[Server]:
    server_core, _ = cores()
    with log.open("w", encoding="utf-8") as output, _on(server_core):
        process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _is_held(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{command[0]} did not start; it said:\n{log.read_text()}")
            time.sleep(0.05)
        yield Server(process, port)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_SECONDS)


def _is_held(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def echo(program: Path, folder: Path) -> AbstractContextManager[Server]:
    """The floor, ready to answer."""
    (port,) = free_udp_ports(1)
    return _running([str(program), HOST, str(port)], port, folder / "echo.log")


def daemon(config: Path, port: int, folder: Path) -> AbstractContextManager[Server]:
    """``mapsys run`` on a configuration, once it holds its port."""
    mapsys = Path(sys.executable).with_name("mapsys")
    return _running([str(mapsys), "run", "-c", str(config)], port, folder / "mapsys.log")


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of the generator saw.

    cpu_microseconds: of the server, for each answered message. latencies: the 50th,
    99th and 99.9th percentile in microseconds, where there was a rate.
    """

    answered: int
    lost: int
    unmatched: int
    seconds: float
    cpu_microseconds: float
    latencies: tuple[float, float, float] | None = None

    @property
    def per_second(self) -> float:
        """Answered messages a second."""
        return self.answered / self.seconds


def generate(
    program: Path, server: Server, file: Path, seconds: float, mode: str, *options: str
) -> Run:
    """Let the generator loose on a server; mode: "cycle" or "once", options: as it says itself."""
    _, generator_core = cores()
    before = server.cpu_seconds()
    with _on(generator_core):
        done = subprocess.run(
            [str(program), HOST, str(server.port), str(file), f"{seconds:.3f}", mode, *options],
            capture_output=True,
            text=True,
            timeout=seconds + START_SECONDS,
            check=False,
        )
    spent = server.cpu_seconds() - before
    match = _RESULT.search(done.stdout)
    if match is None:
        raise SystemExit(f"the generator printed no result: {done.stdout}{done.stderr}")
    answered, lost, unmatched = (int(match[index]) for index in (1, 2, 3))
    timed = match[5] is not None
    return Run(
        answered,
        lost,
        unmatched,
        float(match[4]),
        spent * 1e6 / answered if answered else float("nan"),
        (float(match[5]), float(match[6]), float(match[7])) if timed else None,
    )
