"""Subscriptions: which xTR wants to hear of which EID-Prefix, and what it has heard (RFC 9437).

Part of a store: every change goes into the store's change log. A subscription is
one packed cell, so that a hundred thousand of them stay cheap.
"""

from __future__ import annotations

import heapq
import struct
from collections.abc import Callable, Iterator
from math import inf
from typing import Final, NamedTuple

from mapsys.change_log import Change, Owe, Publish, Settle, Subscribe, Unsubscribe, pack
from mapsys.eid import EidPrefix
from mapsys.table import PrefixTable

_HEAD: Final = struct.Struct(">dQ")
"""How a cell begins: deadline and nonce."""


class Subscription(NamedTuple):
    """What is held for one xTR at one EID-Prefix; a view.

    subscriber: the xTR-ID, 16 octets. deadline: seconds on the caller's clock,
    infinite where it has none. nonce: the last one used between the xTR and the
    Map-Server about this EID-Prefix. details: facts that only the core reads.
    """

    eid: EidPrefix
    subscriber: bytes
    deadline: float
    nonce: int
    details: bytes


class Subscriptions:
    """Subscriptions by EID-Prefix and xTR-ID, and the changes that they are still owed."""

    def __init__(self, log: Callable[[bytes], None]) -> None:
        """log: takes each packed change."""
        self._log = log
        self._table: PrefixTable[dict[bytes, bytes]] = PrefixTable()
        self._held_by: dict[bytes, int] = {}
        self._size = 0
        self._due = _DueTimes()
        self._owed: dict[EidPrefix, None] = {}

    def __len__(self) -> int:
        return self._size

    def put(
        self, eid: EidPrefix, subscriber: bytes, *, nonce: int, deadline: float, details: bytes
    ) -> None:
        """Hold or replace what is known of an xTR at an EID-Prefix.

        Raises ValueError where a field is too long for the change log.
        """
        change = Subscribe(eid, subscriber, deadline, nonce, details)
        packed = pack(change)
        self._put(change, deadline)
        self._log(packed)

    def _put(self, change: Subscribe, deadline: float) -> None:
        eid, subscriber = change.eid, change.subscriber
        cells = self._table.get(eid)
        if cells is None:
            cells = {}
            self._table.put(eid, cells)
        if subscriber not in cells:
            self._size += 1
            self._held_by[subscriber] = self._held_by.get(subscriber, 0) + 1
        cells[subscriber] = _HEAD.pack(deadline, change.nonce) + change.details
        self._due.file((eid, subscriber), deadline)

    def raise_nonce(self, eid: EidPrefix, subscriber: bytes, nonce: int) -> None:
        """Note a nonce that was used; a lower one than the present changes nothing."""
        if self._raise_nonce(eid, subscriber, nonce):
            self._log(pack(Publish(eid, subscriber, nonce)))

    def _raise_nonce(self, eid: EidPrefix, subscriber: bytes, nonce: int) -> bool:
        cells = self._table.get(eid)
        cell = None if cells is None else cells.get(subscriber)
        if cells is None or cell is None:
            return False
        deadline, before = _HEAD.unpack_from(cell)
        if nonce <= before:
            return False
        cells[subscriber] = _HEAD.pack(deadline, nonce) + cell[_HEAD.size :]
        return True

    def remove(self, eid: EidPrefix, subscriber: bytes) -> bool:
        """Forget an xTR at an EID-Prefix, its nonce too. False: nothing was held."""
        if not self._remove(eid, subscriber):
            return False
        self._log(pack(Unsubscribe(eid, subscriber)))
        return True

    def _remove(self, eid: EidPrefix, subscriber: bytes) -> bool:
        cells = self._table.get(eid)
        if cells is None or cells.pop(subscriber, None) is None:
            return False
        if not cells:
            self._table.remove(eid)
        self._size -= 1
        left = self._held_by[subscriber] - 1
        if left:
            self._held_by[subscriber] = left
        else:
            del self._held_by[subscriber]
        return True

    def get(self, eid: EidPrefix, subscriber: bytes) -> Subscription | None:
        """What is held for exactly this prefix and xTR."""
        cells = self._table.get(eid)
        cell = None if cells is None else cells.get(subscriber)
        if cell is None:
            return None
        deadline, nonce = _HEAD.unpack_from(cell)
        return Subscription(eid, subscriber, deadline, nonce, cell[_HEAD.size :])

    def held_by(self, subscriber: bytes) -> int:
        """How many EID-Prefixes something is held at for one xTR."""
        return self._held_by.get(subscriber, 0)

    def has_covering(self, eid: EidPrefix) -> bool:
        """Whether anything is held at a prefix that covers this one."""
        return self._size > 0 and self._table.longest_match(eid) is not None

    def covering(self, eid: EidPrefix) -> Iterator[tuple[EidPrefix, list[bytes]]]:
        """The prefixes that cover this one, longest first, with the xTRs held there now."""
        for prefix, cells in self._table.covering(eid):
            yield prefix, list(cells)

    def after(self, cursor: tuple[EidPrefix, bytes] | None) -> Iterator[Subscription]:
        """What sorts behind a prefix and xTR, by prefix in table order, then by xTR.

        As the table is at each step; of one prefix, as it is when its turn comes.
        """
        begin = None
        if cursor is not None:
            begin, last = cursor
            yield from self._at(begin, self._table.get(begin) or {}, last)
        for eid, cells in self._table.items(begin):
            yield from self._at(eid, cells, b"")

    @staticmethod
    def _at(eid: EidPrefix, cells: dict[bytes, bytes], last: bytes) -> Iterator[Subscription]:
        for subscriber, cell in sorted(cells.items()):
            if subscriber > last:
                deadline, nonce = _HEAD.unpack_from(cell)
                yield Subscription(eid, subscriber, deadline, nonce, cell[_HEAD.size :])

    def due(self, now: float, limit: int) -> list[Subscription]:
        """Up to ``limit`` whose deadline has passed; they stay until put anew or removed."""
        found = []
        for eid, subscriber in self._due.ripe(now, limit, self._deadline):
            held = self.get(eid, subscriber)
            if held is not None:
                found.append(held)
        return found

    def next_deadline(self) -> float | None:
        """When to ask ``due`` next: not later than the earliest deadline."""
        return self._due.next()

    def _deadline(self, key: tuple[EidPrefix, bytes]) -> float:
        held = self.get(*key)
        return inf if held is None else held.deadline

    def owe(self, eid: EidPrefix) -> None:
        """Note that subscribers have yet to hear of a change at this prefix."""
        if eid not in self._owed:
            self._owed[eid] = None
            self._log(pack(Owe(eid)))

    def settle(self, eid: EidPrefix) -> None:
        """They have heard of it."""
        if eid in self._owed:
            del self._owed[eid]
            self._log(pack(Settle(eid)))

    def owed(self) -> list[EidPrefix]:
        """The prefixes whose last change is not settled, the oldest first."""
        return list(self._owed)

    def apply(self, change: Change, shift: float) -> None:
        """Take in a change that was read back; others than those on subscriptions do nothing."""
        match change:
            case Subscribe():
                self._put(change, change.deadline + shift)
            case Publish(eid, subscriber, nonce):
                self._raise_nonce(eid, subscriber, nonce)
            case Unsubscribe(eid, subscriber):
                self._remove(eid, subscriber)
            case Owe(eid):
                self._owed[eid] = None
            case Settle(eid):
                self._owed.pop(eid, None)


class _DueTimes:
    """When to look at each key again: one entry each, moved only when it must come nearer."""

    def __init__(self) -> None:
        self._filed: dict[tuple[EidPrefix, bytes], float] = {}
        self._heap: list[tuple[float, tuple[EidPrefix, bytes]]] = []

    def file(self, key: tuple[EidPrefix, bytes], deadline: float) -> None:
        """Look at a key not later than this; an infinite deadline asks for nothing."""
        if deadline == inf or self._filed.get(key, inf) <= deadline:
            return
        self._filed[key] = deadline
        heapq.heappush(self._heap, (deadline, key))
        if len(self._heap) > 2 * len(self._filed) + 64:
            self._heap = [(at, filed) for filed, at in self._filed.items()]
            heapq.heapify(self._heap)

    def next(self) -> float | None:
        """The earliest entry that counts."""
        while self._heap and self._filed.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def ripe(
        self, now: float, limit: int, deadline_of: Callable[[tuple[EidPrefix, bytes]], float]
    ) -> list[tuple[EidPrefix, bytes]]:
        """Keys whose deadline has passed, after looking at no more than ``limit`` of them."""
        looked_at: list[tuple[EidPrefix, bytes]] = []
        while len(looked_at) < limit and (at := self.next()) is not None and at <= now:
            key = heapq.heappop(self._heap)[1]
            del self._filed[key]
            looked_at.append(key)
        found = []
        for key in looked_at:
            deadline = deadline_of(key)
            self.file(key, deadline)
            if deadline <= now:
                found.append(key)
        return found
