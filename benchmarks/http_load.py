"""Map-Requests while HTTP clients hang on: ``python -m benchmarks.http_load [ROUNDS]``.

Times Map-Requests one at a time, in each round once with nobody at the HTTP interface
and once with 100 event readers that never read, 1,000 connections whose request is
never finished, and a scraper; the order changes from round to round. Meanwhile an xTR
changes its registration in both, so that there are events. Prints a table of the
medians. ROUNDS: 1 to 100, default 7; about 6 s each.
"""

from __future__ import annotations

import itertools
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from benchmarks import processes
from benchmarks.http_side import SECRET, FilledNode, Latency, UnixConnection, filled_node
from benchmarks.packets import map_registers
from mapsys.wire.auth import Key

REGISTERED: Final = 1_000
READERS: Final = 100
HALF_OPEN: Final = 1_000
ROUNDS: Final = 7
ROUNDS_HIGHEST: Final = 100
SECONDS: Final = 2.0
CHANGES_A_SECOND: Final = 50
SCRAPE_SECONDS: Final = 1.0


@contextmanager
def background(work: threading.Thread, stop: threading.Event) -> Iterator[None]:
    """The thread runs inside, until it sees the event."""
    work.start()
    try:
        yield
    finally:
        stop.set()
        work.join()


@contextmanager
def changes(node: FilledNode) -> Iterator[None]:
    """An EID-Prefix comes and its locators stay: each is an event."""
    stop = threading.Event()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as xtr:
        xtr.bind((processes.HOST, 0))
        fresh = map_registers(
            [xtr.getsockname()[1]], Key(SECRET), itertools.count(node.count), time.time_ns()
        )

        def work() -> None:
            while not stop.wait(1 / CHANGES_A_SECOND):
                xtr.sendto(next(fresh).octets, (processes.HOST, node.server.port))

        with background(threading.Thread(target=work), stop):
            yield


@contextmanager
def hanging_on(node: FilledNode) -> Iterator[None]:
    """The readers, the half-open connections and the scraper."""
    stop = threading.Event()
    with ExitStack() as opened:

        def connect(octets: bytes) -> None:
            one = opened.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            one.connect(str(node.api))
            one.sendall(octets)

        scraper = opened.enter_context(closing(UnixConnection(node.api)))
        scraper.connect()
        for _ in range(READERS):
            connect(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for _ in range(HALF_OPEN):
            # What is over the limit of connections is turned away, which is work as well.
            with suppress(ConnectionError):
                connect(b"GET /api/v1/sites HTTP/1.1\r\nHost: loc")

        def scrape() -> None:
            while not stop.wait(SCRAPE_SECONDS):
                scraper.request("GET", "/metrics")
                scraper.getresponse().read()

        with background(threading.Thread(target=scrape), stop):
            yield


def one_round(node: FilledNode, number: int) -> tuple[Latency, Latency]:
    """(without, with)."""
    found = {}
    for loaded in (True, False) if number % 2 else (False, True):
        with ExitStack() as around:
            around.enter_context(changes(node))
            if loaded:
                around.enter_context(hanging_on(node))
            found[loaded] = node.map_requests(SECONDS)
    return found[False], found[True]


def table(rounds: list[tuple[Latency, Latency]]) -> str:
    """In Markdown; ratios are of pairs of one round."""
    lines = [
        "| Map-Request | alone | with hangers-on | ratio |",
        "| --- | ---: | ---: | ---: |",
    ]
    for percent in (50, 99):
        pairs = [(alone.quantile(percent), busy.quantile(percent)) for alone, busy in rounds]
        alone, busy = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(busy / alone for alone, busy in pairs)
        lines.append(f"| p{percent} | {alone:.0f} µs | {busy:.0f} µs | {ratio:.2f} |")
    lost = [sum(one.lost for one in column) for column in zip(*rounds, strict=True)]
    lines.append(f"| unanswered | {lost[0]} | {lost[1]} | |")
    return "\n".join(lines)


def main(arguments: list[str]) -> None:
    """Raises SystemExit with a sentence for wrong arguments."""
    rounds = int(arguments[0]) if arguments else ROUNDS
    if not 1 <= rounds <= ROUNDS_HIGHEST:
        raise SystemExit(f"ROUNDS is 1 to {ROUNDS_HIGHEST}")
    with tempfile.TemporaryDirectory() as folder, filled_node(Path(folder), REGISTERED) as node:
        node.map_requests(SECONDS)
        print(table([one_round(node, number) for number in range(rounds)]))


if __name__ == "__main__":
    main(sys.argv[1:])
