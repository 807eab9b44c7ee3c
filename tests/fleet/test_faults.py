"""The engine fails in every way; members, engine and the ledger of what was sent agree after it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
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
from tests.fleet.nodes import FleetNode, agree, fleet, until
from tests.fleet.server import RedisServer

SEED = 7


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


FAULTS = (kill, pause, flush, fill, refuse)


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


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_nothing_acknowledged_is_lost_and_nobody_differs(
    fault: Callable[[RedisServer], Callable[[], object]], short_folder: Path
) -> None:
    server = RedisServer(short_folder)
    server.start()
    connect = connector(read_url(server.url))
    nodes = [FleetNode(name, RedisEngine(connect, name, "fleet")) for name in "ab"]
    ledger: dict[EidPrefix, bytes] = {}
    rng = random.Random(SEED)
    etrs = [Etr(), Etr(algorithm_id=3, mac_length=16, xtr_id=bytes(15) + b"x")]

    async def register(count: int) -> None:
        for _ in range(count):
            number = rng.randrange(40)
            one = record(f"10.1.{number % 2}.{number}/32", f"192.0.2.{rng.randrange(1, 250)}")
            effects = rng.choice(nodes).register(etrs[number % 2], one)
            assert of(Send, effects), effects
            ledger[one.eid_prefix] = one.octets()
            await asyncio.sleep(0.003)  # a millisecond apart, as clocks have to order them

    async def case() -> None:
        async with fleet(*nodes):
            await register(60)
            await agree(nodes)
            mend = fault(server)
            for node in nodes:
                assert node.ledger().keys() == ledger.keys()
            # One site does not hop while its members cannot hear of each other.
            alone, nodes[:] = nodes[:], nodes[:1]
            await register(40)
            nodes[:] = alone
            await asyncio.to_thread(mend)
            await until(lambda: all(n.member.condition.problem is None for n in nodes))
            await agree(nodes)
            await register(20)
            await agree(nodes)
            assert nodes[0].ledger() == ledger
            watcher = RedisEngine(connect, "watcher", "fleet")

            seen: dict[EidPrefix, bytes] = {}
            for _ in range(100):
                seen = await held_by(watcher)
                if seen == ledger:
                    break
                await asyncio.sleep(0.1)
            assert seen == ledger
            await watcher.close()

    try:
        asyncio.run(case())
    finally:
        server.stop()
