"""One node's part in a fleet: tells the engine what came here, takes over what came elsewhere.

Journal's changes -> ``outbox`` -> engine; engine's changes -> the core's ``Adoption`` ->
store. The loop waits for the engine nowhere else: answers come from the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from itertools import islice

import msgspec

from mapsys.core.replay import mark_site
from mapsys.eid import EidPrefix
from mapsys.fleet.contract import (
    Changes,
    FleetError,
    Gap,
    HighWater,
    Keep,
    RaiseMark,
    Stored,
    Write,
    partition_of,
)
from mapsys.fleet.taking import (
    CANCEL_SECONDS,
    FIRST_PAUSE_SECONDS,
    FLUSH_RECORDS,
    LAST_PAUSE_SECONDS,
    MEMBERS_LIMIT,
    NAME_CHARACTERS,
    SLICE,
    WATCH_SECONDS,
    About,
    Surroundings,
)
from mapsys.fleet.telling import Telling


class Member(Telling):
    """Made on the loop; ``start`` makes it work, ``gather`` is fed by the journal's queue."""

    # Life

    def start(self, surroundings: Surroundings) -> None:
        """Join, and stay."""
        self._surroundings = surroundings
        for work in (self._watch, self._follow, self._tell):
            self._tasks.append(asyncio.create_task(self._for_ever(work)))

    async def joined(self, seconds: float) -> bool:
        """Wait until what the engine holds has been loaded, for so long at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._joined.wait()
        return self._joined.is_set()

    async def stop(self) -> None:
        """Tell what there is to tell, if the engine takes it at once, and leave."""
        for task in self._tasks:
            await _end(task)
        if self.condition.problem is None:
            with suppress(FleetError, TimeoutError):
                async with asyncio.timeout(WATCH_SECONDS):
                    await self._flush()
        await self._shared.close()

    async def _for_ever(self, work: Callable[[], AsyncIterator[None]]) -> None:
        """Work, and begin again after a pause where the engine failed."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                async for _ in work():
                    pause = FIRST_PAUSE_SECONDS
                    self._failing.discard(work.__name__)
            except FleetError as error:
                self._failing.add(work.__name__)
                self._away(str(error))
            await asyncio.sleep(pause)
            pause = min(2 * pause, LAST_PAUSE_SECONDS)

    def _away(self, problem: str) -> None:
        self.numbers.failures += 1
        if self.condition.problem is None:
            self.condition.since = self._wall()
            self._log("away", problem)
        self.condition.problem = problem

    def _back(self) -> None:
        if self.condition.problem is not None and "_tell" not in self._failing:
            self.condition.problem = None
            self.condition.since = self._wall()
            self._stale.clear()
            self._log("joined", f"{len(self._known)} EID-Prefixes are known")
        self._wake.set()

    # Following

    async def _follow(self) -> AsyncIterator[None]:
        await self._joined.wait()
        stream = self._shared.follow(self._followed)
        async for news in stream:
            if isinstance(news, Gap):
                # Changes were missed, or what the engine held is gone: both are looked into.
                self._followed[news.partition] = news.seq
                self._life = ""
            else:
                self._hear(news)
            yield

    def _hear(self, news: Changes) -> None:
        self._followed[news.partition] = news.seq
        now_ms = self._now_ms()
        lag = max(0, now_ms - news.at_ms) / 1e3
        self.condition.lag_seconds = lag
        self.condition.skew_ms = max(0, news.at_ms - now_ms)
        self.lag.observe(lag, 1)
        if news.writer != self._name:
            self._take_in(news)
        for key, stored in news.kept:
            known = self._known.get(key)
            if known is None or known.version > stored.version or self._is_waiting(key):
                continue
            if self._store.get(EidPrefix.unpack(key, 0)[0]) is None:
                self._known.forget(key)  # withdrawn, and nothing older can come any more

    def _take_in(self, news: Changes) -> None:
        """Marks, digests and states that others wrote, or that were loaded."""
        core = self._core.adoption
        with self._speaking_for_others():
            for mark, nonce in news.marks:
                if nonce is None:
                    core.forget_mark(mark)
                    self._marks.pop(mark, None)
                else:
                    core.raise_mark(mark, nonce)
                    self._marks[mark] = nonce
            now = self._clock()
            for digest, until_ms in news.superseded:
                core.supersede(digest, until_ms / 1e3 - self._offset, now)
        states: list[tuple[EidPrefix, Stored | None]] = []
        for key, stored in news.kept:
            known = self._known.get(key)
            if known is not None and known.version >= stored.version:
                continue
            if self._is_waiting(key):
                self._overtaken[key] = stored
            else:
                with suppress(ValueError, IndexError, OverflowError):
                    states.append((EidPrefix.unpack(key, 0)[0], stored))
        self._take_over(states)

    # Joining, and coming back

    async def _watch(self) -> AsyncIterator[None]:
        while True:
            about = About(self._version, self._now_ms(), len(self._store), self.outbox_records)
            followed = dict(self._followed)
            water = await self._shared.high_water(msgspec.json.encode(about))
            self._hear_of_members(water)
            lost = any(water.seqs.get(number, 0) < seq for number, seq in followed.items())
            if water.life != self._life or lost:
                await self._join(water)
            self._back()
            yield
            await asyncio.sleep(WATCH_SECONDS)

    def _hear_of_members(self, water: HighWater) -> None:
        members = {}
        for name, said in islice(water.members.items(), MEMBERS_LIMIT):
            with suppress(msgspec.DecodeError):
                members[name[:NAME_CHARACTERS]] = msgspec.json.decode(said, type=About)
        self.condition.members = members

    async def _join(self, water: HighWater) -> None:
        """Be of one mind with an engine that is new to us, or has lost what it held."""
        again = self._life is not None
        if again:
            self.numbers.resyncs += 1
            self._log("resync", "the engine began anew, or another took its place")
            before = {key: self._known.get(key) for key in self._known}
            await self._restore()
            for key, known in before.items():
                # What it was not given back now counts by what it holds, whatever that is.
                if known is not None and self._known.get(key) == known:
                    self._known.put(key, known._replace(version=0))
        seqs = dict(water.seqs)
        seen = await self._load()
        await self._bring_what_is_missing(seen)
        self._followed.clear()
        self._followed.update(seqs)
        self._life = water.life
        if again:
            await _end(self._tasks[1])
            self._tasks[1] = asyncio.create_task(self._for_ever(self._follow))
        self._joined.set()

    async def _load(self) -> set[bytes]:
        """Take in what the engine holds; returns the EID-Prefixes."""
        seen: set[bytes] = set()
        async for page in self._shared.load():
            seen.update(kept.eid for kept in page.kept)
            for start in range(0, max(1, len(page.kept)), SLICE):
                part = page._replace(kept=page.kept[start : start + SLICE])
                self._take_in(part if not start else part._replace(marks=(), superseded=()))
                await asyncio.sleep(0)
        return seen

    async def _restore(self) -> None:
        """Give an engine back what it may have lost: marks first, then what came here."""
        at_ms = self._now_ms()
        marks = [
            RaiseMark(partition_of(mark_site(mark)), mark, nonce, at_ms)
            for mark, nonce in list(self._marks.items())
        ]
        await self._shared.write_batch(marks)
        now = self._clock()
        writes: list[Write] = []
        for key in self._known:
            known = self._known.get(key)
            if known is None or known.own_until <= now or self._is_waiting(key):
                continue
            eid = EidPrefix.unpack(key, 0)[0]
            pending = self._whole(eid)
            if pending is None:
                continue
            mine = [
                one._replace(changed_ms=known.changed_ms) if len(pending.changed) == 1 else one
                for one in self._mine(pending)
            ]
            keep = self._keep(key, pending, mine, known, takes_over=False)
            writes.append(keep._replace(restores=True, version=known.version, guard=None))
            if len(writes) >= FLUSH_RECORDS:
                await self._restore_some(writes)
                writes = []
        await self._restore_some(writes)

    async def _restore_some(self, writes: list[Write]) -> None:
        outcomes = await self._shared.write_batch(writes)
        conflicts: list[tuple[EidPrefix, Stored | None]] = []
        for write, outcome in zip(writes, outcomes, strict=True):
            if not isinstance(write, Keep) or self._is_settled(write.eid, write, outcome):
                continue
            if not self._is_waiting(write.eid):
                conflicts.append((EidPrefix.unpack(write.eid, 0)[0], outcome.stored))
            elif outcome.stored is not None:
                self._overtaken[write.eid] = outcome.stored
        self._take_over(conflicts)
        await asyncio.sleep(0)

    async def _bring_what_is_missing(self, seen: set[bytes]) -> None:
        """What is registered here and not there, as after a restart, is owed to the fleet."""
        cursor: EidPrefix | None = None
        while page := self._store.scan(cursor, SLICE):
            cursor = page[-1].eid
            for mapping in page:
                key = mapping.eid.pack()
                if key in seen or key in self._known or self._is_waiting(key):
                    continue
                pending = self._whole(mapping.eid)
                if pending is not None:
                    self._gatherer.outbox.pending[key] = pending
            await asyncio.sleep(0)


async def _end(task: asyncio.Task[None]) -> None:
    """Cancel it until it has ended: a client that is just connecting may lose one."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=CANCEL_SECONDS)
