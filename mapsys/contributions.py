"""Contributions: one slot for each registrant of each EID-Prefix, in packed form.

Slots of one EID-Prefix form a chain. Its first slot also holds what is published
for the prefix; which registrant that is has no meaning.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable
from typing import Final, NamedTuple

from mapsys.arena import Arena
from mapsys.change_log import PutLayout
from mapsys.eid import EidPrefix
from mapsys.superseded import DIGEST_OCTETS

_HEAD: Final = struct.Struct(">BBHHH")
"""Octets of the registrant, how it is published, octets of record, details, published."""

_END: Final = 0xFFFFFFFF


_ELSEWHERE: Final = 0
_THE_RECORD: Final = 1
_OWN: Final = 2
"""Where a chain's published octets are: not in this slot, the same as its record, beside it."""


class Contribution(NamedTuple):
    """What a slot holds, without its digest; published is None but in the first of a chain."""

    eid: EidPrefix
    registrant: bytes
    record: bytes
    details: bytes
    published: bytes | None

    def pack(self) -> bytes:
        """Octets for the arena."""
        eid, registrant, record, details, published = self
        own, publication = b"", _ELSEWHERE
        if published == record:
            publication = _THE_RECORD
        elif published is not None:
            own, publication = published, _OWN
        head = _HEAD.pack(len(registrant), publication, len(record), len(details), len(own))
        return b"".join((head, registrant, record, details, own, eid.pack()))

    @classmethod
    def unpack(cls, octets: bytes, eid: EidPrefix | None) -> Contribution:
        """From the arena; the EID-Prefix is unpacked too where it is not given."""
        size, publication, record, details, own = _HEAD.unpack_from(octets)
        registrant_end = _HEAD.size + size
        record_end = registrant_end + record
        details_end = record_end + details
        own_end = details_end + own
        published: bytes | None = None
        if publication == _THE_RECORD:
            published = octets[registrant_end:record_end]
        elif publication == _OWN:
            published = octets[details_end:own_end]
        return cls(
            eid if eid is not None else EidPrefix.unpack(octets, own_end)[0],
            octets[_HEAD.size : registrant_end],
            octets[registrant_end:record_end],
            octets[record_end:details_end],
            published,
        )


def cell_of_put(packed: bytes, parts: PutLayout) -> bytes:
    """The same octets straight from a packed Put, for the first of a chain."""
    registrant, record, details, published = parts[-4:]
    own, publication = b"", _THE_RECORD
    if packed[published:] != packed[record:details]:
        own, publication = packed[published:], _OWN
    head = _HEAD.pack(
        record - registrant, publication, details - record, published - details, len(own)
    )
    return b"".join((head, packed[registrant:published], own, packed[parts.prefix : registrant]))


class Contributions:
    """Slots by number, dense from 0; a slot that was released is the next to be used."""

    __slots__ = ("_arena", "_cells", "_digests", "_free", "_next")

    def __init__(self) -> None:
        self._arena = Arena()
        self._cells = array("Q")
        self._next = array("I")
        self._digests = bytearray()
        self._free = array("I")

    def __len__(self) -> int:
        return len(self._cells) - len(self._free)

    def add(self, contribution: Contribution, digest: bytes, after: int | None) -> int:
        """Hold it in a new slot: first of a new chain, or second in that of the slot given."""
        return self.add_cell(contribution.pack(), digest, after)

    @property
    def next_slot(self) -> int:
        """The slot that what is added next will have."""
        return self._free[-1] if self._free else len(self._cells)

    def add_cell(self, octets: bytes, digest: bytes, after: int | None) -> int:
        """The same of what is packed already."""
        cell = self._arena.hold(octets)
        following = _END
        if self._free:
            slot = self._free.pop()
        else:
            slot = len(self._cells)
            self._cells.append(cell)
            self._next.append(_END)
            self._digests.extend(digest)
            if after is None:
                return slot
        if after is not None:
            following = self._next[after]
            self._next[after] = slot
        self._cells[slot] = cell
        self._next[slot] = following
        self.set_digest(slot, digest)
        return slot

    def replace(self, slot: int, contribution: Contribution) -> bool:
        """Hold other octets in a slot. False: they are the same."""
        before, after = self._arena.read(self._cells[slot]), contribution.pack()
        if before == after:
            return False
        self._arena.release(self._cells[slot])
        self._cells[slot] = self._arena.hold(after)
        return True

    def release(self, first: int, slot: int) -> int | None:
        """Empty a slot of a chain; returns the chain's first slot, None where none is left."""
        following = self._next[slot]
        self._arena.release(self._cells[slot])
        self._free.append(slot)
        if slot == first:
            return None if following == _END else following
        before = first
        while self._next[before] != slot:
            before = self._next[before]
        self._next[before] = following
        return first

    def after(self, first: int) -> list[int]:
        """The slots of a chain behind its first."""
        slots = []
        slot = self._next[first]
        while slot != _END:
            slots.append(slot)
            slot = self._next[slot]
        return slots

    def find(self, first: int, registrant: bytes) -> int | None:
        """The slot of a registrant in a chain."""
        slot = first
        while slot != _END:
            octets = self._arena.read(self._cells[slot])
            if octets[_HEAD.size : _HEAD.size + octets[0]] == registrant:
                return slot
            slot = self._next[slot]
        return None

    def read(self, slot: int, eid: EidPrefix | None = None) -> Contribution:
        """What a slot holds; the EID-Prefix need not be unpacked where it is given."""
        return Contribution.unpack(self._arena.read(self._cells[slot]), eid)

    def sum_up(self, firsts: Iterable[int], details: set[bytes]) -> int:
        """Add the details of all slots of some chains to a set; returns the records' octets."""
        total = 0
        for first in firsts:
            slot = first
            while slot != _END:
                octets = self._arena.read(self._cells[slot])
                size, _, record, length, _ = _HEAD.unpack_from(octets)
                start = _HEAD.size + size + record
                details.add(octets[start : start + length])
                total += record
                slot = self._next[slot]
        return total

    def digest(self, slot: int) -> bytes:
        """The digest last set for a slot."""
        start = slot * DIGEST_OCTETS
        return bytes(self._digests[start : start + DIGEST_OCTETS])

    def set_digest(self, slot: int, digest: bytes) -> None:
        """Name another Map-Register; nothing else changes."""
        start = slot * DIGEST_OCTETS
        self._digests[start : start + DIGEST_OCTETS] = digest
