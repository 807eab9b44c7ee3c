"""Measures the rows of one daemon: an engine and a number of registrations.

In each round every row runs once against the server and once against the echo, the
order of the two reversed every second round. Ratios are taken pair by pair inside a
round and their median is printed: what else the machine does moves absolute figures,
and both of a pair alike.
"""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from benchmarks import processes
from benchmarks.making import Making
from benchmarks.packets import Packet, write
from benchmarks.population import (
    FORWARDED_SITES,
    configuration,
    locator_hosts,
)
from benchmarks.processes import Run, Server
from benchmarks.restart import await_right_answer
from benchmarks.result import Result
from benchmarks.rows import MILLION, Kind, Row
from benchmarks.traffic import FLOWS
from benchmarks.waits import register_to_answer

KNOWN_SECONDS: Final = 60.0
"""How long what the server is to have met may take."""

FEWEST: Final = 1_000
_MOST: Final = {True: 60_000, False: 100_000}
"""Packets of one run, of Map-Registers and others."""

_FIRST_GUESS: Final = {"native": 2_000, "pure": 1_000}
_OPTIONS: Final = {"plain": (), "coalesced": ("gro",), "burst": ("gro", "gso")}
_ETRS: Final = tuple(f"etr={locator_hosts(site)[0]}" for site in range(FORWARDED_SITES))
_RESTART_WANTED: Final = {"native": 3.0, "pure": 10.0}


class OutOfTime(Exception):
    """The time for the whole table is over."""


@dataclass(frozen=True, slots=True)
class Programs:
    """What is compiled, the floor that runs, and a folder on a disk for the rest."""

    generator: Path
    floor: Server
    folder: Path


@dataclass(frozen=True, slots=True)
class Plan:
    """rounds: of each row. seconds: of each run. until: on the monotonic clock."""

    rounds: int
    seconds: float
    until: float
    limits: bool = True


@dataclass(frozen=True, slots=True)
class Pair:
    """The same packets against the server and against the echo, in one round."""

    server: Run
    floor: Run


class Bench:
    """A running daemon, and what goes to it."""

    def __init__(self, programs: Programs, server: Server, count: int, plan: Plan) -> None:
        self._programs, self._server, self._plan = programs, server, plan
        self._ports = processes.free_udp_ports(FLOWS)
        self.making = Making(count, self._ports)
        self._enough: dict[Row, int] = {}
        self._file = programs.folder / "packets"

    def pair(self, row: Row, number: int) -> Pair:
        """One round of a row."""
        for _ in range(1 if number else 2):  # the first time what is known changes the details
            self._send(self._server, row, self.making.known(row), KNOWN_SECONDS, "once")
        enough = self._enough.get(row, _FIRST_GUESS[row.engine])
        repeats = not (row.kind.registers or row.once)
        packets = self.making.packets(row, enough)
        mode, options = "cycle" if repeats else "once", _OPTIONS[row.traffic]

        def server() -> Run:
            return self._send(self._server, row, packets, self._plan.seconds, mode, *options)

        def floor() -> Run:
            return self._send(self._programs.floor, row, packets, self._plan.seconds, "cycle")

        if number % 2:
            floored = floor()
            pair = Pair(server(), floored)
        else:
            pair = Pair(server(), floor())
        wanted = int(pair.server.per_second * self._plan.seconds * 1.3)
        self._enough[row] = max(FEWEST, min(_MOST[row.kind.registers], wanted))
        return pair

    def paced(self, row: Row, rate: float) -> Run:
        """A row's packets at a rate."""
        self._send(self._server, row, self.making.known(row), KNOWN_SECONDS, "once")
        packets = self.making.packets(row, int(rate * self._plan.seconds))
        return self._send(
            self._server, row, packets, self._plan.seconds, "once", f"rate={rate:.0f}"
        )

    def _send(
        self, to: Server, row: Row, packets: list[Packet], seconds: float, mode: str, *options: str
    ) -> Run:
        if not packets:
            return Run(0, 0, 0, 1.0, 0.0)
        write(self._file, self._ports, packets)
        if row.kind is Kind.FORWARDED and to is self._server:
            options = (*options, *_ETRS)
        return processes.generate(self._programs.generator, to, self._file, seconds, mode, *options)


def summary(row: Row, pairs: Sequence[Pair]) -> Result:
    """The medians of a row."""
    ratios = [pair.server.per_second / pair.floor.per_second for pair in pairs]
    processor = [
        pair.floor.cpu_microseconds / pair.server.cpu_microseconds
        for pair in pairs
        if pair.server.answered
    ]
    return Result(
        name=row.name,
        what=row.what,
        count=row.count,
        traffic=row.traffic,
        engine=row.engine,
        value=statistics.median(ratios),
        low=min(ratios),
        high=max(ratios),
        wanted=row.wanted,
        echo_per_second=statistics.median(pair.floor.per_second for pair in pairs),
        server_per_second=statistics.median(pair.server.per_second for pair in pairs),
        cpu_ratio=statistics.median(processor) if processor else None,
        unanswered=sum(pair.server.lost for pair in pairs),
    )


def measured(rows: Sequence[Row], state: Path, programs: Programs, plan: Plan) -> list[Result]:
    """The rows of one daemon, and what else is measured of it. Raises OutOfTime, SystemExit.

    rows: at least one, all of one engine and number of registrations.
    """
    engine, count = rows[0].engine, rows[0].count
    folder = programs.folder / "node"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    (port,) = processes.free_udp_ports(1)
    config = configuration(folder, port, engine, limits=plan.limits)
    shutil.copytree(state, folder / "state")
    began = time.monotonic()
    with processes.daemon(config, port, folder) as server:
        await_right_answer(server.process, port)
        started = time.monotonic() - began
        bench = Bench(programs, server, count, plan)
        pairs: dict[Row, list[Pair]] = {row: [] for row in rows}
        for number in range(plan.rounds):
            for row in rows:
                if time.monotonic() > plan.until:
                    raise OutOfTime
                pairs[row].append(bench.pair(row, number))
        results = [summary(row, of) for row, of in pairs.items()]
        results += _latencies(bench, results, rows, plan)
        results += _waits(bench, port, rows[0])
    restart = _figure("restart to first right answer", rows[0], [started], "s")
    wanted = _RESTART_WANTED[engine] if count == MILLION else None
    return [*results, replace(restart, wanted=wanted)]


def _latencies(
    bench: Bench, results: Sequence[Result], rows: Sequence[Row], plan: Plan
) -> list[Result]:
    """At half of what the server answered of the last plain rows of two kinds."""
    found: list[Result] = []
    for kind in (Kind.PROXIED, Kind.REFRESH):
        fitting = [
            (row, result)
            for row, result in zip(rows, results, strict=True)
            if row.kind is kind and row.traffic == "plain" and row.records == 1
            if row.algorithm_id == 2 and result.server_per_second
        ]
        if not fitting:
            continue
        row, result = fitting[-1]
        rate = (result.server_per_second or 0.0) / 2
        runs = [bench.paced(row, rate) for _ in range(plan.rounds)]
        for name, at in (("p50", 0), ("p99", 1), ("p99.9", 2)):
            times = [run.latencies[at] / 1e3 for run in runs if run.latencies is not None]
            what = f"{row.what}: {name} at half load"
            found.append(_figure(what, row, times, "ms"))
    return found


def _waits(bench: Bench, port: int, of: Row) -> list[Result]:
    answered, notified = register_to_answer(port, bench.making)
    return [
        _figure("first Map-Register to right Map-Reply", of, answered, "ms"),
        _figure("first Map-Register to Map-Notify", of, notified, "ms"),
    ]


def _figure(what: str, of: Row, values: Sequence[float], unit: str) -> Result:
    """What is no ratio: medians of seconds or milliseconds."""
    return Result(
        name=f"{what}, {of.count}, plain, {of.engine}",
        what=what,
        count=of.count,
        traffic="plain",
        engine=of.engine,
        value=statistics.median(values),
        low=min(values),
        high=max(values),
        unit=unit,
    )
