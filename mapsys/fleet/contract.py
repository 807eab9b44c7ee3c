"""What every engine promises: writes that keep the newest, a load, a stream of changes.

``fleet.rule`` says what the conditions mean; ``fleet.memory`` carries them out in one
process, ``fleet.redis_engine`` inside a Redis-protocol engine.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from enum import IntEnum
from typing import Final, NamedTuple, Protocol
from zlib import crc32

PARTITIONS: Final = 256
"""Fixed for good: more than any number of primaries that a fleet will have."""

TOMBSTONE_SECONDS: Final = 600
"""For which a withdrawn state is kept, so that what came late does not bring it back."""

MARK_SECONDS: Final = 30 * 86_400
"""For which the engine keeps a nonce mark that nobody raises; each member's journal keeps it."""


def partition_of(site: str) -> int:
    """Where all that belongs to a site is kept: the site is the unit of order."""
    return crc32(site.encode()) % PARTITIONS


class FleetError(Exception):
    """The engine cannot be used just now, in words that say why."""


class Stored(NamedTuple):
    """What the engine holds for one EID-Prefix.

    version: rises with each write of its partition. epoch: the version at which the
    EID-Prefix last changed hands. ttl_ms: what is left of its lifetime. octets: see
    ``fleet.state``.
    """

    version: int
    epoch: int
    ttl_ms: int
    octets: bytes


class Guard(NamedTuple):
    """What refuses a write as a replay.

    digest: of the Map-Register that made it; refused where that is superseded. Or
    mark, nonce and when it was accepted (Unix milliseconds): refused where nothing is
    held, and the mark had been past the nonce before.
    """

    digest: bytes = b""
    mark: bytes = b""
    nonce: int = 0
    at_ms: int = 0


class Keep(NamedTuple):
    """Hold a state where what is held has the version it was made from.

    eid: packed. base: that version; 0: nothing is held. takes_over: the EID-Prefix
    changes hands, so the engine gives the epoch. restores: after the engine lost
    what it held; accepted where that is older in (epoch, version). epoch: the present
    one. version: of the state as it was last known; the engine's next is above it.
    """

    partition: int
    eid: bytes
    octets: bytes
    ttl_ms: int
    base: int = 0
    takes_over: bool = False
    restores: bool = False
    epoch: int = 0
    version: int = 0
    guard: Guard | None = None


class Prolong(NamedTuple):
    """Give what is held at least this lifetime, where it is of this version."""

    partition: int
    eid: bytes
    base: int
    ttl_ms: int


class Ask(NamedTuple):
    """Say what is held."""

    partition: int
    eid: bytes


class RaiseMark(NamedTuple):
    """A nonce was accepted; the engine keeps the highest. at_ms: when."""

    partition: int
    mark: bytes
    nonce: int
    at_ms: int


class ForgetMark(NamedTuple):
    """An operator let an xTR start again."""

    partition: int
    mark: bytes


class SupersedeDigest(NamedTuple):
    """A Map-Register must not be accepted again until then (Unix milliseconds).

    kept: the engine is to refuse what it made, as well; else it is only passed on.
    """

    partition: int
    digest: bytes
    until_ms: int
    kept: bool


Write = Keep | Prolong | Ask | RaiseMark | ForgetMark | SupersedeDigest


class Status(IntEnum):
    """What became of a write.

    CONFLICT: another version is held, and given. ABSENT: nothing is held. REPLAYED:
    made by a Map-Register that must not count, or a mark that was there already.
    """

    DONE = 0
    CONFLICT = 1
    ABSENT = 2
    REPLAYED = 3


class Outcome(NamedTuple):
    """version: what a Keep was given. stored: what is held, where that was in the way."""

    status: Status
    version: int = 0
    stored: Stored | None = None


class Kept(NamedTuple):
    """One EID-Prefix as the engine holds it. eid: packed."""

    eid: bytes
    stored: Stored


class Changes(NamedTuple):
    """What one write changed in one partition, or a page of what is held.

    seq: 0 for a page. at_ms: when, by the writer's clock. writer: who did it.
    marks: nonce by mark, None where it was forgotten. superseded: until when, by digest.
    """

    partition: int
    seq: int
    writer: str
    at_ms: int
    kept: tuple[Kept, ...] = ()
    marks: tuple[tuple[bytes, int | None], ...] = ()
    superseded: tuple[tuple[bytes, int], ...] = ()


class Gap(NamedTuple):
    """Changes of a partition were missed: load it. seq: what comes after is followed."""

    partition: int
    seq: int


class HighWater(NamedTuple):
    """How far the engine is.

    life: changes when it started anew or another took its place. seqs: by partition,
    those that were ever written. members: what each said of itself last.
    """

    life: str
    seqs: Mapping[int, int]
    members: Mapping[str, bytes]


class SharedEngine(Protocol):
    """Shared by the members of a fleet. All verbs raise FleetError where it is away."""

    async def write_batch(self, writes: Sequence[Write], *, replicas: int = 0) -> list[Outcome]:
        """Carry out writes, each by its own condition; as many outcomes, in order.

        Writes to one partition take place together and in order. replicas: how many
        have to confirm. They can be repeated: what has taken place changes nothing.
        """

    def load(self, partitions: Collection[int] | None = None) -> AsyncIterator[Changes]:
        """Pages of what is held, of some partitions or of all; in no order."""

    def follow(self, since: Mapping[int, int]) -> AsyncIterator[Changes | Gap]:
        """Changes after these sequence numbers, as they come; without end.

        A partition that is not named is followed from its first change on.
        """

    async def high_water(self, about_me: bytes) -> HighWater:
        """How far each partition is; leaves word that this member is there."""

    async def close(self) -> None:
        """Give back what is open."""
