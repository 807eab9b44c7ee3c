"""The engine fails as a seed draws it; members, engine and a ledger of what was sent agree."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from mapsys.core.effects import Send
from mapsys.eid import EidPrefix
from mapsys.fleet.contract import Changes
from mapsys.fleet.redis_clients import connector
from mapsys.fleet.redis_engine import RedisEngine
from mapsys.fleet.state import State
from mapsys.fleet.target import read_url
from tests.core.world import Etr, of, record
from tests.figures.record import scaled, wanted
from tests.fleet.nodes import FleetNode, agree, fleet, until
from tests.fleet.server import RedisServer

PREFIX = "fleet"

Fault = Callable[[RedisServer], Callable[[], object]]
"""Does harm, and returns what mends it."""


def kill(server: RedisServer) -> Callable[[], object]:
    server.kill()
    return server.start


def pause(server: RedisServer) -> Callable[[], object]:
    server.pause()
    return server.go_on


def flush(server: RedisServer) -> Callable[[], object]:
    server.command("FLUSHALL")
    return lambda: None


def fill(server: RedisServer) -> Callable[[], object]:
    server.command("CONFIG", "SET", "maxmemory", "1")
    return lambda: server.command("CONFIG", "SET", "maxmemory", "0")


def refuse(server: RedisServer) -> Callable[[], object]:
    server.command("CLIENT", "KILL", "TYPE", "normal")
    return lambda: None


def pulse(server: RedisServer) -> Callable[[], object]:
    server.pause()

    def mend() -> None:
        for _ in range(3):
            server.go_on()
            time.sleep(0.05)
            server.pause()
            time.sleep(0.2)
        server.go_on()

    return mend


def relabel(server: RedisServer) -> Callable[[], object]:
    server.command("SET", f"{PREFIX}:format", "9")
    return lambda: server.command("DEL", f"{PREFIX}:format")


def depose(server: RedisServer) -> Callable[[], object]:
    server.command("REPLICAOF", "127.0.0.1", "1")
    return lambda: server.command("REPLICAOF", "NO", "ONE")


FAULTS = (kill, pause, flush, fill, refuse, pulse, relabel, depose)


async def held_by(engine: RedisEngine) -> dict[EidPrefix, bytes]:
    """What the engine holds, one record for each EID-Prefix."""
    found = {}
    async for page in engine.load():
        assert isinstance(page, Changes)
        for key, stored in page.kept:
            eid = EidPrefix.unpack(key, 0)[0]
            for put in State.unpack(stored.octets, eid).puts:
                found[eid] = put.record
    return found


@pytest.mark.timeout(300 * scaled(1))
def test_nothing_acknowledged_is_lost_and_nobody_differs(short_folder: Path) -> None:
    server = RedisServer(short_folder)
    server.start()
    connect = connector(read_url(server.url))
    nodes = [FleetNode(name, RedisEngine(connect, name, PREFIX)) for name in "ab"]
    ledger: dict[EidPrefix, bytes] = {}
    seed = int(os.environ.get("SEED") or random.SystemRandom().getrandbits(32))
    rng = random.Random(seed)
    etrs = [Etr(), Etr(algorithm_id=3, mac_length=16, xtr_id=bytes(15) + b"x")]
    faults = scaled(5)
    differing = lost = 0

    async def register(count: int, at: Sequence[FleetNode]) -> None:
        for _ in range(count):
            number = rng.randrange(40)
            one = record(f"10.1.{number % 2}.{number}/32", f"192.0.2.{rng.randrange(1, 250)}")
            effects = rng.choice(at).register(etrs[number % 2], one)
            assert of(Send, effects), effects
            ledger[one.eid_prefix] = one.octets()
            await asyncio.sleep(0.003)  # a millisecond apart, as clocks have to order them

    async def got_over(fault: Fault) -> None:
        await register(40, nodes)
        await agree(nodes)
        mend = fault(server)
        for node in nodes:
            assert node.ledger().keys() == ledger.keys()
        # One site does not hop while its members cannot hear of each other.
        await register(40, nodes[:1])
        await asyncio.to_thread(mend)
        await until(lambda: all(n.member.condition.problem is None for n in nodes))
        await agree(nodes)
        await register(20, nodes)
        await agree(nodes)

    async def case() -> None:
        nonlocal differing, lost
        watcher = RedisEngine(connect, "watcher", PREFIX)
        async with fleet(*nodes):
            for number in range(faults):
                fault = rng.choice(FAULTS)
                print(f"seed {seed}, fault {number}: {fault.__name__}", flush=True)
                await got_over(fault)
                for _ in range(100):
                    seen = await held_by(watcher)
                    if seen == ledger:
                        break
                    await asyncio.sleep(0.1)
                for held in (seen, *(node.ledger() for node in nodes)):
                    differing += sum(held.get(eid) != octets for eid, octets in ledger.items())
                    lost += len(ledger.keys() - held.keys())
        await watcher.close()

    try:
        asyncio.run(case())
    finally:
        server.stop()
    wanted("engine faults: records that differ", differing, 0, faults)
    wanted("engine faults: acknowledged registrations lost", lost, 0, faults)
    assert (differing, lost) == (0, 0)
