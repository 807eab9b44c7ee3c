"""What benchmarks of the HTTP side share: a filled node, its processes, Map-Requests timed.

Everything goes over loopback and the node's own Unix socket.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks import processes
from benchmarks.one_site import configuration
from benchmarks.packets import map_registers, map_requests, write
from benchmarks.traffic import FLOWS
from mapsys.wire.auth import Key

SECRET: Final = b"benchmark"
FILL_SECONDS: Final = 120.0
FILL_ATTEMPTS: Final = 5
ANSWER_SECONDS: Final = 1.0
SOCKET_NAME: Final = "http.sock"
PAGE_OCTETS: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Latency:
    """Round trips of Map-Requests, one at a time. lost: not answered within a second."""

    microseconds: list[float]
    lost: int

    def quantile(self, percent: int) -> float:
        """In microseconds; not a number where fewer than two were answered."""
        if len(self.microseconds) < 2:
            return float("nan")
        return statistics.quantiles(self.microseconds, n=100, method="inclusive")[percent - 1]


@dataclass(frozen=True, slots=True)
class FilledNode:
    """A daemon with registrations. http_pid: its HTTP process."""

    server: processes.Server
    http_pid: int
    api: Path
    count: int

    def map_requests(self, seconds: float, pause_seconds: float = 0.0) -> Latency:
        """Ask for registered EIDs in turn for so long."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.bind((processes.HOST, 0))
            asking.settimeout(ANSWER_SECONDS)
            numbers = range(0, self.count, max(1, self.count // 500))
            packets = [one.octets for one in map_requests([asking.getsockname()[1]], numbers)]
            found: list[float] = []
            lost = turn = 0
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                began = time.perf_counter()
                asking.sendto(packets[turn % len(packets)], (processes.HOST, self.server.port))
                try:
                    asking.recv(2_048)
                except TimeoutError:
                    lost += 1
                else:
                    found.append((time.perf_counter() - began) * 1e6)
                turn += 1
                time.sleep(pause_seconds)
        return Latency(found, lost)

    def resident(self) -> tuple[float, float]:
        """Memory of the daemon and of the HTTP process, in MiB."""
        return _resident(self.server.process.pid), _resident(self.http_pid)

    def get(self, path: str, accept: str = "application/json") -> Iterator[bytes]:
        """The answer's body in pieces. Raises SystemExit unless it is 200."""
        connection = UnixConnection(self.api)
        try:
            connection.request("GET", path, headers={"Accept": accept})
            answer = connection.getresponse()
            if answer.status != http.client.OK:
                raise SystemExit(f"GET {path} was answered {answer.status}: {answer.read()!r}")
            while piece := answer.read(65_536):
                yield piece
        finally:
            connection.close()


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=FILL_SECONDS)
        self._path = path

    def connect(self) -> None:
        """Called by the base class before the first request."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


@contextmanager
def filled_node(folder: Path, count: int, engine: str = "auto") -> Iterator[FilledNode]:
    """A daemon that has so many registrations, 1 to 16,000,000, and its HTTP process."""
    generator = processes.compiled("generator", folder)
    port, *ports = processes.free_udp_ports(1 + FLOWS)
    with processes.daemon(configuration(folder, port, engine), port, folder) as server:
        api = folder / "state" / SOCKET_NAME
        node = FilledNode(server, _http_pid(server.process.pid, api), api, count)
        file = folder / "packets"
        for attempt in range(FILL_ATTEMPTS):  # what a busy machine loses is sent again
            nonce = attempt + 1 << 32
            registers = map_registers(ports, Key(SECRET), range(count), nonce, lasting=True)
            write(file, ports, registers)
            processes.generate(generator, server, file, FILL_SECONDS, "once")
            _wait_for_its_turn(node)
            if json.loads(b"".join(node.get("/api/v1/status")))["registrations"] == count:
                break
        else:
            raise SystemExit(f"the node could not be filled with {count} registrations")
        yield node


def _wait_for_its_turn(node: FilledNode) -> None:
    """Until the node has worked through what the generator gave up waiting for.

    A machine with other work to do leaves thousands of Map-Registers in the socket's
    buffer; a Map-Request is answered after all of them, and would seem to be lost.
    """
    until = time.monotonic() + FILL_SECONDS
    while time.monotonic() < until:
        if node.map_requests(ANSWER_SECONDS / 10).microseconds:
            return
    raise SystemExit(f"the node answered no Map-Request for {FILL_SECONDS:.0f} s")


def _http_pid(daemon_pid: int, api: Path) -> int:
    until = time.monotonic() + processes.START_SECONDS
    while time.monotonic() < until:
        for task in Path(f"/proc/{daemon_pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                if api.exists() and b"mapsys.http" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return int(child)
        time.sleep(0.05)
    raise SystemExit("the HTTP process did not start")


def _resident(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_OCTETS / 2**20
