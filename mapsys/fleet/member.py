"""One node's part in a fleet: tells the engine what came here, takes over what came elsewhere.

Journal's changes -> ``outbox`` -> engine; engine's changes -> the core's ``Adoption`` ->
store. The loop waits for the engine nowhere else: answers come from the store.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Protocol

import msgspec

from mapsys.change_log import Put
from mapsys.core.adoption import UnfitError
from mapsys.core.details import FORMER, HAS_XTR_ID, Details, flags_in
from mapsys.core.effects import Effect, Withdrawn
from mapsys.core.engine import Engine
from mapsys.core.replay import Check, check_for, mark_octets, mark_site
from mapsys.eid import EidPrefix
from mapsys.fleet.contract import (
    TOMBSTONE_SECONDS,
    Ask,
    Changes,
    FleetError,
    ForgetMark,
    Gap,
    Guard,
    HighWater,
    Keep,
    Outcome,
    Prolong,
    RaiseMark,
    SharedEngine,
    Status,
    Stored,
    SupersedeDigest,
    Write,
    partition_of,
)
from mapsys.fleet.known import NEVER, Known, KnownStates
from mapsys.fleet.merge import merge
from mapsys.fleet.outbox import Gatherer, Outbox, Pending
from mapsys.fleet.state import Contribution, State, of
from mapsys.histogram import Histogram
from mapsys.store import Registration, Store

FLUSH_SECONDS: Final = 0.01
FLUSH_RECORDS: Final = 500
"""What changes is told after the first or at once from the second on."""

WATCH_SECONDS: Final = 1.0
FIRST_PAUSE_SECONDS: Final = 0.05
LAST_PAUSE_SECONDS: Final = 2.0
"""Between tries while the engine is away; doubled from the first to the last."""

ASK_SECONDS: Final = 2.0
"""For which what ran out here is kept while the engine is asked about it."""

CANCEL_SECONDS: Final = 0.2
TRIES: Final = 5
"""To write one EID-Prefix against others that change it at the same time."""

SLICE: Final = 200
"""States taken over before the loop looks at the sockets again."""

SKEW_MS: Final = 1_000

LAG_BOUNDS_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


class Surroundings(Protocol):
    """What takes part in the decisions of a member: ``net.shell.Shell``."""

    def decide(self, during: str, ask: Callable[[float], list[Effect]]) -> None: ...


class About(msgspec.Struct, frozen=True):
    """What a member leaves word of. at_ms: its clock. registrations: that it holds."""

    version: str
    at_ms: int
    registrations: int
    outbox: int


@dataclass(slots=True)
class Numbers:
    """Totals since the start."""

    written: int = 0
    adopted: int = 0
    refused: int = 0
    overwritten: int = 0
    replayed: int = 0
    resyncs: int = 0
    failures: int = 0


@dataclass(slots=True)
class Condition:
    """problem: why the engine cannot be used; None while it can.

    since: when that began, or ended. lag_seconds: of what was followed last.
    """

    problem: str | None = "the engine has not been reached yet"
    since: float = field(default_factory=time.time)
    lag_seconds: float = 0.0
    skew_ms: int = 0
    members: dict[str, About] = field(default_factory=dict)


class Member:
    """Made on the loop; ``start`` makes it work, ``gather`` is fed by the journal's queue."""

    def __init__(
        self,
        name: str,
        shared: SharedEngine,
        core: Engine,
        store: Store,
        *,
        version: str,
        replicas: int = 0,
        serve_stale_seconds: float = 0.0,
        log: Callable[[str, str], None] = lambda _what, _detail: None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """name: of this member alone. replicas: that confirm each write.

        serve_stale_seconds: for which what others registered is kept past its lifetime while
        the engine is away. log: told of what happens, in a word and a sentence.
        """
        self._name = name
        self._shared = shared
        self._core = core
        self._store = store
        self._version = version
        self._replicas = replicas
        self._serve_stale = serve_stale_seconds
        self._log = log
        self._clock = clock
        self._wall = wall
        self._known = KnownStates()
        self._gatherer = Gatherer(self._known, self._site_of)
        self._in_flight: Outbox | None = None
        self._adopting = False
        self._absent: set[bytes] = set()
        self._overtaken: dict[bytes, Stored] = {}
        """What others wrote while our own change was on its way."""
        self._marks: dict[bytes, int] = {}
        self._wake = asyncio.Event()
        self._followed: dict[int, int] = {}
        self._missed: set[int] = set()
        self._life: str | None = None
        self._joined = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._surroundings: Surroundings | None = None
        self._ticket = 0
        self._told_ticket = 0
        self._on_told: Callable[[int], None] = lambda _ticket: None
        self.numbers = Numbers()
        self.condition = Condition()
        self.lag = Histogram(LAG_BOUNDS_SECONDS)
        core.lives_elsewhere = self.lives_elsewhere

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
            except FleetError as error:
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
        if self.condition.problem is not None:
            self.condition.problem = None
            self.condition.since = self._wall()
            self._log("joined", f"{len(self._known)} EID-Prefixes are known")
        self._wake.set()

    # What comes here

    def gather(self, ticket: int, changes: bytes) -> None:
        """What the journal is about to be given; nothing that came from the fleet is sent back."""
        self._ticket = ticket
        if changes and not self._adopting:
            at_ms = self._now_ms()
            self._gatherer.gather(changes, self._clock(), at_ms)
            self._marks.update(
                (mark, nonce) for mark, (nonce, _) in self._gatherer.outbox.marks.items()
            )
        if len(self._gatherer.outbox):
            self._wake.set()
        elif self._in_flight is None:
            self._told(ticket)

    def observe(self, effects: Iterable[Effect], _now: float) -> None:
        """Hear what took place: an owner's withdrawal is for all, an end of lifetime is not."""
        for effect in effects:
            if isinstance(effect, Withdrawn) and not self._adopting:
                self._gatherer.withdrawn.add(effect.eid)

    def when_told(self, on_told: Callable[[int], None]) -> None:
        """on_told: given each ticket up to which the engine has everything."""
        self._on_told = on_told

    @property
    def outbox_records(self) -> int:
        """What the engine has yet to hear."""
        waiting = 0 if self._in_flight is None else len(self._in_flight)
        return waiting + len(self._gatherer.outbox)

    def lives_elsewhere(self, eid: EidPrefix, registrant: bytes, now: float) -> bool:
        """Whether to keep what has run out here, since another member may know better."""
        key = eid.pack()
        known = self._known.get(key)
        if known is None:
            return False
        if key in self._absent:
            self._absent.discard(key)
            self._known.forget(key)
            return False
        registration = _of(self._store, eid, registrant)
        if registration is None:
            return False
        if self.condition.problem is not None:
            stale = self._wall() - self.condition.since
            if stale >= self._serve_stale or known.own_until != NEVER:
                self._known.forget(key)
                return False
        else:
            self._gatherer.outbox.asked[key] = eid
            self._wake.set()
        self._gatherer.prolonged.add(eid)
        self._store.touch(eid, registrant, deadline=now + ASK_SECONDS, digest=registration.digest)
        return True

    def is_stale(self, eid: EidPrefix) -> bool:
        """Whether what is registered came by another member, and the engine is away."""
        known = self._known.get(eid.pack())
        return self.condition.problem is not None and known is not None and known.own_until == NEVER

    # Telling

    async def _tell(self) -> AsyncIterator[None]:
        await self._joined.wait()
        while True:
            await self._wake.wait()
            if len(self._gatherer.outbox) < FLUSH_RECORDS:
                await asyncio.sleep(FLUSH_SECONDS)
            self._wake.clear()
            await self._flush()
            yield

    async def _flush(self) -> None:
        """Tell all there is now."""
        ticket, outbox = self._ticket, self._gatherer.outbox
        if len(outbox):
            self._gatherer.outbox, self._in_flight = Outbox(), outbox
            try:
                await self._tell_all(outbox)
            except BaseException:
                self._gatherer.outbox.put_back(outbox)
                raise
            finally:
                self._in_flight = None
            self._catch_up()
        self._told(ticket)

    def _catch_up(self) -> None:
        """What came meanwhile counts where ours was before it."""
        overtaken, self._overtaken = self._overtaken, {}
        states: list[tuple[EidPrefix, Stored | None]] = []
        for key, stored in overtaken.items():
            known = self._known.get(key)
            if not self._is_waiting(key) and (known is None or stored.version > known.version):
                states.append((EidPrefix.unpack(key, 0)[0], stored))
        self._take_over(states)

    def _told(self, ticket: int) -> None:
        self._told_ticket = max(self._told_ticket, ticket)
        self._on_told(self._told_ticket)

    async def _tell_all(self, outbox: Outbox) -> None:
        writes: list[Write] = []
        keys: list[bytes | None] = []

        def add(write: Write, key: bytes | None = None) -> None:
            writes.append(write)
            keys.append(key)

        for mark in outbox.forgotten:
            add(ForgetMark(partition_of(mark_site(mark)), mark))
        for mark, (nonce, at_ms) in outbox.marks.items():
            add(RaiseMark(partition_of(mark_site(mark)), mark, nonce, at_ms))
        for digest, (partition, until, kept) in outbox.digests.items():
            add(SupersedeDigest(partition, digest, int((until + self._offset) * 1e3), kept))
        for key, deadline in outbox.refreshed.items():
            known = self._known.get(key)
            if known is None:
                continue
            mapping = self._store.get(EidPrefix.unpack(key, 0)[0])
            if mapping is not None and len(mapping.registrations) > 1:
                add(Ask(known.partition, key), key)
            else:
                ttl_ms = int((deadline - self._clock()) * 1e3)
                add(Prolong(known.partition, key, known.version, ttl_ms), key)
        for key in outbox.asked:
            known = self._known.get(key)
            if known is not None:
                add(Ask(known.partition, key), key)
        for key, pending in outbox.pending.items():
            add(self._write_of(key, pending), key)
        outcomes = await self._shared.write_batch(writes, replicas=self._replicas)
        self.numbers.written += len(writes)
        again: list[tuple[bytes, Write, Outcome]] = []
        for key_told, write, outcome in zip(keys, writes, outcomes, strict=True):
            if outcome.status is Status.REPLAYED:
                self.numbers.replayed += 1
            if key_told is not None and not self._is_settled(key_told, write, outcome):
                again.append((key_told, write, outcome))
        for key_told, write, outcome in again:
            await self._settle(key_told, outbox.pending.get(key_told), write, outcome)

    def _is_settled(self, key: bytes, write: Write, outcome: Outcome) -> bool:
        """Whether a write has had its way."""
        if outcome.status is not Status.DONE:
            return False
        if isinstance(write, Keep):
            epoch = outcome.version if write.takes_over else write.epoch
            now = self._clock()
            known = Known(
                write.partition,
                outcome.version,
                epoch,
                _changed_ms(write.octets),
                own_until=now + write.ttl_ms / 1e3,
                told=now,
            )
            self._known.put(key, known)
        return True

    async def _settle(
        self, key: bytes, pending: Pending | None, write: Write, outcome: Outcome
    ) -> None:
        """Deal with what stood in the way, and try again."""
        eid = EidPrefix.unpack(key, 0)[0]
        for _ in range(TRIES):
            if outcome.status is Status.REPLAYED:
                self._take_over([(eid, outcome.stored)])
                return
            if pending is None and isinstance(write, Ask) and outcome.stored is not None:
                pending = self._own_of_many(eid)
            if outcome.status is Status.ABSENT:
                known = self._known.get(key)
                own = known is not None and known.own_until > self._clock()
                if pending is None and not own:
                    self._absent.add(key)
                    return
                if pending is None:
                    pending = self._whole(eid)
                if pending is None:
                    return
                write = self._keep(key, pending, self._mine(pending), None, takes_over=True)
            else:
                assert outcome.stored is not None
                if pending is None:
                    self._take_over([(eid, outcome.stored)])
                    return
                try:
                    theirs = State.unpack(outcome.stored.octets, eid)
                except ValueError as error:
                    self._refused(eid, str(error))
                    theirs = State(0, ())
                merged = merge(eid, self._mine(pending), theirs)
                if merged.lost:
                    self.numbers.overwritten += 1
                    self._log("overwritten", f"{eid} was changed later by another member")
                if merged.state.contributions == theirs.contributions:
                    self._take_over([(eid, outcome.stored)])
                    return
                write = self._keep(
                    key,
                    pending,
                    merged.state.contributions,
                    outcome.stored,
                    takes_over=merged.takes_over or pending.takes_over,
                )
            (outcome,) = await self._shared.write_batch([write], replicas=self._replicas)
            if self._is_settled(key, write, outcome):
                if isinstance(write, Keep):
                    self._take_over_puts(eid, State.unpack(write.octets, eid).puts)
                return
        raise FleetError(f"{eid} was changed {TRIES} times while it was being told")

    def _write_of(self, key: bytes, pending: Pending) -> Write:
        """The first try: alone where nobody else has a part in it."""
        mapping = self._store.get(pending.eid)
        held = () if mapping is None else mapping.registrations
        if any(one.registrant not in pending.changed for one in held):
            return Ask(pending.partition, key)
        mine = self._mine(pending)
        known = self._known.get(key)
        if known is not None and not held and not mine:
            return Ask(pending.partition, key)
        return self._keep(key, pending, mine, known, takes_over=pending.takes_over)

    def _keep(
        self,
        key: bytes,
        pending: Pending,
        contributions: Iterable[Contribution],
        basis: Known | Stored | None,
        *,
        takes_over: bool,
    ) -> Keep:
        """basis: what is known to be held."""
        everything = tuple(contributions)
        changed_ms = max((one.changed_ms for one in everything), default=self._now_ms())
        state = of(changed_ms, everything)
        now = self._clock()
        latest = max((put.deadline - self._offset for put in state.puts), default=0.0)
        ttl = latest - now if state.puts else TOMBSTONE_SECONDS
        return Keep(
            pending.partition,
            key,
            state.pack(),
            max(1, int(ttl * 1e3)),
            base=0 if basis is None else basis.version,
            takes_over=takes_over or basis is None,
            epoch=0 if basis is None else basis.epoch,
            guard=self._guard(everything, pending),
        )

    def _guard(self, contributions: Iterable[Contribution], pending: Pending) -> Guard | None:
        """What made the newest of our changes, where it could have been a replay."""
        ours = [
            one
            for one in contributions
            if one.registrant in pending.changed
            and one.put is not None
            and not flags_in(one.put.details) & FORMER
        ]
        newest = max(ours, key=lambda one: one.changed_ms, default=None)
        if newest is None or newest.put is None:
            return None
        details = Details.unpack(newest.put.details)
        site = self._core.sites.named(details.site)
        if site is None:
            return None
        if newest.nonce is not None:
            mark = _mark_of(details, newest.registrant)
            return Guard(mark=mark, nonce=newest.nonce, at_ms=newest.changed_ms)
        if check_for(site, details.algorithm_id) is Check.OCTETS:
            return Guard(digest=newest.put.digest)
        return None

    def _mine(self, pending: Pending) -> list[Contribution]:
        mapping = self._store.get(pending.eid)
        held = {one.registrant: one for one in (mapping.registrations if mapping else ())}
        mine = []
        for registrant, (changed_ms, nonce) in pending.changed.items():
            one = held.get(registrant)
            if one is not None:
                put = self._as_put(pending.eid, one)
                mine.append(Contribution(registrant, changed_ms, nonce, put))
            elif registrant in pending.gone:
                mine.append(Contribution(registrant, changed_ms, nonce, None))
        return mine

    def _as_put(self, eid: EidPrefix, one: Registration) -> Put:
        deadline = one.deadline + self._offset
        return Put(eid, one.registrant, deadline, one.digest, one.record, one.details, b"")

    def _whole(self, eid: EidPrefix) -> Pending | None:
        """All that is registered here, as if it had just changed when it was last refreshed."""
        mapping = self._store.get(eid)
        pending: Pending | None = None
        for one in mapping.registrations if mapping is not None else ():
            details = Details.unpack(one.details)
            if details.is_static:
                return None
            pending = pending or Pending(eid, partition_of(details.site))
            refreshed = one.deadline - details.lifetime_seconds + self._offset
            nonce = self._nonce_of(details, one.registrant)
            pending.changed[one.registrant] = (int(refreshed * 1e3), nonce)
        return pending

    def _own_of_many(self, eid: EidPrefix) -> Pending | None:
        """Of several registrations, those refreshed here since; their lifetimes are told."""
        known = self._known.get(eid.pack())
        whole = self._whole(eid)
        if known is None or known.own_until == NEVER or whole is None or len(whole.changed) < 2:
            return None
        return whole

    def _nonce_of(self, details: Details, registrant: bytes) -> int | None:
        site = self._core.sites.named(details.site)
        if site is None or check_for(site, details.algorithm_id) is not Check.NONCE:
            return None
        return self._store.nonce_mark(_mark_of(details, registrant))

    # Following

    async def _follow(self) -> AsyncIterator[None]:
        await self._joined.wait()
        stream = self._shared.follow(self._followed)
        async for news in stream:
            if isinstance(news, Gap):
                self._missed.add(news.partition)
                self._followed[news.partition] = news.seq
                await self._reload()
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

    def _is_waiting(self, key: bytes) -> bool:
        """Whether our own change is on its way: it will meet what others wrote there."""
        in_flight = self._in_flight
        return key in self._gatherer.outbox.pending or (
            in_flight is not None and key in in_flight.pending
        )

    def _take_over(self, states: Iterable[tuple[EidPrefix, Stored | None]]) -> None:
        """Have the core and the store hold these; what does not fit is counted and left."""
        fitting: list[tuple[EidPrefix, list[Put]]] = []
        for eid, stored in states:
            key = eid.pack()
            if stored is None:
                self._known.forget(key)
                fitting.append((eid, []))
                continue
            try:
                state = State.unpack(stored.octets, eid)
            except ValueError as error:
                self._refused(eid, str(error))
                continue
            site = self._site_of(eid)
            self._absent.discard(key)
            self._note(
                key, partition_of(site or ""), stored.version, stored.epoch, state.changed_ms
            )
            puts = state.puts
            if len(puts) == 1:
                ends = self._clock() + stored.ttl_ms / 1e3 + self._offset
                puts = [puts[0]._replace(deadline=ends)]
            fitting.append((eid, puts))
        if fitting:
            self._decide(fitting)

    def _take_over_puts(self, eid: EidPrefix, puts: list[Put]) -> None:
        self._decide([(eid, puts)])

    def _decide(self, wanted: list[tuple[EidPrefix, list[Put]]]) -> None:
        def ask(now: float) -> list[Effect]:
            effects: list[Effect] = []
            for eid, puts in wanted:
                here = [one._replace(deadline=one.deadline - self._offset) for one in puts]
                try:
                    effects += self._core.adoption.adopt(eid, here, now)
                    self.numbers.adopted += 1
                except UnfitError as error:
                    self._refused(eid, str(error))
            return effects

        assert self._surroundings is not None
        with self._speaking_for_others():
            self._surroundings.decide("fleet", ask)

    def _speaking_for_others(self) -> _Adopting:
        return _Adopting(self)

    def set_adopting(self, adopting: bool) -> None:
        """Whether what changes in the store comes from the fleet.

        What changed before is fetched first, so that nothing of ours is taken for theirs.
        """
        if self._surroundings is not None:
            self._surroundings.decide("fleet", lambda _now: [])
        self._adopting = adopting

    def _refused(self, eid: EidPrefix, why: str) -> None:
        self.numbers.refused += 1
        self._log("refused", f"{eid}: {why}")

    def _note(self, key: bytes, partition: int, version: int, epoch: int, changed_ms: int) -> None:
        known = self._known.get(key)
        own, told = (NEVER, NEVER) if known is None else (known.own_until, self._clock())
        self._known.put(key, Known(partition, version, epoch, changed_ms, own, told))

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
            elif self._missed:
                await self._reload()
            self._back()
            yield
            await asyncio.sleep(WATCH_SECONDS)

    def _hear_of_members(self, water: HighWater) -> None:
        members = {}
        for name, said in water.members.items():
            with suppress(msgspec.DecodeError):
                members[name] = msgspec.json.decode(said, type=About)
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
        seen = await self._load(None)
        await self._bring_what_is_missing(seen)
        self._followed.clear()
        self._followed.update(seqs)
        self._life = water.life
        if again:
            await _end(self._tasks[1])
            self._tasks[1] = asyncio.create_task(self._for_ever(self._follow))
        self._joined.set()

    async def _reload(self) -> None:
        missed = set(self._missed)
        self.numbers.resyncs += 1
        await self._load(missed)
        self._missed -= missed

    async def _load(self, partitions: set[int] | None) -> set[bytes]:
        """Take in what the engine holds; returns the EID-Prefixes."""
        seen: set[bytes] = set()
        async for page in self._shared.load(partitions):
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
            if isinstance(write, Keep) and not self._is_settled(write.eid, write, outcome):
                conflicts.append((EidPrefix.unpack(write.eid, 0)[0], outcome.stored))
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

    # Clocks and sites

    @property
    def _offset(self) -> float:
        """Unix time minus the core's clock."""
        return self._wall() - self._clock()

    def _now_ms(self) -> int:
        return int(self._wall() * 1e3)

    def _site_of(self, eid: EidPrefix) -> str | None:
        match = self._core.sites.longest_match(eid)
        return None if match is None else match[0].name


class _Adopting:
    """While it lasts, what changes in the store comes from the fleet."""

    def __init__(self, member: Member) -> None:
        self._member = member

    def __enter__(self) -> None:
        self._member.set_adopting(True)

    def __exit__(self, *_: object) -> None:
        self._member.set_adopting(False)


async def _end(task: asyncio.Task[None]) -> None:
    """Cancel it until it has ended: a client that is just connecting may lose one."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=CANCEL_SECONDS)


def _of(store: Store, eid: EidPrefix, registrant: bytes) -> Registration | None:
    mapping = store.get(eid)
    found = () if mapping is None else mapping.registrations
    return next((one for one in found if one.registrant == registrant), None)


def _mark_of(details: Details, registrant: bytes) -> bytes:
    xtr_id = registrant if details.flags & HAS_XTR_ID else None
    return mark_octets(details.site, details.key_id, xtr_id)


def _changed_ms(octets: bytes) -> int:
    return int.from_bytes(octets[:8], "big")
