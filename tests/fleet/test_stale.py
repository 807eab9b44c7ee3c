"""The engine is away: what other members registered is kept past its lifetime, and marked."""

from __future__ import annotations

import asyncio
from pathlib import Path

from mapsys.eid import EidPrefix
from mapsys.fleet.redis_clients import connector
from mapsys.fleet.redis_engine import RedisEngine
from mapsys.fleet.target import read_url
from tests.core.world import Etr, record
from tests.fleet.nodes import FleetNode, agree, fleet, until
from tests.fleet.server import RedisServer

HOST = "10.1.5.1/32"
OWN = "10.1.5.2/32"


def test_what_came_by_others_is_kept_past_its_lifetime_and_marked(short_folder: Path) -> None:
    server = RedisServer(short_folder)
    server.start()
    connect = connector(read_url(server.url))
    a, b, c = (
        FleetNode(
            name,
            RedisEngine(connect, name, "fleet"),
            serve_stale_seconds=stale,
            lifetime_seconds=1,
        )
        for name, stale in (("a", 600.0), ("b", 600.0), ("c", 0.0))
    )

    def is_stale(node: FleetNode, eid: str) -> bool:
        return node.member.is_stale(EidPrefix.parse(eid))

    async def case() -> None:
        async with fleet(a, b, c):
            a.register(Etr(), record(HOST, "192.0.2.1"))
            b.register(Etr(), record(OWN, "192.0.2.1"))
            await agree([a, b, c])
            assert not is_stale(b, HOST)
            server.kill()
            await until(lambda: is_stale(b, HOST))
            await until(lambda: c.mapping(HOST) is None)
            await until(lambda: b.mapping(OWN) is None and a.mapping(HOST) is None)
            assert b.published(HOST) is not None
            assert not is_stale(a, HOST)
            server.start()
            await until(lambda: b.mapping(HOST) is None, lambda: b.member.condition)
            assert not is_stale(b, HOST)

    try:
        asyncio.run(case())
    finally:
        server.stop()
