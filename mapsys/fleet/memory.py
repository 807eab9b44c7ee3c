"""An engine inside one process, for members that share it there, and for tests."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import Final

from mapsys.fleet.contract import (
    PARTITIONS,
    Changes,
    Gap,
    HighWater,
    Kept,
    Outcome,
    Write,
)
from mapsys.fleet.rule import Batch, Partition

LOG_LENGTH: Final = 1_000
PAGE: Final = 1_000


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


class MemoryHub:
    """What the engines of several members have in common."""

    def __init__(self, wall_ms: Callable[[], int] = _wall_ms) -> None:
        self.wall_ms = wall_ms
        self.life = secrets.token_hex(8)
        self.members: dict[str, bytes] = {}
        self.partitions: defaultdict[int, Partition] = defaultdict(Partition)
        self.changed = asyncio.Condition()


class MemoryEngine:
    """Implements :class:`mapsys.fleet.contract.SharedEngine` for one member."""

    def __init__(self, hub: MemoryHub, member: str) -> None:
        self._hub = hub
        self._member = member

    async def write_batch(self, writes: Sequence[Write], *, replicas: int = 0) -> list[Outcome]:
        """replicas: there are none to wait for."""
        places: defaultdict[int, list[int]] = defaultdict(list)
        for place, write in enumerate(writes):
            places[write.partition].append(place)
        outcomes: dict[int, Outcome] = {}
        now_ms = self._hub.wall_ms()
        for number, of_partition in places.items():
            batch = Batch(self._hub.partitions[number], number, self._member, now_ms)
            done = batch.carry_out([writes[place] for place in of_partition], now_ms)
            outcomes.update(zip(of_partition, done, strict=True))
            del batch.partition.log[:-LOG_LENGTH]
        async with self._hub.changed:
            self._hub.changed.notify_all()
        return [outcomes[place] for place in range(len(writes))]

    async def load(self, partitions: Collection[int] | None = None) -> AsyncIterator[Changes]:
        now_ms = self._hub.wall_ms()
        for number in range(PARTITIONS) if partitions is None else partitions:
            held = self._hub.partitions[number]
            marks = tuple((mark, one.nonce) for mark, one in held.marks.items())
            yield Changes(number, 0, "", now_ms, (), marks, tuple(held.superseded.items()))
            for eids in _pages(list(held.held)):
                found = ((eid, held.get(eid, now_ms)) for eid in eids)
                kept = tuple(Kept(eid, one.seen(now_ms)) for eid, one in found if one is not None)
                yield Changes(number, 0, "", now_ms, kept)

    async def follow(self, since: Mapping[int, int]) -> AsyncIterator[Changes | Gap]:
        seen = dict(since)
        while True:
            async with self._hub.changed:
                news = [one for one in map(self._after(seen), range(PARTITIONS)) if one]
                if not news:
                    await self._hub.changed.wait()
                    continue
            for changes in news:
                for change in changes:
                    last = seen.get(change.partition)
                    seen[change.partition] = change.seq
                    if last is not None and change.seq != last + 1:
                        yield Gap(change.partition, change.seq)
                    else:
                        yield change

    def _after(self, seen: Mapping[int, int]) -> Callable[[int], list[Changes]]:
        def after(number: int) -> list[Changes]:
            log = self._hub.partitions[number].log if number in self._hub.partitions else []
            return [one for one in log if one.seq > seen.get(number, 0)]

        return after

    async def high_water(self, about_me: bytes) -> HighWater:
        self._hub.members[self._member] = about_me
        seqs = {number: one.seq for number, one in self._hub.partitions.items() if one.seq}
        return HighWater(self._hub.life, seqs, dict(self._hub.members))

    async def close(self) -> None:
        pass


def _pages(eids: list[bytes]) -> list[list[bytes]]:
    return [eids[start : start + PAGE] for start in range(0, len(eids), PAGE)]
