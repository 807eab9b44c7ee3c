"""What the engine has yet to hear: the newest of each, gathered from the journal's changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from mapsys.change_log import (
    ForgetNonce,
    Put,
    RaiseNonce,
    Supersede,
    Touch,
    Withdraw,
    read_changes,
)
from mapsys.core.details import FORMER, HAS_XTR_ID, STATIC, Details
from mapsys.core.replay import mark_octets
from mapsys.eid import EidPrefix
from mapsys.fleet.contract import partition_of
from mapsys.fleet.known import KnownStates

TOLD_SHARE: Final = 1 / 3
"""Of its lifetime, after which a refresh is passed on."""

Order = tuple[int, int | None]
"""When a registrant's contribution changed (Unix milliseconds), and by which nonce."""


@dataclass(slots=True)
class Pending:
    """Changes of one EID-Prefix. takes_over: it changed hands.

    changed: the registrants that did. gone: which of them withdrew.
    """

    eid: EidPrefix
    partition: int
    takes_over: bool = False
    changed: dict[bytes, Order] = field(default_factory=dict)
    gone: set[bytes] = field(default_factory=set)

    def add_older(self, older: Pending) -> None:
        """What had been taken out and could not be told; what is here is newer."""
        self.takes_over |= older.takes_over
        self.gone |= older.gone - self.changed.keys()
        self.changed = {**older.changed, **self.changed}


@dataclass(slots=True)
class Outbox:
    """Taken out and put back as a whole; keys are packed EID-Prefixes.

    refreshed: those whose lifetime is to be prolonged, until when. asked: those whose
    lifetime ran out here. marks: nonce and when. digests: partition, until when, and
    whether a change superseded them.
    """

    pending: dict[bytes, Pending] = field(default_factory=dict)
    refreshed: dict[bytes, float] = field(default_factory=dict)
    asked: dict[bytes, EidPrefix] = field(default_factory=dict)
    marks: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    forgotten: dict[bytes, None] = field(default_factory=dict)
    digests: dict[bytes, tuple[int, float, bool]] = field(default_factory=dict)

    def __len__(self) -> int:
        return (
            len(self.pending)
            + len(self.refreshed)
            + len(self.asked)
            + len(self.marks)
            + len(self.forgotten)
            + len(self.digests)
        )

    def put_back(self, older: Outbox) -> None:
        """What could not be told; what has come meanwhile is newer."""
        for key, pending in older.pending.items():
            if key in self.pending:
                self.pending[key].add_older(pending)
            else:
                self.pending[key] = pending
        self.refreshed = {**older.refreshed, **self.refreshed}
        self.asked = {**older.asked, **self.asked}
        marks = {m: v for m, v in older.marks.items() if m not in self.forgotten}
        self.marks = {**marks, **self.marks}
        self.forgotten = {**older.forgotten, **self.forgotten}
        self.digests = {**older.digests, **self.digests}


class Gatherer:
    """Reads what the store went through into the outbox.

    withdrawn: EID-Prefixes that an owner withdrew since the last call; what else is taken
    out of the store ran out, or is not allowed here, and is nobody else's business.
    prolonged: those whose deadline the fleet itself moved.
    """

    def __init__(self, known: KnownStates, site_of: Callable[[EidPrefix], str | None]) -> None:
        self._known = known
        self._site_of = site_of
        self.outbox = Outbox()
        self.withdrawn: set[EidPrefix] = set()
        self.prolonged: set[EidPrefix] = set()

    def gather(self, changes: bytes, now: float, at_ms: int) -> None:
        """changes: packed, as the journal gets them."""
        raised: dict[bytes, int] = {}
        partition, changed = 0, False
        for change in read_changes(changes):
            match change:
                case Touch(eid, registrant, deadline, _):
                    changed = False
                    if eid not in self.prolonged:
                        partition = self._refreshed(eid, registrant, deadline, now, at_ms)
                case Supersede(digest, until):
                    self.outbox.digests[digest] = (partition, until, changed)
                case RaiseNonce(mark, nonce):
                    raised[mark] = nonce
                    self.outbox.marks[mark] = (nonce, at_ms)
                case Put():
                    changed = True
                    partition = self._put(change, raised, now, at_ms)
                case Withdraw(eid, registrant, _):
                    changed = True
                    partition = self._withdraw(eid, registrant, at_ms)
                case ForgetNonce(mark):
                    self.outbox.marks.pop(mark, None)
                    self.outbox.forgotten[mark] = None
        self.withdrawn.clear()
        self.prolonged.clear()

    def owe(self, eid: EidPrefix, site: str, registrant: bytes, order: Order) -> Pending:
        """Note a contribution as changed."""
        pending = self.outbox.pending.setdefault(eid.pack(), Pending(eid, partition_of(site)))
        pending.changed[registrant] = order
        pending.gone.discard(registrant)
        return pending

    def _put(self, put: Put, raised: dict[bytes, int], now: float, at_ms: int) -> int:
        details = Details.unpack(put.details)
        if details.flags & STATIC:
            return partition_of(details.site)
        xtr_id = put.registrant if details.flags & HAS_XTR_ID else None
        nonce = raised.get(mark_octets(details.site, details.key_id, xtr_id))
        pending = self.owe(put.eid, details.site, put.registrant, (at_ms, nonce))
        pending.takes_over |= bool(details.flags & FORMER)
        key = put.eid.pack()
        known = self._known.get(key)
        if known is not None and put.deadline > known.own_until:
            self._known.put(key, known._replace(own_until=put.deadline))
        self.outbox.refreshed.pop(key, None)
        return pending.partition

    def _withdraw(self, eid: EidPrefix, registrant: bytes, at_ms: int) -> int:
        key = eid.pack()
        known, pending = self._known.get(key), self.outbox.pending.get(key)
        site = self._site_of(eid)
        self.outbox.refreshed.pop(key, None)
        if eid not in self.withdrawn or site is None:
            if pending is not None:
                pending.changed.pop(registrant, None)
            return partition_of(site or "")
        if known is not None or pending is not None:
            pending = self.owe(eid, site, registrant, (at_ms, None))
            pending.gone.add(registrant)
        return partition_of(site)

    def _refreshed(
        self, eid: EidPrefix, registrant: bytes, deadline: float, now: float, at_ms: int
    ) -> int:
        key = eid.pack()
        known = self._known.get(key)
        if known is None:
            site = self._site_of(eid)
            if site is not None and key not in self.outbox.pending:
                self.owe(eid, site, registrant, (at_ms, None))
            return partition_of(site or "")
        told = known.told
        if now - told >= (deadline - now) * TOLD_SHARE and key not in self.outbox.pending:
            self.outbox.refreshed[key] = deadline
            told = now
        self._known.put(key, known._replace(own_until=deadline, told=told))
        return known.partition
