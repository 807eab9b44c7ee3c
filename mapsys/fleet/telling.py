"""What a member of a fleet has to say, told until the engine has it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

from mapsys.change_log import Put
from mapsys.core.details import FORMER, HAS_XTR_ID, Details, flags_in
from mapsys.core.replay import Check, check_for, mark_octets, mark_site
from mapsys.eid import EidPrefix
from mapsys.fleet.contract import (
    TOMBSTONE_SECONDS,
    Ask,
    FleetError,
    ForgetMark,
    Guard,
    Keep,
    Outcome,
    Prolong,
    RaiseMark,
    Status,
    Stored,
    SupersedeDigest,
    Write,
    partition_of,
)
from mapsys.fleet.known import NEVER, Known
from mapsys.fleet.merge import merge
from mapsys.fleet.outbox import Outbox, Pending
from mapsys.fleet.state import Contribution, State, of
from mapsys.fleet.taking import (
    FLUSH_RECORDS,
    FLUSH_SECONDS,
    TRIES,
    Taking,
)
from mapsys.store import Registration


class Telling(Taking):
    """The outbox on its way into the engine."""

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


def _mark_of(details: Details, registrant: bytes) -> bytes:
    xtr_id = registrant if details.flags & HAS_XTR_ID else None
    return mark_octets(details.site, details.key_id, xtr_id)


def _changed_ms(octets: bytes) -> int:
    return int.from_bytes(octets[:8], "big")
