"""Speed of a fleet's engine: conditional writes, changes heard, a load; bounded, on loopback.

usage: .venv/bin/python -m benchmarks.fleet [--records N] [--per-partition N]
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

from mapsys.eid import EidPrefix, Family
from mapsys.fleet.contract import Changes, Keep
from mapsys.fleet.redis_clients import connector
from mapsys.fleet.redis_engine import BATCH_WRITES, RedisEngine
from mapsys.fleet.target import read_url

RECORDS: Final = 100_000
ROUNDS: Final = 200
STATE: Final = bytes(200)
START_SECONDS: Final = 30.0
LIFETIME_MS: Final = 180_000


def writes(records: int, per_partition: int) -> list[Keep]:
    """First writes; so many that follow each other are of one partition."""
    made = []
    for number in range(records):
        eid = EidPrefix(0, Family.IPV4, number, 32).pack()
        partition = number // per_partition % 256
        made.append(Keep(partition, eid, STATE, LIFETIME_MS, takes_over=True))
    return made


async def measure(url: str, records: int, per_partition: int) -> None:
    """Print a line for each figure."""
    connect = connector(read_url(url))
    a, b = RedisEngine(connect, "a", "bench"), RedisEngine(connect, "b", "bench")
    first = writes(records, per_partition)
    versions: list[int] = []
    for start in range(0, records, BATCH_WRITES):
        done = await a.write_batch(first[start : start + BATCH_WRITES])
        versions += [outcome.version for outcome in done]
    again = [k._replace(base=v) for k, v in zip(first, versions, strict=True)]
    began, busy = time.perf_counter(), time.process_time()
    for start in range(0, records, BATCH_WRITES):
        await a.write_batch(again[start : start + BATCH_WRITES])
    took, used = time.perf_counter() - began, time.process_time() - busy
    print(f"conditional upserts: {records / took:.0f}/s, {used / took:.0%} of a core here")
    began, found = time.perf_counter(), 0
    async for page in b.load():
        found += len(page.kept)
    took = time.perf_counter() - began
    print(f"load of {found} records by SCAN and a script: {took:.2f} s")
    await heard(a, b)
    await a.close()
    await b.close()


async def heard(a: RedisEngine, b: RedisEngine) -> None:
    """How long it takes from a write at one member's engine to the other's hearing of it."""
    eid = EidPrefix(1, Family.IPV4, 0, 32).pack()
    seqs = dict((await b.high_water(b"{}")).seqs)
    arrived: asyncio.Queue[float] = asyncio.Queue()

    async def follow() -> None:
        async for news in b.follow(seqs):
            if isinstance(news, Changes) and news.kept:
                arrived.put_nowait(time.perf_counter())

    following = asyncio.create_task(follow())
    version, delays = 0, []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        (outcome,) = await a.write_batch([Keep(0, eid, STATE, LIFETIME_MS, base=version)])
        version = outcome.version
        delays.append(await asyncio.wait_for(arrived.get(), START_SECONDS) - began)
    while not following.done():
        following.cancel()
        await asyncio.wait([following], timeout=0.2)
    print(f"write to word of it: p50 {statistics.median(delays) * 1e3:.2f} ms, of {ROUNDS}")


def main() -> None:
    """Start an engine in a folder of its own, measure, end it."""
    parser = argparse.ArgumentParser(description="Measure a fleet's engine.")
    parser.add_argument("--records", type=int, default=RECORDS)
    parser.add_argument("--per-partition", type=int, default=100)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="mf"))
    socket = folder / "e.sock"
    quiet = ["--save", "", "--appendonly", "no", "--logfile", str(folder / "log")]
    engine = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", str(socket), *quiet])
    try:
        deadline = time.monotonic() + START_SECONDS
        while not socket.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        asyncio.run(measure(f"unix://{socket}", arguments.records, arguments.per_partition))
    finally:
        engine.kill()
        engine.wait()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
