"""Superseded: the digests of Map-Registers that must not be accepted again, for a time."""

from __future__ import annotations

import heapq
from math import floor
from typing import Final

DIGEST_OCTETS: Final = 16

PURGE_LIMIT: Final = 64
"""Digests looked at in one :meth:`Superseded.purge`."""


class Superseded:
    """Digests, each with the time until which it counts; dropped a few at a time."""

    __slots__ = ("_buckets", "_seconds", "_until")

    def __init__(self) -> None:
        self._until: dict[bytes, float] = {}
        self._buckets: dict[int, bytearray] = {}
        """Digests one behind the other, by the second after which they can go."""
        self._seconds: list[int] = []
        """The seconds of the buckets, as a heap."""

    def __len__(self) -> int:
        return len(self._until)

    def add(self, digest: bytes, until: float) -> bool:
        """Remember a digest. False: it is already remembered as long as that."""
        before = self._until.get(digest)
        if before is not None and before >= until:
            return False
        self._until[digest] = until
        second = floor(until) + 1
        bucket = self._buckets.get(second)
        if bucket is None:
            bucket = self._buckets[second] = bytearray()
            heapq.heappush(self._seconds, second)
        bucket += digest
        return True

    def holds(self, digest: bytes, now: float) -> bool:
        """Whether the digest is remembered and its time has not run out."""
        return now < self._until.get(digest, now)

    def purge(self, now: float) -> None:
        """Drop some of those whose time has run out."""
        work = PURGE_LIMIT
        while self._seconds and self._seconds[0] <= now and work:
            bucket = self._buckets[self._seconds[0]]
            while bucket and work:
                work -= 1
                digest = bytes(bucket[-DIGEST_OCTETS:])
                del bucket[-DIGEST_OCTETS:]
                if self._until.get(digest, now + 1) <= now:
                    del self._until[digest]
            if not bucket:
                del self._buckets[heapq.heappop(self._seconds)]
