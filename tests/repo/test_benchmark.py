"""The benchmark's own parts: what the generator sends is valid, what it counts is so."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import processes
from benchmarks.packets import map_registers, map_requests, write
from benchmarks.processes import HOST, Server
from mapsys.wire.auth import Key
from mapsys.wire.ecm import Ecm
from mapsys.wire.errors import WireError
from mapsys.wire.map_request import MapRequest
from mapsys.wire.message import decode
from tests.programs import require_program

FLOWS = 4


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require_program("gcc", "gcc libc6-dev")
    folder = tmp_path_factory.mktemp("programs")
    processes.compiled("generator", folder)
    processes.compiled("echo", folder)
    return folder


@pytest.fixture
def echo(programs: Path, tmp_path: Path) -> Iterator[Server]:
    with processes.echo(programs / "echo", tmp_path) as server:
        yield server


def test_every_packet_that_echoes_is_answered_once(
    programs: Path, echo: Server, tmp_path: Path
) -> None:
    ports = processes.free_udp_ports(FLOWS)
    file = tmp_path / "packets"
    for packets in (
        map_requests(ports, range(300)),
        map_registers(ports, Key(b"secret"), range(300), first_nonce=1),
    ):
        assert write(file, ports, packets) == 300
        run = processes.generate(programs / "generator", echo, file, 20, "once")
        assert (run.answered, run.lost, run.unmatched) == (300, 0, 0)
        assert run.cpu_microseconds > 0


def test_cycle_goes_on_until_its_time_is_over(programs: Path, echo: Server, tmp_path: Path) -> None:
    ports = processes.free_udp_ports(FLOWS)
    file = tmp_path / "packets"
    write(file, ports, map_requests(ports, range(20)))
    run = processes.generate(programs / "generator", echo, file, 0.2, "cycle")
    assert run.answered > 20
    assert run.unmatched == 0


class Reader(threading.Thread):
    """Decodes what arrives, answers with its nonce at octet 4, and keeps what it saw."""

    def __init__(self, count: int) -> None:
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((HOST, 0))
        self.socket.settimeout(60)
        self.count = count
        self.nonces: set[int] = set()
        self.faults: list[str] = []

    def run(self) -> None:
        with self.socket:
            for _ in range(self.count):
                data, source = self.socket.recvfrom(2048)
                try:
                    message = decode(data)
                except WireError as error:
                    self.faults.append(error.reason)
                    continue
                assert isinstance(message, Ecm)
                assert isinstance(message.message, MapRequest)
                self.nonces.add(message.message.nonce)
                self.socket.sendto(bytes(4) + message.message.nonce.to_bytes(8, "big"), source)


def test_requests_have_fresh_nonces_and_checksums_that_match(
    programs: Path, echo: Server, tmp_path: Path
) -> None:
    ports = processes.free_udp_ports(FLOWS)
    file = tmp_path / "packets"
    write(file, ports, map_requests(ports, range(200)))
    reader = Reader(200)
    port = reader.socket.getsockname()[1]
    reader.start()
    run = processes.generate(programs / "generator", Server(echo.process, port), file, 20, "once")
    reader.join(20)
    assert reader.faults == []
    assert len(reader.nonces) == 200
    assert (run.answered, run.lost, run.unmatched) == (200, 0, 0)
