"""Members of a fleet: any of them answers with the newest, and none is led astray."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable

import pytest

from mapsys.core.effects import Dropped, Moved, Refreshed, Registered, Send, Withdrawn
from mapsys.core.reasons import Drop
from mapsys.core.site import Replay
from mapsys.eid import EidPrefix
from mapsys.fleet.contract import Keep, SharedEngine, partition_of
from mapsys.fleet.memory import MemoryEngine, MemoryHub
from mapsys.fleet.redis_clients import connector
from mapsys.fleet.redis_engine import RedisEngine
from mapsys.fleet.state import Contribution, State
from mapsys.fleet.target import read_url
from tests.core.world import Etr, of, record, site_one, site_two
from tests.fleet.nodes import FleetNode, agree, fleet, until
from tests.fleet.server import RedisServer

HOST = "10.1.5.1/32"

Make = Callable[[str], SharedEngine]
Case = Callable[[Make], Awaitable[None]]


@pytest.fixture(params=["memory", "redis"])
def run(request: pytest.FixtureRequest, server: RedisServer) -> Callable[[Case], None]:
    async def on_loop(case: Case) -> None:
        hub, connect = MemoryHub(), connector(read_url(server.url))
        if request.param == "memory":
            await case(lambda name: MemoryEngine(hub, name))
        else:
            await case(lambda name: RedisEngine(connect, name, "fleet"))

    return lambda case: asyncio.run(on_loop(case))


Run = Callable[[Case], None]


def test_registered_at_one_is_answered_at_another(run: Run) -> None:
    async def case(make: Make) -> None:
        a, b = FleetNode("a", make("a")), FleetNode("b", make("b"))
        async with fleet(a, b):
            etr = Etr()
            a.register(etr, record(HOST, "192.0.2.1"))
            await agree([a, b])
            assert b.published(HOST) == a.published(HOST) is not None
            assert of(Registered, b.effects)[0].first
            assert len(b.engine.history(EidPrefix.parse(HOST), b.world.now)) == 1
            a.register(etr, record(HOST, "192.0.2.1", "192.0.2.2"))
            await agree([a, b])
            a.register(etr, record(HOST, "192.0.2.1", ttl=0))
            await agree([a, b])
            assert b.mapping(HOST) is None
            assert of(Withdrawn, b.effects)
            assert b.engine.more_specifics_held(EidPrefix.parse("10.1.0.0/16")) == 0

    run(case)


def test_who_comes_later_finds_all_there_is(run: Run) -> None:
    async def case(make: Make) -> None:
        a, b = FleetNode("a", make("a")), FleetNode("b", make("b"))
        strict = Etr(algorithm_id=3, mac_length=16)
        async with fleet(a):
            for n in range(300):
                a.register(Etr(), record(f"10.1.{n}.0/24" if n < 256 else f"10.1.0.{n - 256}/32"))
            caught = strict.message(record("10.1.9.9/32", "192.0.2.1"))
            a.hear(caught, strict)
            await until(lambda: a.member.outbox_records == 0)
            async with fleet(b):
                await agree([a, b])
                assert len(b.ledger()) == 301
                assert of(Dropped, b.hear(caught, strict))[0].reason == Drop.REPLAYED

    run(case)


def test_a_host_moves_and_the_former_one_comes_late(run: Run) -> None:
    async def case(make: Make) -> None:
        a, b = FleetNode("a", make("a")), FleetNode("b", make("b"))
        async with fleet(a, b):
            old, new = Etr(host="192.0.2.1"), Etr(host="192.0.2.2")
            a.register(old, record(HOST, "192.0.2.1"))
            await agree([a, b])
            effects = b.register(new, record(HOST, "192.0.2.2"))
            assert of(Moved, effects)
            await agree([a, b])
            assert a.published(HOST) == b.published(HOST)
            assert of(Moved, a.effects)
            late = a.register(old, record(HOST, "192.0.2.1"))
            assert not of(Moved, late)
            await agree([a, b])
            assert b"\xc0\x00\x02\x02" in (a.published(HOST) or b"")
            back = a.register(old, record(HOST, "192.0.2.1", ttl=1000))
            assert of(Moved, back)
            await agree([a, b])
            assert b"\xc0\x00\x02\x01" in (b.published(HOST) or b"")

    run(case)


@pytest.mark.parametrize("strict", [False, True])
def test_a_replay_caught_at_one_does_nothing_at_another(run: Run, strict: bool) -> None:
    async def case(make: Make) -> None:
        replay = Replay.STRICT if strict else Replay.AUTO
        sites = (site_one(replay=replay), site_two())
        a, b = FleetNode("a", make("a"), sites=sites), FleetNode("b", make("b"), sites=sites)
        async with fleet(a, b):
            etr = Etr()
            caught = etr.message(record(HOST, "192.0.2.1"))
            a.hear(caught, etr)
            refreshed = etr.message(record(HOST, "192.0.2.1"))
            a.hear(refreshed, etr)
            a.register(etr, record(HOST, "192.0.2.7"))
            await agree([a, b])
            now = b.published(HOST)
            for message in (caught, refreshed):
                effects = b.hear(message, etr)
                assert of(Dropped, effects)[0].reason == Drop.REPLAYED
                assert not of(Send, effects)
            await agree([a, b])
            assert a.published(HOST) == b.published(HOST) == now

    run(case)


def test_a_site_hops_between_members_and_notices_nothing(run: Run) -> None:
    async def case(make: Make) -> None:
        nodes = [FleetNode(name, make(name)) for name in "abc"]
        etrs = [Etr(), Etr(algorithm_id=3, mac_length=16, xtr_id=bytes(15) + b"x")]
        async with fleet(*nodes):
            for turn in range(12):
                node = nodes[turn % 3]
                for number, etr in enumerate(etrs):
                    eid = f"10.1.7.{number}/32"
                    effects = node.register(etr, record(eid, f"192.0.2.{1 + turn // 6}"))
                    assert len(of(Send, effects)) == 1, effects
                    assert not of(Dropped, effects)
                await agree(nodes)

    run(case)


def test_merging_xtrs_at_different_members(run: Run) -> None:
    async def case(make: Make) -> None:
        a, b = FleetNode("a", make("a")), FleetNode("b", make("b"))
        one = Etr(host="192.0.2.1", xtr_id=bytes(15) + b"1")
        two = Etr(host="192.0.2.2", xtr_id=bytes(15) + b"2")
        async with fleet(a, b):
            a.register(one, record(HOST, "192.0.2.1"), merge_request=True)
            b.register(two, record(HOST, "192.0.2.2"), merge_request=True)
            await agree([a, b])
            for rloc in (b"\xc0\x00\x02\x01", b"\xc0\x00\x02\x02"):
                assert rloc in (a.published(HOST) or b"")

    run(case)


def test_what_two_members_were_told_at_once_becomes_one(run: Run) -> None:
    async def case(make: Make) -> None:
        a, b = FleetNode("a", make("a")), FleetNode("b", make("b"))
        async with fleet(a, b):
            for n in range(50):
                eid = f"10.1.8.{n}/32"
                a.register(Etr(host="192.0.2.1"), record(eid, "192.0.2.1"))
                await asyncio.sleep(0.002)
                b.register(Etr(host="192.0.2.2"), record(eid, "192.0.2.2"))
            await agree([a, b])
            assert all(b"\xc0\x00\x02\x02" in octets for octets in a.ledger().values())

    run(case)


def test_a_member_that_was_restarted_brings_what_it_could_not_tell(run: Run) -> None:
    async def case(make: Make) -> None:
        alone, b = FleetNode("a", make("a")), FleetNode("b", make("b"))
        alone.register(Etr(), record(HOST, "192.0.2.1"))
        async with fleet(b), fleet(alone):
            await agree([alone, b])
            assert b.published(HOST) is not None

    run(case)


def test_a_hostile_engine_is_believed_within_a_sites_own_allowance_only(run: Run) -> None:
    async def case(make: Make) -> None:
        a, b = FleetNode("a", make("a")), FleetNode("b", make("b"))
        hostile = make("evil")
        async with fleet(a, b):
            a.register(Etr(), record(HOST, "192.0.2.1"))
            await until(lambda: b.mapping(HOST) is not None)
            mapping = b.mapping(HOST)
            assert mapping is not None
            (own,) = mapping.registrations
            good = a.member._as_put(mapping.eid, own)
            other = EidPrefix.parse("10.2.9.9/32")
            outside = EidPrefix.parse("203.0.113.0/24")
            elsewhere = {
                good._replace(eid=other, record=record(str(other), "192.0.2.1").octets()),
                good._replace(eid=outside, record=record(str(outside), "192.0.2.1").octets()),
                good._replace(record=record(str(other), "192.0.2.1").octets()),
                good._replace(record=record(HOST, "224.0.0.1").octets()),
                good._replace(record=record(HOST, "127.0.0.1").octets()),
                good._replace(record=good.record + b"\0"),
                good._replace(record=good.record[:-1]),
                good._replace(details=good.details[:9]),
                good._replace(details=good.details.replace(b"one", b"two")),
                good._replace(registrant=b"nobody"),
            }
            before, refused = b.ledger(), b.member.numbers.refused
            writes = []
            for number, put in enumerate(sorted(elsewhere, key=repr)):
                state = State(2**62, (Contribution(put.registrant, 2**62, None, put),)).pack()
                key = put.eid.pack()
                held = await hostile.write_batch(
                    [Keep(200 + number, key, state, 60_000, version=2**51 + number)]
                )
                assert held[0].version, (put, held)
                writes.append(held)
            await hostile.write_batch([Keep(99, b"\xff" * 9, b"\xff" * 99, 60_000)])
            await hostile.write_batch(
                [Keep(98, mapping.eid.pack(), b"\0" * 7, 60_000, version=2**52)]
            )
            await until(
                lambda: b.member.numbers.refused >= refused + len(writes) + 1, lambda: b.log
            )
            assert b.ledger() == before
            assert a.ledger() == before

    run(case)


def test_lifetimes_are_prolonged_where_the_site_goes_on_elsewhere(run: Run) -> None:
    async def case(make: Make) -> None:
        nodes = [FleetNode(name, make(name), lifetime_seconds=1) for name in "ab"]
        a, b = nodes
        etr = Etr()
        async with fleet(a, b):
            for _ in range(6):
                a.register(etr, record(HOST, "192.0.2.1"))
                await asyncio.sleep(0.3)
                assert b.mapping(HOST) is not None
            await until(lambda: a.mapping(HOST) is None and b.mapping(HOST) is None)

    run(case)


def test_partitions_are_fixed_for_good() -> None:
    assert (partition_of("site-one"), partition_of("")) == (198, 0)


def test_limits_of_more_specifics_count_what_came_to_others(run: Run) -> None:
    async def case(make: Make) -> None:
        one = site_one()
        rules = tuple(dataclasses.replace(rule, more_specifics_limit=3) for rule in one.rules)
        sites = (dataclasses.replace(one, rules=rules), site_two())
        a, b = FleetNode("a", make("a"), sites=sites), FleetNode("b", make("b"), sites=sites)
        async with fleet(a, b):
            for n in range(3):
                a.register(Etr(), record(f"10.1.1.{n}/32", "192.0.2.1"))
            await agree([a, b])
            effects = b.register(Etr(), record("10.1.1.9/32", "192.0.2.1"))
            assert not of(Registered, effects)
            assert not of(Refreshed, effects)

    run(case)
