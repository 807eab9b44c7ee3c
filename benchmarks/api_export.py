"""Many registrations listed and exported: ``python -m benchmarks.api_export [COUNT]``.

For each way to read them all over HTTP: the time, the octets, by how much the daemon
and the HTTP process grew, and the Map-Requests meanwhile beside those before. Prints
a table. COUNT: 1,000 to 1,000,000, default 100,000.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.http_side import FilledNode, Latency, filled_node

COUNT: Final = 100_000
COUNT_LOWEST: Final = 1_000
COUNT_HIGHEST: Final = 1_000_000
QUIET_SECONDS: Final = 2.0
PAUSE_SECONDS: Final = 0.001
"""Between two Map-Requests, so that they show the latency and are no load."""

LIST: Final = "/api/v1/registrations"
FILTERS: Final = (
    "site=benchmark",
    "instance-id=0",
    "state=registered",
    "prefix=10.0.0.0/8&match=covered",
    "locator=192.0.2.1",
    f"xtr-id={'00' * 16}",
)


def pages(node: FilledNode, filtered: str) -> int:
    """Read a list page by page; returns the octets."""
    octets = 0
    cursor = ""
    while True:
        body = b"".join(node.get(f"{LIST}?limit=1000&{filtered}{cursor}"))
        octets += len(body)
        following = json.loads(body)["next"]
        if following is None:
            return octets
        cursor = f"&cursor={following}"


def export(node: FilledNode, form: str) -> int:
    """Read it in one answer."""
    return sum(len(piece) for piece in node.get(LIST, form))


def row(node: FilledNode, name: str, read: Callable[[], int]) -> str:
    """Measure one way to read."""
    before, quiet = node.resident(), node.map_requests(QUIET_SECONDS, PAUSE_SECONDS)
    done: list[tuple[int, float]] = []

    def work() -> None:
        began = time.perf_counter()
        done.append((read(), time.perf_counter() - began))

    reading = threading.Thread(target=work)
    reading.start()
    busy: list[Latency] = []
    while reading.is_alive():
        busy.append(node.map_requests(0.2, PAUSE_SECONDS))
    reading.join()
    if not done:
        raise SystemExit(f"{name} failed")
    octets, seconds = done[0]
    meanwhile = Latency([one for each in busy for one in each.microseconds], 0)
    lost = sum(each.lost for each in busy)
    grown = [after - earlier for after, earlier in zip(node.resident(), before, strict=True)]
    return (
        f"| {name} | {seconds:.2f} s | {octets / 2**20:.1f} MiB | {grown[0]:+.1f} MiB"
        f" | {grown[1]:+.1f} MiB | {quiet.quantile(50):.0f} / {quiet.quantile(99):.0f} µs"
        f" | {meanwhile.quantile(50):.0f} / {meanwhile.quantile(99):.0f} µs | {lost} |"
    )


def main(arguments: list[str]) -> None:
    """Raises SystemExit with a sentence for wrong arguments."""
    count = int(arguments[0]) if arguments else COUNT
    if not COUNT_LOWEST <= count <= COUNT_HIGHEST:
        raise SystemExit(f"COUNT is {COUNT_LOWEST} to {COUNT_HIGHEST}")
    with tempfile.TemporaryDirectory() as folder, filled_node(Path(folder), count) as node:
        print(
            f"| {count:,} registrations | time | read | daemon | HTTP process"
            " | Map-Request before, p50 / p99 | meanwhile | unanswered |"
        )
        print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
        for filtered in ("", *FILTERS):
            name = f"JSON pages, `{filtered.partition('&')[0]}`" if filtered else "JSON pages"
            print(row(node, name, partial(pages, node, filtered)), flush=True)
        for form in ("application/x-ndjson", "text/csv"):
            print(row(node, f"`{form}`", partial(export, node, form)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
