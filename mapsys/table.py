"""PrefixTable: values by EID-Prefix, found exactly, by longest match, by range and by hole.

Each (instance-ID, family) is a plane of its own: prefixes as integers, network
bits then length, kept sorted in blocks of a bounded size. A covering prefix sorts
before what it covers, so every question is a few binary searches: an exact
match is one, a longest match one per prefix length that diverges from the EID,
a range is a slice, and the hole around an EID follows from its two neighbours.
Families whose key fits 64 bits keep it in an ``array``: 8 octets a prefix, and
nothing for the garbage collector to visit. The others keep theirs in tuples, copied
for each new key: of a tuple that holds numbers alone the collector lets go, of a list never.

A dictionary per prefix length would be faster to fill, yet slower to search
(one probe for each length in use), four times as large, and without order.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator, MutableSequence, Sequence
from typing import Final, Generic, TypeAlias, TypeVar

from mapsys.eid import WIDTH_BITS, EidPrefix, Family

V = TypeVar("V")

BLOCK_LIMIT: Final = 1024
"""Keys in a block before it is cut in two: inserting moves at most this many."""

TUPLE_LIMIT: Final = 256
"""The same where each insertion copies them all."""

_FAMILY_BITS: Final = 8

Keys: TypeAlias = "array[int] | tuple[int, ...]"
"""The keys of one block, in order."""


class PrefixTable(Generic[V]):
    """Values by EID-Prefix; ordered as :class:`EidPrefix` is.

    new_values makes the empty sequence that holds a block's values: a list, or
    an ``array`` where the values are numbers and there are many.

    Iterators read the table as it is at each step: what is added behind the last
    one given is found, what is removed is not.
    """

    __slots__ = ("_new_values", "_order", "_planes", "_size")

    def __init__(self, new_values: Callable[[], MutableSequence[V]] = list) -> None:
        self._new_values = new_values
        self._planes: dict[int, _Plane[V]] = {}
        self._order: list[int] = []
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def put(self, eid: EidPrefix, value: V) -> None:
        """Hold a value for exactly this prefix, in place of the one before."""
        self.exchange(eid, value)

    def exchange(self, eid: EidPrefix, value: V) -> V | None:
        """The same; returns the one before, None: there was none."""
        instance_id, family, network, length = eid
        number = instance_id << _FAMILY_BITS | family
        plane = self._planes.get(number)
        if plane is None:
            plane = self._planes[number] = _Plane(instance_id, family, self._new_values)
            insort(self._order, number)
        before = plane.put(plane.key(network, length), value)
        self._size += before is None
        return before

    def add(self, instance_id: int, family: int, network: int, length: int, value: V) -> bool:
        """The same for a prefix that is not there, in parts and in range. False: it is there."""
        number = instance_id << _FAMILY_BITS | family
        plane = self._planes.get(number)
        if plane is None:
            self.put(EidPrefix(instance_id, Family(family), network, length), value)
            return True
        added = plane.add(plane.key(network, length), value)
        self._size += added
        return added

    def get(self, eid: EidPrefix) -> V | None:
        """The value of exactly this prefix."""
        plane = self._planes.get(_plane_number(eid))
        if plane is None or (found := plane.exact(plane.key(eid.network, eid.length))) is None:
            return None
        block, index = found
        return plane.values[block][index]

    def remove(self, eid: EidPrefix) -> V | None:
        """Take exactly this prefix out, and return its value; None: it was not there."""
        number = _plane_number(eid)
        plane = self._planes.get(number)
        if plane is None or (found := plane.exact(plane.key(eid.network, eid.length))) is None:
            return None
        value = plane.remove(*found)
        self._size -= 1
        if not plane.keys:
            del self._planes[number]
            del self._order[bisect_left(self._order, number)]
        return value

    def longest_match(self, eid: EidPrefix) -> tuple[EidPrefix, V] | None:
        """The longest prefix that covers the EID (itself counts), with its value."""
        plane = self._planes.get(_plane_number(eid))
        if plane is None or (found := plane.longest(eid.network, eid.length)) is None:
            return None
        return plane.entry(*found)

    def covering(self, eid: EidPrefix) -> Iterator[tuple[EidPrefix, V]]:
        """Every prefix that covers the EID (itself counts), longest first."""
        plane = self._planes.get(_plane_number(eid))
        length = eid.length
        while plane is not None and (found := plane.longest(eid.network, length)) is not None:
            entry = plane.entry(*found)
            yield entry
            length = entry[0].length - 1

    def covered(self, eid: EidPrefix, limit: int | None = None) -> Iterator[tuple[EidPrefix, V]]:
        """Every prefix inside the prefix (itself counts), in table order, at most ``limit``."""
        plane = self._planes.get(_plane_number(eid))
        if plane is None:
            return
        last = eid.network | (1 << (plane.width - eid.length)) - 1
        found = plane.walk(plane.key(eid.network, eid.length), plane.key(last, plane.width))
        left = -1 if limit is None else limit
        while left and (item := next(found, None)) is not None:
            yield plane.prefix(item[0]), item[1]
            left -= 1

    def blocks_covered(self, eid: EidPrefix) -> Iterator[Sequence[V]]:
        """The values of the prefixes inside the prefix (itself counts), many at a time.

        In table order. Nothing may be put or removed meanwhile.
        """
        plane = self._planes.get(_plane_number(eid))
        if plane is not None:
            last = eid.network | (1 << (plane.width - eid.length)) - 1
            low, high = plane.key(eid.network, eid.length), plane.key(last, plane.width)
            yield from plane.blocks(low, high)

    def items(self, cursor: EidPrefix | None = None) -> Iterator[tuple[EidPrefix, V]]:
        """Everything in table order; with a cursor, only what sorts after it."""
        number, low = 0, 0
        if cursor is not None:
            number = _plane_number(cursor)
            if (plane := self._planes.get(number)) is not None:
                low = plane.key(cursor.network, cursor.length) + 1
        while (at := bisect_left(self._order, number)) < len(self._order):
            if self._order[at] != number:
                number, low = self._order[at], 0
            plane = self._planes[number]
            for key, value in plane.walk(low, plane.highest):
                yield plane.prefix(key), value
            number, low = number + 1, 0

    def hole(self, eid: EidPrefix, shortest: int = 0) -> EidPrefix | None:
        """The least-specific prefix around the EID that no prefix of the table overlaps.

        shortest: the length it may not be shorter than, at most the EID's own.
        None where a prefix covers the EID or lies inside it. A hole among names
        ends on a whole octet. Raises ValueError where shortest is longer than the
        EID-Prefix.
        Source: RFC 9301, 8.4.
        """
        plane = self._planes.get(_plane_number(eid))
        length = shortest
        if plane is not None:
            overlap_free = plane.overlap_free_length(eid.network, eid.length)
            if overlap_free is None:
                return None
            length = max(shortest, overlap_free)
        if eid.family is Family.NAME:
            length = (length + 7) // 8 * 8
        return eid.truncated(length)


def _plane_number(eid: EidPrefix) -> int:
    """Planes in the order of their prefixes."""
    return eid.instance_id << _FAMILY_BITS | eid.family


class _Plane(Generic[V]):
    """One instance-ID and family: sorted blocks of keys, and their values beside them."""

    __slots__ = (
        "_block_limit",
        "_lengths",
        "_new_keys",
        "_new_values",
        "_of_length",
        "family",
        "firsts",
        "highest",
        "instance_id",
        "keys",
        "length_bits",
        "length_mask",
        "values",
        "version",
        "width",
    )

    def __init__(
        self,
        instance_id: int,
        family: Family,
        new_values: Callable[[], MutableSequence[V]],
    ) -> None:
        self.instance_id = instance_id
        self.family = family
        self.width = WIDTH_BITS[family]
        self.length_bits = self.width.bit_length()
        self.length_mask = (1 << self.length_bits) - 1
        self.highest = (1 << (self.width + self.length_bits)) - 1
        self.version = 0
        """Rises with every put of a new key and every removal."""
        self.firsts: list[int] = []
        self.keys: list[Keys] = []
        self.values: list[MutableSequence[V]] = []
        self._new_values = new_values
        is_narrow = self.highest < 1 << 64
        self._new_keys: Callable[[], Keys] = _new_word_array if is_narrow else _new_tuple
        self._block_limit = BLOCK_LIMIT if is_narrow else TUPLE_LIMIT
        self._lengths: list[int] = []
        """Prefix lengths in use, sorted."""
        self._of_length: dict[int, int] = {}
        """How many prefixes have each of them."""

    def key(self, network: int, length: int) -> int:
        return network << self.length_bits | length

    def prefix(self, key: int) -> EidPrefix:
        return EidPrefix.canonical(
            self.instance_id, self.family, key >> self.length_bits, key & self.length_mask
        )

    def entry(self, block: int, index: int) -> tuple[EidPrefix, V]:
        return self.prefix(self.keys[block][index]), self.values[block][index]

    def exact(self, key: int) -> tuple[int, int] | None:
        """Block and index of a key."""
        block = bisect_right(self.firsts, key) - 1
        if block < 0:
            return None
        keys = self.keys[block]
        index = bisect_right(keys, key) - 1
        return (block, index) if keys[index] == key else None

    def _last_up_to(self, key: int) -> tuple[int, int] | None:
        """Block and index of the greatest key that is not above this one."""
        block = bisect_right(self.firsts, key) - 1
        if block < 0:
            return None
        return block, bisect_right(self.keys[block], key) - 1

    def put(self, key: int, value: V) -> V | None:
        """Returns the value before; None where the key is new."""
        if not self.keys:
            self._insert_block(0, self._new_keys(), self._new_values())
        block = max(bisect_right(self.firsts, key) - 1, 0)
        keys, values = self.keys[block], self.values[block]
        index = bisect_left(keys, key)
        if index < len(keys) and keys[index] == key:
            before, values[index] = values[index], value
            return before
        keys = self.keys[block] = _inserted(keys, index, key)
        values.insert(index, value)
        self.firsts[block] = keys[0]
        limit = self._block_limit
        if len(keys) > limit:
            # Keys that arrive in order leave full blocks behind them.
            middle = limit if index == limit else limit // 2
            self._insert_block(block + 1, keys[middle:], values[middle:])
            self.keys[block] = keys[:middle]
            del values[middle:]
        self._count(key & self.length_mask, 1)
        self.version += 1
        return None

    def add(self, key: int, value: V) -> bool:
        """Put a new key; quick where keys come in order. False: it is there."""
        last = self.keys[-1]
        if last[-1] < key and len(last) < self._block_limit:
            self.keys[-1] = _inserted(last, len(last), key)
            self.values[-1].append(value)
            self._count(key & self.length_mask, 1)
            self.version += 1
            return True
        return self.exact(key) is None and self.put(key, value) is None

    def _insert_block(self, block: int, keys: Keys, values: MutableSequence[V]) -> None:
        self.keys.insert(block, keys)
        self.values.insert(block, values)
        self.firsts.insert(block, keys[0] if keys else 0)

    def remove(self, block: int, index: int) -> V:
        keys, values = self.keys[block], self.values[block]
        key, value = keys[index], values[index]
        keys = self.keys[block] = _without(keys, index)
        del values[index]
        if keys:
            self.firsts[block] = keys[0]
        else:
            del self.keys[block], self.values[block], self.firsts[block]
        self._count(key & self.length_mask, -1)
        self.version += 1
        return value

    def _count(self, length: int, change: int) -> None:
        count = self._of_length.get(length, 0) + change
        if count == 0:
            del self._of_length[length]
            self._lengths.remove(length)
            return
        if length not in self._of_length:
            insort(self._lengths, length)
        self._of_length[length] = count

    def longest(self, network: int, length: int) -> tuple[int, int] | None:
        """Block and index of the longest prefix, up to this length, that covers the network.

        The last key up to the one looked for either covers the network, or parts
        from it at some bit; every other prefix that covers it is then no longer
        than the bits they share.
        """
        while used := bisect_right(self._lengths, length):
            length = self._lengths[used - 1]
            host_bits = self.width - length
            found = self._last_up_to(self.key(network >> host_bits << host_bits, length))
            if found is None:
                return None
            near = self.keys[found[0]][found[1]]
            shared = self._shared_bits(near, network)
            if near & self.length_mask <= shared:
                return found
            length = shared
        return None

    def _shared_bits(self, key: int, network: int) -> int:
        return self.width - (key >> self.length_bits ^ network).bit_length()

    def walk(self, low: int, high: int) -> Iterator[tuple[int, V]]:
        """Keys from low to high, both included, in order, with their values."""
        while True:
            block = max(bisect_right(self.firsts, low) - 1, 0)
            if block < len(self.keys) and self.keys[block][-1] < low:
                block += 1
            if block == len(self.keys):
                return
            keys, values = self.keys[block], self.values[block]
            index = bisect_left(keys, low)
            version = self.version
            while version == self.version and index < len(keys):
                key = keys[index]
                if key > high:
                    return
                yield key, values[index]
                low = key + 1
                index += 1

    def blocks(self, low: int, high: int) -> Iterator[Sequence[V]]:
        """The values of the keys from low to high, both included, a block at a time."""
        first = max(bisect_right(self.firsts, low) - 1, 0)
        for block in range(first, bisect_right(self.firsts, high)):
            keys = self.keys[block]
            start, end = bisect_left(keys, low), bisect_right(keys, high)
            yield self.values[block][start:end]

    def overlap_free_length(self, network: int, length: int) -> int | None:
        """The shortest length at which the prefix around a network overlaps no other.

        None where even the prefix of the full length given overlaps one. Of all
        that sorts before the network, its neighbour shares the most bits with it;
        the same holds for what sorts after.
        """
        if self.longest(network, length) is not None:
            return None
        key = self.key(network, length)
        shared = -1
        if (before := self._last_up_to(key)) is not None:
            shared = self._shared_bits(self.keys[before[0]][before[1]], network)
        for after, _ in self.walk(key, self.highest):
            shared = max(shared, self._shared_bits(after, network))
            break
        return shared + 1 if shared < length else None


def _inserted(keys: Keys, index: int, key: int) -> Keys:
    """With one more key; an array is changed in place."""
    if isinstance(keys, tuple):
        return keys[:index] + (key,) + keys[index:]  # noqa: RUF005 - quicker by half
    keys.insert(index, key)
    return keys


def _without(keys: Keys, index: int) -> Keys:
    """Without one of its keys, likewise."""
    if isinstance(keys, tuple):
        return keys[:index] + keys[index + 1 :]
    del keys[index]
    return keys


def _new_word_array() -> array[int]:
    return array("Q")


def _new_tuple() -> tuple[int, ...]:
    return ()
