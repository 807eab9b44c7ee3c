"""The way to the engine fails for one member: slow, cut off, led to another engine, an old one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from mapsys.fleet.redis_clients import connector
from mapsys.fleet.redis_engine import RedisEngine
from mapsys.fleet.target import read_url
from tests.core.world import Etr, record
from tests.fleet.nodes import FleetNode, agree, fleet, until
from tests.fleet.relay import Relay
from tests.fleet.server import RedisServer

Case = Callable[[FleetNode, FleetNode, Relay], Awaitable[None]]

BEFORE = "10.1.6.1/32"
AT_A = "10.1.6.2/32"
AT_B = "10.1.6.3/32"

SILENT_MS = 2_500
"""More than the second that passes between two words of a member."""


def run(folder: Path, server: RedisServer, case: Case) -> None:
    """Two members: b has a relay between it and the engine."""

    async def on_loop() -> None:
        async with Relay(folder / "r.sock", server.socket) as relay:
            a = FleetNode("a", RedisEngine(connector(read_url(server.url)), "a", "fleet"))
            b = FleetNode("b", RedisEngine(connector(read_url(relay.url)), "b", "fleet"))
            async with fleet(a, b):
                a.register(Etr(), record(BEFORE, "192.0.2.1"))
                await agree([a, b])
                assert b.published(BEFORE) is not None
                await case(a, b, relay)

    asyncio.run(on_loop())


def register_everywhere(a: FleetNode, b: FleetNode) -> None:
    a.register(Etr(), record(AT_A, "192.0.2.1"))
    b.register(Etr(), record(AT_B, "192.0.2.2"))
    assert a.published(AT_A) is not None
    assert b.published(AT_B) is not None
    assert b.published(BEFORE) is not None


def test_a_slow_engine_is_waited_for_by_nobody(short_folder: Path, server: RedisServer) -> None:
    async def case(a: FleetNode, b: FleetNode, relay: Relay) -> None:
        relay.pause_seconds = 0.3
        register_everywhere(a, b)
        assert b.member.outbox_records == 1
        await agree([a, b])
        assert a.published(AT_B) is not None
        assert b.member.condition.problem is None

    run(short_folder, server, case)


def test_a_member_that_is_cut_off_serves_on_and_comes_back(
    short_folder: Path, server: RedisServer
) -> None:
    async def case(a: FleetNode, b: FleetNode, relay: Relay) -> None:
        def behind_ms() -> int:
            """How much older b's last word is than a's, as a knows it."""
            members = a.member.condition.members
            return members["a"].at_ms - members["b"].at_ms

        await until(lambda: len(a.member.condition.members) == 2)
        relay.lead(None)
        await until(lambda: b.member.condition.problem is not None)
        register_everywhere(a, b)
        await until(lambda: a.member.outbox_records == 0)
        assert b.published(AT_A) is None
        assert a.member.condition.problem is None
        await until(lambda: behind_ms() > SILENT_MS)
        relay.lead(server.socket)
        await agree([a, b])
        assert len(b.ledger()) == 3
        await until(lambda: behind_ms() < SILENT_MS)

    run(short_folder, server, case)


def test_two_engines_at_once_become_one(short_folder: Path, server: RedisServer) -> None:
    other = RedisServer(short_folder / "o")
    other.start()

    async def case(a: FleetNode, b: FleetNode, relay: Relay) -> None:
        relay.lead(other.socket)
        await until(lambda: b.member.numbers.resyncs == 1)
        register_everywhere(a, b)
        older, newer = Etr(host="192.0.2.7"), Etr(host="192.0.2.8")
        a.register(older, record("10.1.6.4/32", "192.0.2.7"))
        await asyncio.sleep(0.01)  # clocks have to order them
        b.register(newer, record("10.1.6.4/32", "192.0.2.8"))
        await until(lambda: a.member.outbox_records + b.member.outbox_records == 0)
        relay.lead(server.socket)
        await until(lambda: b.member.numbers.resyncs == 2)
        await agree([a, b])
        assert len(a.ledger()) == 4
        assert b"\xc0\x00\x02\x08" in (a.published("10.1.6.4/32") or b"")

    try:
        run(short_folder, server, case)
    finally:
        other.stop()


def test_an_engine_that_is_too_old_is_left_alone(short_folder: Path, server: RedisServer) -> None:
    async def case(a: FleetNode, b: FleetNode, relay: Relay) -> None:
        relay.lie = (b"redis_version:7", b"redis_version:6")
        await until(lambda: b.member.condition.problem is not None)
        assert "it takes 7.0 or newer" in str(b.member.condition.problem)
        register_everywhere(a, b)
        relay.lie = (b"", b"")
        await until(lambda: b.member.condition.problem is None)
        await agree([a, b])
        assert len(a.ledger()) == 3

    run(short_folder, server, case)
