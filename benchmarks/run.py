"""Measures the running server against a C echo of the same packets, on loopback.

In each round every case runs once against the server and once against the echo,
the order of the two reversed every second round. Ratios are taken pair by pair
inside a round and their median is printed: what else the machine does moves
absolute figures, and both of a pair alike.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks import processes
from benchmarks.packets import (
    KEY_ID,
    SITE_PREFIX,
    Packet,
    map_registers,
    map_requests,
    write,
)
from benchmarks.processes import Run, Server
from mapsys.wire.auth import Key

FLOWS: Final = 8
REGISTERED: Final = 1_000
"""EID-Prefixes that are registered from the start, and asked for in turn."""

MOST_A_SECOND: Final = 120_000
"""Pre-built packets are enough for this speed; a faster server ends its run earlier."""

UPPER_HALF: Final = 1 << 23
"""The EIDs from here on are one registered /9; those below are registered one by one."""

NEW_EACH_ROUND: Final = 4_000
"""First registrations of one round."""

READY_SECONDS: Final = 30
"""How long the first registrations may take."""

_SECRET: Final = "benchmark"


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of traffic.

    packets: makes those of one round.
    repeats: whether they may be sent again and again.
    known: makes packets that are sent before, unmeasured, so that the server has met
    what comes (changed mappings of the last case made it forget its answers).
    """

    name: str
    packets: Callable[[], Iterable[Packet]]
    repeats: bool = False
    known: Callable[[], Iterable[Packet]] | None = None


def cases(ports: list[int], key: Key, seconds: float) -> list[Case]:
    """What is measured, in this order."""
    enough = int(seconds * MOST_A_SECOND)
    fresh_eids = itertools.count(REGISTERED)
    asked_once = itertools.count(UPPER_HALF)
    nonces = itertools.count(1 << 32, 1 << 24)
    known = range(REGISTERED)

    def repeated() -> Iterator[Packet]:
        return map_requests(ports, known)

    def uncached() -> Iterator[Packet]:
        # All in one registered prefix, and never an EID twice: no cache has its answer.
        return map_requests(ports, itertools.islice(asked_once, enough // 2))

    def refresh() -> Iterator[Packet]:
        turns = itertools.islice(itertools.cycle(known), enough)
        return map_registers(ports, key, turns, next(nonces))

    def refresh_once() -> Iterator[Packet]:
        return map_registers(ports, key, known, next(nonces))

    def first() -> Iterator[Packet]:
        return map_registers(ports, key, itertools.islice(fresh_eids, NEW_EACH_ROUND), next(nonces))

    return [
        Case("Map-Request, repeated", repeated, repeats=True, known=repeated),
        Case("Map-Request, each EID once", uncached),
        Case("Map-Register, refresh", refresh, known=refresh_once),
        Case("Map-Register, first", first),
    ]


def configuration(folder: Path, port: int, engine: str) -> Path:
    """A Map-Server and Map-Resolver with one site, without rate limits.

    engine: "auto", "native" or "pure".
    """
    secret = folder / "site.key"
    secret.write_text(_SECRET, encoding="ascii")
    secret.chmod(0o600)
    path = folder / "mapsys.yaml"
    path.write_text(
        f"""\
node: benchmark
engine: {engine}
state: {folder / "state"}
control: {{listen: ["{processes.HOST}:{port}"]}}
authority: [{{prefix: {SITE_PREFIX}}}]
map-server: {{proxy-reply: always, rate-limits: off}}
map-resolver: {{}}
sites:
  - name: benchmark
    keys: [{{id: {KEY_ID}, algorithm: hmac-sha-256-128, secret-file: {secret.name}}}]
    eids: [{{prefix: {SITE_PREFIX}, accept-more-specifics: true, more-specifics-limit: 10000000}}]
    rlocs: any
    notify-port: source
""",
        encoding="utf-8",
    )
    return path


@dataclass(frozen=True, slots=True)
class Pair:
    """The same packets against the server and against the echo, in one round."""

    server: Run
    floor: Run


@dataclass(frozen=True, slots=True)
class Bench:
    """What is in place for a measurement: generator, both servers, the file between."""

    generator: Path
    server: Server
    floor: Server
    file: Path
    ports: list[int]
    seconds: float

    def pair(self, case: Case, number: int) -> Pair:
        """One case of one round."""
        if case.known is not None:
            write(self.file, self.ports, case.known())
            self._generate(self.server, READY_SECONDS, "once")
        write(self.file, self.ports, case.packets())

        def against(server: Server, mode: str) -> Run:
            return self._generate(server, self.seconds, mode)

        mode = "cycle" if case.repeats else "once"
        if number % 2:
            floor = against(self.floor, "cycle")
            return Pair(against(self.server, mode), floor)
        return Pair(against(self.server, mode), against(self.floor, "cycle"))

    def _generate(self, server: Server, seconds: float, mode: str) -> Run:
        return processes.generate(self.generator, server, self.file, seconds, mode)


def summary(name: str, pairs: list[Pair]) -> dict[str, Any]:
    """The medians of one case over its rounds."""
    ratios = [pair.server.per_second / pair.floor.per_second for pair in pairs]
    answered = sum(pair.server.answered for pair in pairs)
    unanswered = sum(pair.server.lost for pair in pairs)
    return {
        "case": name,
        "ratio": statistics.median(ratios),
        "ratio_lowest": min(ratios),
        "ratio_highest": max(ratios),
        "cpu_ratio": statistics.median(
            pair.floor.cpu_microseconds / pair.server.cpu_microseconds for pair in pairs
        ),
        "per_second": statistics.median(pair.server.per_second for pair in pairs),
        "floor_per_second": statistics.median(pair.floor.per_second for pair in pairs),
        "cpu_microseconds": statistics.median(pair.server.cpu_microseconds for pair in pairs),
        "floor_cpu_microseconds": statistics.median(pair.floor.cpu_microseconds for pair in pairs),
        "answered": answered,
        "unanswered": unanswered,
        "unmatched": sum(pair.server.unmatched for pair in pairs),
    }


def table(rows: list[dict[str, Any]], rounds: int, seconds: float) -> str:
    """The result as a Markdown table."""
    lines = [
        f"Medians of {rounds} rounds of {seconds:g} s; ratio: answered a second, server to echo; "
        "CPU ratio: of the time for each message, echo to server.",
        "",
        "| case | ratio (lowest to highest) | CPU ratio | answered/s | echo/s "
        "| CPU µs | echo CPU µs | lost |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['case']} | **{row['ratio']:.2f}** "
        f"({row['ratio_lowest']:.2f} to {row['ratio_highest']:.2f}) | {row['cpu_ratio']:.3f} "
        f"| {row['per_second']:,.0f} | {row['floor_per_second']:,.0f} "
        f"| {row['cpu_microseconds']:.1f} | {row['floor_cpu_microseconds']:.1f} "
        f"| {row['unanswered']} |"
        for row in rows
    ]
    return "\n".join(lines)


def run(rounds: int, seconds: float, engine: str) -> list[dict[str, Any]]:
    """All cases, round by round, of one engine.

    Raises SystemExit with a sentence where it cannot go on.
    """
    with tempfile.TemporaryDirectory(prefix="mapsys-bench-") as name:
        folder = Path(name)
        generator = processes.compiled("generator", folder)
        echo = processes.compiled("echo", folder)
        server_port, *ports = processes.free_udp_ports(1 + FLOWS)
        key = Key(_SECRET.encode())
        config = configuration(folder, server_port, engine)
        packets = folder / "packets"
        with (
            processes.echo(echo, folder) as floor,
            processes.daemon(config, server_port, folder) as server,
        ):
            for registers in (
                map_registers(ports, key, [UPPER_HALF], 1, mask_len=9),
                map_registers(ports, key, range(REGISTERED), 2),
            ):
                count = write(packets, ports, registers)
                ready = processes.generate(generator, server, packets, READY_SECONDS, "once")
                if ready.answered != count:
                    raise SystemExit(
                        f"only {ready.answered} of {count} Map-Registers were acknowledged; "
                        f"the server said:\n{(folder / 'mapsys.log').read_text()}"
                    )
            bench = Bench(generator, server, floor, packets, ports, seconds)
            kinds = cases(ports, key, seconds)
            pairs = [[bench.pair(case, number) for case in kinds] for number in range(rounds)]
    return [
        summary(case.name, list(of))
        for case, of in zip(kinds, zip(*pairs, strict=True), strict=True)
    ]


def main() -> int:
    """Parse the command line, measure, print the table and the same as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9, help="how often each case runs")
    parser.add_argument("--seconds", type=float, default=0.5, help="how long each run takes")
    parser.add_argument("--quick", action="store_true", help="5 rounds of 0.25 s: half a minute")
    parser.add_argument(
        "--engine", choices=("auto", "native", "pure"), default="auto", help="which one is measured"
    )
    options = parser.parse_args()
    rounds, seconds = (5, 0.25) if options.quick else (options.rounds, options.seconds)
    rows = run(rounds, seconds, options.engine)
    print(table(rows, rounds, seconds))
    print()
    print(json.dumps(rows, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
