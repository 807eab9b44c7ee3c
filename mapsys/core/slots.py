"""Tables of fixed size for what is remembered of senders that nobody vouches for.

Keys are 64-bit fingerprints under a key of this start, so that nobody outside can
choose addresses that fall together. A fingerprint has one of four slots; a key that
has none takes over the one of the four whose loss matters least.
"""

from __future__ import annotations

from array import array
from hashlib import blake2b
from typing import Final

WAYS: Final = 4
"""Slots that a fingerprint may have."""


class KeyedHash:
    """Fingerprints of keys. key: secret, 0 to 64 octets; the same one gives the same."""

    __slots__ = ("_fresh",)

    def __init__(self, key: bytes = b"") -> None:
        self._fresh = blake2b(digest_size=8, key=key)

    def __call__(self, octets: bytes) -> int:
        """1..2**64-1."""
        state = self._fresh.copy()
        state.update(octets)
        return int.from_bytes(state.digest(), "big") or 1


class Slots:
    """Which slot belongs to which fingerprint.

    size: slots in all, rounded down to a multiple of four; at least four.
    """

    __slots__ = ("_owners", "_sets", "size")

    def __init__(self, size: int) -> None:
        self._sets = max(1, size // WAYS)
        self.size = self._sets * WAYS
        self._owners = array("Q", [0]) * self.size

    def find(self, fingerprint: int) -> int:
        """The slot of a fingerprint, -1 where it has none."""
        owners = self._owners
        slot = fingerprint % self._sets * WAYS
        if owners[slot] == fingerprint:
            return slot
        # Written out: a loop takes twice as long, and most addresses are in few tables.
        if owners[slot + 1] == fingerprint:
            return slot + 1
        if owners[slot + 2] == fingerprint:
            return slot + 2
        if owners[slot + 3] == fingerprint:
            return slot + 3
        return -1

    @property
    def owners(self) -> array[int]:
        """The fingerprint that each slot belongs to, 0 for none: the table itself."""
        return self._owners

    def claim(self, fingerprint: int, weights: array[float]) -> int:
        """Take over the slot of least weight, its numbers as they stand.

        weights: one for each slot of the table.
        """
        first = fingerprint % self._sets * WAYS
        slot = min(range(first, first + WAYS), key=weights.__getitem__)
        self._owners[slot] = fingerprint
        return slot

    def __len__(self) -> int:
        """Slots that belong to somebody."""
        return self.size - self._owners.count(0)
