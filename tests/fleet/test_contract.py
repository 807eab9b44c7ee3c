"""One contract, two engines: in one process, and a real redis-server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest

from mapsys.fleet.contract import (
    Ask,
    Changes,
    FleetError,
    ForgetMark,
    Gap,
    Guard,
    Keep,
    Outcome,
    Prolong,
    RaiseMark,
    SharedEngine,
    Status,
    SupersedeDigest,
)
from mapsys.fleet.memory import MemoryEngine, MemoryHub
from mapsys.fleet.redis_clients import connector
from mapsys.fleet.redis_engine import RedisEngine
from mapsys.fleet.target import read_url
from tests.fleet.server import RedisServer

PATIENCE_SECONDS = 30
FAR = 2**52

Case = Callable[[SharedEngine, SharedEngine], Awaitable[None]]
Run = Callable[[Case], None]


@pytest.fixture(params=["memory", "redis"])
def run(request: pytest.FixtureRequest, server: RedisServer) -> Run:
    """Runs a case with two members' engines."""

    def memory() -> list[SharedEngine]:
        hub = MemoryHub()
        return [MemoryEngine(hub, name) for name in ("a", "b")]

    def redis() -> list[SharedEngine]:
        connect = connector(read_url(server.url))
        return [RedisEngine(connect, name, "te*st") for name in ("a", "b")]

    async def on_loop(case: Case) -> None:
        engines = memory() if request.param == "memory" else redis()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await case(*engines)
        finally:
            for engine in engines:
                await engine.close()

    return lambda case: asyncio.run(on_loop(case))


async def one(engine: SharedEngine, write: object) -> Outcome:
    (outcome,) = await engine.write_batch([write])  # type: ignore[list-item]
    return outcome


async def loaded(engine: SharedEngine, partitions: Sequence[int] | None = None) -> list[Changes]:
    return [page async for page in engine.load(partitions)]


async def following(engine: SharedEngine, since: dict[int, int], count: int) -> list[Changes | Gap]:
    seen: list[Changes | Gap] = []
    changes: AsyncIterator[Changes | Gap] = engine.follow(since)
    async for change in changes:
        seen.append(change)
        if len(seen) == count:
            break
    return seen


def test_what_is_held_changes_only_for_who_knows_it(run: Run) -> None:
    async def case(a: SharedEngine, b: SharedEngine) -> None:
        assert await one(a, Ask(3, b"x")) == Outcome(Status.ABSENT)
        first = await one(a, Keep(3, b"x", b"one", 60_000, takes_over=True))
        assert first.status is Status.DONE
        assert first.version > 0
        refused = await one(b, Keep(3, b"x", b"two", 60_000))
        assert refused.status is Status.CONFLICT
        assert refused.stored is not None
        assert refused.stored.octets == b"one"
        assert (refused.stored.version, refused.stored.epoch) == (first.version, first.version)
        assert 0 < refused.stored.ttl_ms <= 60_000
        second = await one(
            b, Keep(3, b"x", b"two", 60_000, base=first.version, epoch=first.version)
        )
        assert second == Outcome(Status.DONE, first.version + 1)
        held = (await one(a, Ask(3, b"x"))).stored
        assert held is not None
        assert (held.version, held.epoch, held.octets) == (
            second.version,
            first.version,
            b"two",
        )

    run(case)


def test_a_partition_writes_together_and_the_rest_beside_it(run: Run) -> None:
    async def case(a: SharedEngine, b: SharedEngine) -> None:
        outcomes = await a.write_batch(
            [Keep(p, b"%d" % n, b"", 9_000) for n in range(3) for p in (1, 2)]
        )
        assert [o.status for o in outcomes] == [Status.DONE] * 6
        assert len({o.version for o in outcomes[::2]}) == 1
        assert len(await b.write_batch([])) == 0
        many = [Keep(n % 200, b"m%d" % n, b"v", 60_000) for n in range(1_500)]
        assert {o.status for o in await a.write_batch(many)} == {Status.DONE}
        pages = await loaded(b)
        assert sum(len(page.kept) for page in pages) == 1_506
        some = await loaded(b, [1, 7])
        assert {page.partition for page in some if page.kept} == {1, 7}
        assert {k.eid for page in some for k in page.kept} == {
            *(b"m%d" % n for n in range(1_500) if n % 200 in (1, 7)),
            *(b"0", b"1", b"2"),
        }

    run(case)


def test_lifetimes_end_and_are_only_made_longer(run: Run) -> None:
    async def case(a: SharedEngine, b: SharedEngine) -> None:
        version = (await one(a, Keep(0, b"x", b"", 60_000))).version
        assert (await one(b, Prolong(0, b"x", version, 90_000))).status is Status.DONE
        assert (await one(b, Prolong(0, b"x", version, 1_000))).status is Status.DONE
        stored = (await one(b, Ask(0, b"x"))).stored
        assert stored is not None
        assert 60_000 < stored.ttl_ms <= 90_000
        other = await one(b, Prolong(0, b"x", version + 1, 99_000))
        assert other.status is Status.CONFLICT
        await one(a, Keep(0, b"short", b"", 20))
        await asyncio.sleep(0.05)
        assert (await one(b, Prolong(0, b"short", version, 99_000))).status is Status.ABSENT

    run(case)


def test_marks_only_rise_and_the_same_again_is_a_replay_by_others(run: Run) -> None:
    async def case(a: SharedEngine, b: SharedEngine) -> None:
        big = 2**64 - 2
        assert (await one(a, RaiseMark(5, b"m", big, 1))).status is Status.DONE
        assert (await one(a, RaiseMark(5, b"m", big, 2))).status is Status.DONE
        assert (await one(b, RaiseMark(5, b"m", big, 2))).status is Status.REPLAYED
        assert (await one(b, RaiseMark(5, b"m", big - 1, 2))).status is Status.REPLAYED
        assert (await one(b, RaiseMark(5, b"m", big + 1, 2))).status is Status.DONE
        assert (await one(a, RaiseMark(5, b"m", big, 3))).status is Status.REPLAYED
        marks = dict(mark for page in await loaded(a) for mark in page.marks)
        assert marks == {b"m": big + 1}
        await one(a, ForgetMark(5, b"m"))
        assert (await one(b, RaiseMark(5, b"m", 1, 4))).status is Status.DONE

    run(case)


def test_what_a_replay_made_is_refused(run: Run) -> None:
    async def case(a: SharedEngine, b: SharedEngine) -> None:
        now_ms = 10_000_000
        await one(a, RaiseMark(0, b"m", 7, now_ms))
        late = Guard(mark=b"m", nonce=7, at_ms=now_ms + 5_000)
        assert (await one(b, Keep(0, b"x", b"", 900, guard=late))).status is Status.REPLAYED
        burst = Guard(mark=b"m", nonce=7, at_ms=now_ms + 500)
        assert (await one(b, Keep(0, b"x", b"", 900, guard=burst))).status is Status.DONE
        newer = Guard(mark=b"m", nonce=8, at_ms=now_ms + 5_000)
        assert (await one(b, Keep(0, b"y", b"", 900, guard=newer))).status is Status.DONE
        digest = bytes(range(16))
        await one(a, SupersedeDigest(0, digest, FAR, kept=True))
        old = Guard(digest=digest)
        assert (await one(b, Keep(0, b"z", b"", 900, guard=old))).status is Status.REPLAYED
        passed_on = bytes(16)
        await one(a, SupersedeDigest(0, passed_on, FAR, kept=False))
        other = Guard(digest=passed_on)
        assert (await one(b, Keep(0, b"z", b"", 900, guard=other))).status is Status.DONE

    run(case)


def test_restoring_keeps_the_newest(run: Run) -> None:
    async def case(a: SharedEngine, b: SharedEngine) -> None:
        base = 2**50 + 7
        lost = Keep(9, b"x", b"old", 9_000, restores=True, epoch=base - 5, version=base)
        restored = await one(a, lost)
        assert restored.status is Status.DONE
        assert restored.version > base
        assert (await one(b, lost)).status is Status.CONFLICT
        newer = lost._replace(octets=b"new", version=restored.version + 1)
        assert (await one(b, newer)).status is Status.DONE
        held = (await one(a, Ask(9, b"x"))).stored
        assert held is not None
        assert held.octets == b"new"
        owned = lost._replace(octets=b"moved", epoch=base, version=base)
        assert (await one(b, owned)).status is Status.DONE

    run(case)


def test_changes_are_followed_in_order_and_a_gap_is_told(run: Run) -> None:
    async def case(a: SharedEngine, b: SharedEngine) -> None:
        first = (await one(a, Keep(4, b"x", b"1", 60_000))).version
        task = asyncio.create_task(following(b, {4: first}, 3))
        await asyncio.sleep(0)
        writes = [
            Keep(4, b"x", b"2", 60_000, base=first),
            RaiseMark(4, b"m", 2**63 + 1, 5),
            SupersedeDigest(4, bytes(16), FAR, kept=False),
        ]
        await a.write_batch(writes)
        await one(a, ForgetMark(4, b"m"))
        await one(a, Keep(4, b"y", b"", 60_000, restores=True, version=first + 1_000))
        second, third, gap = await task
        assert isinstance(second, Changes)
        assert (second.seq, second.writer) == (first + 1, "a")
        assert [(k.eid, k.stored.octets, k.stored.version) for k in second.kept] == [
            (b"x", b"2", first + 1)
        ]
        assert 0 < second.kept[0].stored.ttl_ms <= 60_000
        assert second.marks == ((b"m", 2**63 + 1),)
        assert second.superseded == ((bytes(16), FAR),)
        assert isinstance(third, Changes)
        assert third.marks == ((b"m", None),)
        assert gap == Gap(4, first + 1_001)

    run(case)


def test_what_changes_nothing_is_not_told(run: Run) -> None:
    async def case(a: SharedEngine, b: SharedEngine) -> None:
        version = (await one(a, Keep(4, b"x", b"1", 60_000))).version
        await one(b, Prolong(4, b"x", version, 70_000))
        await one(b, Keep(4, b"x", b"1", 60_000))
        assert (await a.high_water(b"")).seqs == {4: version}

    run(case)


def test_members_leave_word(run: Run) -> None:
    async def case(a: SharedEngine, b: SharedEngine) -> None:
        first = await a.high_water(b"I am a")
        await b.high_water(b"I am b")
        now = await a.high_water(b"still a")
        assert {**now.members, "a": b""} == {"a": b"", "b": b"I am b"}
        assert now.life == first.life

    run(case)


def test_an_engine_of_another_format_is_left_alone(server: RedisServer) -> None:
    async def case() -> None:
        engine = RedisEngine(connector(read_url(server.url)), "a", "fleet")
        with pytest.raises(FleetError, match=r"format 9.*another prefix"):
            await engine.high_water(b"")
        await engine.close()

    server.command("SET", "fleet:format", "9")
    asyncio.run(case())
