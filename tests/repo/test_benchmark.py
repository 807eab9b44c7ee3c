"""The benchmark's own parts: what the generator sends is valid, what it counts is so."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import processes
from benchmarks.making import Making
from benchmarks.measure import Plan, Programs, measured
from benchmarks.packets import map_registers, map_requests, write
from benchmarks.population import make_state
from benchmarks.processes import HOST, Server
from benchmarks.result import as_json, kept, table, write_into
from benchmarks.rows import FEW, Kind, Row
from benchmarks.traffic import key_of
from mapsys.wire.auth import Key
from mapsys.wire.ecm import Ecm
from mapsys.wire.errors import WireError
from mapsys.wire.map_register import MapRegister
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


def test_bursts_and_merged_answers_are_counted_one_by_one(
    programs: Path, echo: Server, tmp_path: Path
) -> None:
    file = tmp_path / "packets"
    ports = processes.free_udp_ports(8)
    row = Row(Kind.PROXIED, FEW, "pure", "burst", once=True)
    assert write(file, ports, Making(FEW, ports).packets(row, 900)) == 900
    run = processes.generate(programs / "generator", echo, file, 20, "once", "gro", "gso")
    assert (run.answered, run.lost, run.unmatched) == (900, 0, 0)


def test_a_rate_is_kept_and_each_answer_timed(programs: Path, echo: Server, tmp_path: Path) -> None:
    ports = processes.free_udp_ports(FLOWS)
    file = tmp_path / "packets"
    write(file, ports, map_requests(ports, range(50)))
    run = processes.generate(programs / "generator", echo, file, 0.5, "cycle", "rate=1000")
    assert 0 < run.answered <= 510
    assert run.latencies is not None
    assert 0 < run.latencies[0] <= run.latencies[1] <= run.latencies[2]


def test_map_registers_are_signed_by_their_site_with_nonces_that_rise() -> None:
    making = Making(100_000, range(50_000, 50_008))
    row = Row(Kind.CHANGED, 100_000, "pure", records=20)
    last = [0] * 8
    for packet in making.packets(row, 200):
        message = decode(packet.octets)
        assert isinstance(message, MapRegister)
        assert len(message.records) == 20
        assert message.nonce > last[packet.flow]
        last[packet.flow] = message.nonce
    (site, _), octets = next(making.fresh(1))
    assert key_of(site).verify(octets)
    assert not key_of(site + 1).verify(octets)


def test_a_row_is_measured_against_the_real_daemon(
    programs: Path, echo: Server, tmp_path: Path
) -> None:
    make_state(tmp_path / "made", FEW)
    row = Row(Kind.PROXIED, FEW, "pure", wanted=0.4)
    set_up = Programs(programs / "generator", echo, tmp_path)
    plan = Plan(rounds=1, seconds=0.05, until=time.monotonic() + 120)
    results = measured([row], tmp_path / "made", set_up, plan)
    assert results[0].what == "Map-Request, proxied, 1,000 EIDs in turn"
    assert results[0].unanswered == 0
    assert results[0].value > 0
    assert "restart to first right answer" in [one.what for one in results]

    page = tmp_path / "page.md"
    page.write_text("before\n<!-- table: begin -->old<!-- table: end -->\nafter\n")
    write_into(page, table(results, "About."))
    assert "old" not in page.read_text()
    assert "| Map-Request, proxied, 1,000 EIDs in turn | 1,000 | plain | pure |" in page.read_text()
    file = tmp_path / "rows.json"
    file.write_text(as_json(results, "About."))
    assert list(kept(file).values()) == results
    assert json.loads(file.read_text())["rows"][0]["met"] is results[0].met
