"""PureStore: the store in Python, packed so that a million registrations stay cheap.

A registration is a cell in a buffer and a few numbers in arrays: about 200 octets
with two locators, and nothing that the garbage collector would visit.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, MutableSequence
from itertools import islice
from typing import Final

from mapsys.change_log import (
    Change,
    ChangeLog,
    DropHistory,
    ForgetNonce,
    Put,
    RaiseNonce,
    RecordHistory,
    Supersede,
    Touch,
    Withdraw,
    opened,
    pack,
    pack_supersede,
    pack_touch,
    put_layout,
    read_changes,
    unpack,
)
from mapsys.contributions import Contribution, Contributions, cell_of_put
from mapsys.deadlines import Deadlines
from mapsys.eid import EidPrefix, Family
from mapsys.history_rows import HistoryRows
from mapsys.store import Mapping, Registration, Summary
from mapsys.subscriptions import Subscriptions
from mapsys.superseded import Superseded
from mapsys.table import PrefixTable

_FAMILIES: Final = {int(family): family for family in Family}

_Viewed = tuple[int, Mapping]
_NOTHING_VIEWED: Final = (-1, Mapping(EidPrefix(0, Family.IPV4, 0, 0), b"", ()))
"""The first slot and the view last made of it, until something changes: whoever asks
for a mapping mostly asks for what lies inside it as well."""


class PureStore:
    """Implements :class:`mapsys.store.Store`, where the verbs are described."""

    def __init__(self) -> None:
        self.generation = 0
        self._table: PrefixTable[int] = PrefixTable(_new_slot_array)
        """The first slot of each prefix's chain."""
        self._held = Contributions()
        self._held_of = dict.fromkeys(Family, 0)
        self._deadlines = Deadlines()
        self._nonces: dict[bytes, int] = {}
        self._superseded = Superseded()
        self._log = ChangeLog()
        self.subscriptions = Subscriptions(self._log.append)
        self.history = HistoryRows(self._log.append)
        self._ticket = 1
        self._viewed: _Viewed = _NOTHING_VIEWED

    def __len__(self) -> int:
        return len(self._held)

    def held(self, family: Family) -> int:
        return self._held_of[family]

    def put(
        self,
        eid: EidPrefix,
        registrant: bytes,
        *,
        record: bytes,
        details: bytes,
        digest: bytes,
        deadline: float,
        published: bytes,
    ) -> None:
        change = Put(eid, registrant, deadline, digest, record, details, published)
        packed = pack(change)
        self._put(change, deadline)
        self._log.append(packed)

    def _put(self, change: Put, deadline: float) -> None:
        self._viewed = _NOTHING_VIEWED
        eid, registrant, _, digest, record, details, published = change
        first = self._table.get(eid)
        slot = None if first is None else self._held.find(first, registrant)
        is_first = slot == first
        contribution = Contribution(
            eid, registrant, record, details, published if is_first else None
        )
        if slot is None:
            slot = self._held.add(contribution, digest, after=first)
            self._held_of[eid.family] += 1
            changed = True
        else:
            changed = self._held.replace(slot, contribution)
            self._held.set_digest(slot, digest)
        if first is None:
            self._table.put(eid, slot)
        elif not is_first:
            changed |= self._publish(eid, first, published)
        self._deadlines.set(slot, deadline)
        self.generation += changed

    def _publish(self, eid: EidPrefix, first: int, published: bytes | None) -> bool:
        """Set what a chain publishes. False: it did already."""
        return self._held.replace(first, self._held.read(first, eid)._replace(published=published))

    def withdraw(self, eid: EidPrefix, registrant: bytes, *, published: bytes | None) -> bool:
        change = Withdraw(eid, registrant, published)
        packed = pack(change)
        first, slot = self._find(eid, registrant)
        if first is None or slot is None:
            return False
        is_last = slot == first and not self._held.after(first)
        if is_last != (published is None):
            raise ValueError(
                f"withdrawing the {'last' if is_last else 'one'} registration of {eid}:"
                f" {'nothing is' if is_last else 'something stays'} published"
            )
        self._withdraw(change)
        self._log.append(packed)
        return True

    def _withdraw(self, change: Withdraw) -> None:
        self._viewed = _NOTHING_VIEWED
        eid, registrant, published = change
        first, slot = self._find(eid, registrant)
        if first is None or slot is None:
            return
        if published is None:
            published = self._held.read(first, eid).published
        remaining = self._held.release(first, slot)
        self._held_of[eid.family] -= 1
        self._deadlines.clear(slot)
        if remaining is None:
            self._table.remove(eid)
        else:
            self._table.put(eid, remaining)
            self._publish(eid, remaining, published)
        self.generation += 1

    def _find(self, eid: EidPrefix, registrant: bytes) -> tuple[int | None, int | None]:
        """The first slot of the prefix's chain, and the registrant's."""
        first = self._table.get(eid)
        return first, None if first is None else self._held.find(first, registrant)

    def touch(
        self, eid: EidPrefix, registrant: bytes, *, deadline: float, digest: bytes
    ) -> bytes | None:
        packed = pack_touch(eid, registrant, deadline, digest)
        before = self._touch(eid, registrant, deadline, digest)
        if before is not None:
            self._log.append(packed)
        return before

    def _touch(
        self, eid: EidPrefix, registrant: bytes, deadline: float, digest: bytes
    ) -> bytes | None:
        _, slot = self._find(eid, registrant)
        if slot is None:
            return None
        self._viewed = _NOTHING_VIEWED
        before = self._held.digest(slot)
        self._deadlines.set(slot, deadline)
        self._held.set_digest(slot, digest)
        return before

    def nonce_mark(self, mark: bytes) -> int | None:
        return self._nonces.get(mark)

    def raise_nonce(self, mark: bytes, nonce: int) -> None:
        packed = pack(RaiseNonce(mark, nonce))
        if self._raise_nonce(mark, nonce):
            self._log.append(packed)

    def _raise_nonce(self, mark: bytes, nonce: int) -> bool:
        if nonce <= self._nonces.get(mark, -1):
            return False
        self._nonces[mark] = nonce
        return True

    def forget_nonce(self, mark: bytes) -> None:
        if self._nonces.pop(mark, None) is not None:
            self._log.append(pack(ForgetNonce(mark)))

    def supersede(self, digest: bytes, until: float) -> None:
        packed = pack_supersede(digest, until)
        if self._superseded.add(digest, until):
            self._log.append(packed)

    def is_superseded(self, digest: bytes, now: float) -> bool:
        self._superseded.purge(now)
        return self._superseded.holds(digest, now)

    def get(self, eid: EidPrefix) -> Mapping | None:
        first = self._table.get(eid)
        return None if first is None else self._view(eid, first)

    def _view(self, eid: EidPrefix, first: int) -> Mapping:
        if self._viewed[0] == first:
            return self._viewed[1]
        held = self._held.read(first, eid)
        registrations = [self._registration(first, held)]
        for slot in self._held.after(first):
            registrations.append(self._registration(slot, self._held.read(slot, eid)))
        registrations.sort()
        view = Mapping(eid, held.published or b"", tuple(registrations))
        self._viewed = first, view
        return view

    def _registration(self, slot: int, held: Contribution) -> Registration:
        _, registrant, record, details, _ = held
        deadline, digest = self._deadlines.at(slot), self._held.digest(slot)
        return Registration(registrant, deadline, digest, record, details)

    def longest_match(self, eid: EidPrefix) -> Mapping | None:
        found = self._table.longest_match(eid)
        return None if found is None else self._view(*found)

    def covering(self, eid: EidPrefix) -> Iterator[Mapping]:
        for prefix, first in self._table.covering(eid):
            yield self._view(prefix, first)

    def covered(self, eid: EidPrefix, limit: int | None = None) -> Iterator[Mapping]:
        for prefix, first in self._table.covered(eid, limit):
            yield self._view(prefix, first)

    def summary(self, eid: EidPrefix) -> Summary:
        prefixes = octets = 0
        details: set[bytes] = set()
        for firsts in self._table.blocks_covered(eid):
            prefixes += len(firsts)
            octets += self._held.sum_up(firsts, details)
        return Summary(prefixes, octets, frozenset(details))

    def hole(self, eid: EidPrefix, shortest: int) -> EidPrefix | None:
        return self._table.hole(eid, shortest)

    def due(self, now: float, limit: int) -> list[tuple[EidPrefix, bytes]]:
        self._superseded.purge(now)
        held = (self._held.read(slot) for slot in self._deadlines.due(now, limit))
        return [(contribution.eid, contribution.registrant) for contribution in held]

    def next_deadline(self) -> float | None:
        return self._deadlines.next_second()

    def scan(self, cursor: EidPrefix | None, limit: int) -> list[Mapping]:
        page = islice(self._table.items(cursor), limit)
        return [self._view(prefix, first) for prefix, first in page]

    @property
    def ticket(self) -> int:
        return self._ticket

    def take_changes(self) -> tuple[int, bytes]:
        ticket = self._ticket
        self._ticket += 1
        return ticket, self._log.take()

    def apply(self, changes: bytes, shift: float) -> None:
        for change in read_changes(changes):
            self._apply(change, shift)

    def apply_sealed(self, rows: list[object], shift: float) -> int:
        lost = 0
        for row in rows:
            packed = opened(row)
            if packed is None:
                lost += 1
            elif not self._add_packed(packed, shift):
                self._apply(unpack(packed), shift)
        return lost

    def _add_packed(self, packed: bytes, shift: float) -> bool:
        """Take in a Put for a prefix without registrations, as a restart meets them by the million.

        False, and nothing done: it is another change.
        """
        parts = put_layout(packed)
        if parts is None:
            return False
        deadline, digest, instance_id, family, network, length = parts[:6]
        slot = self._held.next_slot
        if not self._table.add(instance_id, family, network, length, slot):
            return False
        cell = cell_of_put(packed, parts)
        self._held.add_cell(cell, digest, after=None)
        self._deadlines.set(slot, deadline + shift)
        self._held_of[_FAMILIES[family]] += 1
        self.generation += 1
        self._viewed = _NOTHING_VIEWED
        return True

    def _apply(self, change: Change, shift: float) -> None:
        """Any change can be read back twice, or over what came later, on the way to the same end:
        a commit that was reported as failed may have reached the disk, and comes again.
        """
        match change:
            case Put():
                self._put(change, change.deadline + shift)
            case Touch():
                self._touch(change.eid, change.registrant, change.deadline + shift, change.digest)
            case Withdraw():
                self._withdraw(change)
            case RaiseNonce(mark, nonce):
                self._raise_nonce(mark, nonce)
            case ForgetNonce(mark):
                self._nonces.pop(mark, None)
            case Supersede(digest, until):
                self._superseded.add(digest, until + shift)
            case RecordHistory() | DropHistory():
                self.history.apply(change)
            case _:
                self.subscriptions.apply(change, shift)


def _new_slot_array() -> MutableSequence[int]:
    return array("I")
