"""The change log: what happened to a store, as packed octets that check themselves.

``PureStore`` writes it, the journal keeps it, and a store, the folding process or
another member of a fleet reads it back. Packed changes are a row of frames, so
that two of them can be joined by writing one behind the other.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from math import inf
from typing import Final, NamedTuple
from zlib import crc32

from mapsys.eid import WIDTH_BITS, EidPrefix
from mapsys.superseded import DIGEST_OCTETS

VERSION: Final = 1
"""Of the packed form. Raised together with the journal's schema version: what is of another
one counts as damaged."""

FRAME_LIMIT: Final = 1 << 20
"""Octets after which the next change begins a new frame; a frame is at most a quarter longer."""

SEAL_OCTETS: Final = 4

TIME_LIMIT_SECONDS: Final = 2.0**40
"""No clock here says more; a deadline beyond it is damage."""

_FRAME: Final = struct.Struct(">BII")
"""Version, octets of changes, CRC-32 of them."""

_STAMP: Final = struct.Struct(">d16s")
"""How a Put and a Touch begin: deadline and digest."""
_PUT: Final = struct.Struct(">d16sBHHH")
_PUT_AND_PREFIX: Final = struct.Struct(">cd16sBHHHIBH")
"""A Put with its kind, and how the EID-Prefix behind it begins."""
PREFIX_HEAD_OCTETS: Final = 7
_WITHDRAW: Final = struct.Struct(">BBH")
_TOUCH: Final = struct.Struct(">d16sB")
_RAISE: Final = struct.Struct(">QH")
_FORGET: Final = struct.Struct(">H")
_SUPERSEDE: Final = struct.Struct(">16sd")
_SUBSCRIBE: Final = struct.Struct(">dQBH")
_PUBLISH: Final = struct.Struct(">QB")
_UNSUBSCRIBE: Final = struct.Struct(">B")
_RECORD_HISTORY: Final = struct.Struct(">QH")
_DROP_HISTORY: Final = struct.Struct(">Q")


class Put(NamedTuple):
    """A contribution held or replaced, and what is published with it."""

    eid: EidPrefix
    registrant: bytes
    deadline: float
    digest: bytes
    record: bytes
    details: bytes
    published: bytes


class PutLayout(NamedTuple):
    """Where things are in a packed Put; what lies between them is contiguous.

    prefix, registrant: offsets at which the packed EID-Prefix and the registrant begin;
    record, details, published: likewise. network: left-aligned in the family's width.
    """

    deadline: float
    digest: bytes
    instance_id: int
    family: int
    network: int
    length: int
    prefix: int
    registrant: int
    record: int
    details: int
    published: int


class Withdraw(NamedTuple):
    """A contribution removed; published is None where it was the last one."""

    eid: EidPrefix
    registrant: bytes
    published: bytes | None


class Touch(NamedTuple):
    """A deadline moved by a refresh."""

    eid: EidPrefix
    registrant: bytes
    deadline: float
    digest: bytes


class RaiseNonce(NamedTuple):
    """A nonce mark set."""

    mark: bytes
    nonce: int


class ForgetNonce(NamedTuple):
    """A nonce mark removed."""

    mark: bytes


class Supersede(NamedTuple):
    """A digest remembered until a time."""

    digest: bytes
    until: float


class Subscribe(NamedTuple):
    """What is known of an xTR at an EID-Prefix held or replaced (RFC 9437)."""

    eid: EidPrefix
    subscriber: bytes
    deadline: float
    nonce: int
    details: bytes


class Publish(NamedTuple):
    """A nonce used towards a subscriber."""

    eid: EidPrefix
    subscriber: bytes
    nonce: int


class Unsubscribe(NamedTuple):
    """An xTR forgotten at an EID-Prefix."""

    eid: EidPrefix
    subscriber: bytes


class Owe(NamedTuple):
    """A change of a mapping that its subscribers have yet to hear of."""

    eid: EidPrefix


class Settle(NamedTuple):
    """They have heard of it."""

    eid: EidPrefix


class RecordHistory(NamedTuple):
    """What happened to an EID-Prefix, under a number that rises."""

    number: int
    eid: EidPrefix
    facts: bytes


class DropHistory(NamedTuple):
    """That forgotten."""

    number: int


Change = (
    Put
    | Withdraw
    | Touch
    | RaiseNonce
    | ForgetNonce
    | Supersede
    | Subscribe
    | Publish
    | Unsubscribe
    | Owe
    | Settle
    | RecordHistory
    | DropHistory
)


_WIDTHS: Final = {int(family): width for family, width in WIDTH_BITS.items()}
_HOST_MASKS: Final = tuple((1 << spare) - 1 for spare in range(8))

_STAMPED: Final = (Put, Touch, Supersede)
"""Changes that name a Map-Register by its digest."""


def pack(change: Change) -> bytes:
    """One change as octets.

    Raises ValueError where a field is too long: registrants 255 octets, records,
    details, published octets and marks 65,535; digests are 16 octets.
    """
    digest = change.digest if isinstance(change, _STAMPED) else None
    if digest is not None and len(digest) != DIGEST_OCTETS:
        raise ValueError(f"a digest of {len(digest)} octets; it has {DIGEST_OCTETS}")
    try:
        return _pack(change)
    except struct.error as error:
        raise ValueError(f"a change does not fit the log: {error}") from None


def _pack(change: Change) -> bytes:
    match change:
        case Touch(eid, registrant, deadline, digest):
            return pack_touch(eid, registrant, deadline, digest)
        case Put(eid, registrant, deadline, digest, record, details, published):
            lengths = (len(registrant), len(record), len(details), len(published))
            head = _PUT.pack(deadline, digest, *lengths)
            return b"".join((b"p", head, eid.pack(), registrant, record, details, published))
        case Supersede(digest, until):
            return pack_supersede(digest, until)
        case RaiseNonce(mark, nonce):
            return b"n" + _RAISE.pack(nonce, len(mark)) + mark
        case Withdraw(eid, registrant, published):
            left = published or b""
            head = _WITHDRAW.pack(len(registrant), published is not None, len(left))
            return b"w" + head + eid.pack() + registrant + left
        case ForgetNonce(mark):
            return b"f" + _FORGET.pack(len(mark)) + mark
        case Subscribe(eid, subscriber, deadline, nonce, details):
            head = _SUBSCRIBE.pack(deadline, nonce, len(subscriber), len(details))
            return b"u" + head + eid.pack() + subscriber + details
        case Publish(eid, subscriber, nonce):
            return b"r" + _PUBLISH.pack(nonce, len(subscriber)) + eid.pack() + subscriber
        case Unsubscribe(eid, subscriber):
            return b"x" + _UNSUBSCRIBE.pack(len(subscriber)) + eid.pack() + subscriber
        case Owe(eid):
            return b"o" + eid.pack()
        case Settle(eid):
            return b"d" + eid.pack()
        case RecordHistory(number, eid, facts):
            return pack_history(number, eid.pack() + facts, len(facts))
        case DropHistory(number):
            return b"g" + _DROP_HISTORY.pack(number)


def pack_touch(eid: EidPrefix, registrant: bytes, deadline: float, digest: bytes) -> bytes:
    """A Touch as octets, without the object: refreshes are what there is most of.

    Raises ValueError as :func:`pack` does.
    """
    if len(digest) != DIGEST_OCTETS or len(registrant) > 0xFF:
        raise ValueError(
            f"a touch with a digest of {len(digest)} octets by a registrant of {len(registrant)}"
        )
    return b"t" + _TOUCH.pack(deadline, digest, len(registrant)) + eid.pack() + registrant


def pack_supersede(digest: bytes, until: float) -> bytes:
    """A Supersede as octets, likewise. Raises ValueError as :func:`pack` does."""
    if len(digest) != DIGEST_OCTETS:
        raise ValueError(f"a digest of {len(digest)} octets; it has {DIGEST_OCTETS}")
    return b"s" + _SUPERSEDE.pack(digest, until)


def pack_history(number: int, prefix_and_facts: bytes, facts_octets: int) -> bytes:
    """A RecordHistory as octets, likewise; the EID-Prefix is packed already.

    Raises struct.error where there are more facts than 65,535 octets.
    """
    return b"m" + _RECORD_HISTORY.pack(number, facts_octets) + prefix_and_facts


def sealed(packed: bytes) -> bytes:
    """A packed change with a checksum behind it, as a row of a table holds it."""
    return packed + crc32(packed).to_bytes(SEAL_OCTETS, "big")


def opened(row: object) -> bytes | None:
    """The packed change in a row; None where the checksum says that it is damaged."""
    if not isinstance(row, bytes) or len(row) <= SEAL_OCTETS:
        return None
    packed = row[:-SEAL_OCTETS]
    return packed if crc32(packed) == int.from_bytes(row[-SEAL_OCTETS:], "big") else None


def touched(packed_put: bytes, deadline: float, digest: bytes) -> bytes:
    """A packed Put with another deadline and digest, as a Touch would leave it."""
    return packed_put[:1] + _STAMP.pack(deadline, digest) + packed_put[1 + _STAMP.size :]


class ChangeLog:
    """Changes since the last :meth:`take`."""

    __slots__ = ("_body", "_frames")

    def __init__(self) -> None:
        self._body = bytearray()
        self._frames = bytearray()

    def append(self, packed: bytes) -> None:
        """Add one packed change."""
        self._body += packed
        if len(self._body) >= FRAME_LIMIT:
            self._seal()

    def _seal(self) -> None:
        self._frames += _FRAME.pack(VERSION, len(self._body), crc32(self._body)) + self._body
        self._body.clear()

    def take(self) -> bytes:
        """Everything since the last call, as frames; empty octets if there is nothing."""
        if self._body:
            self._seal()
        taken = bytes(self._frames)
        self._frames.clear()
        return taken


def frames(octets: bytes) -> Iterator[bytes]:
    """The frames of packed changes, checked one by one; each is packed changes itself.

    Raises ValueError where the octets are damaged, or of a version that is not ours.
    """
    offset = 0
    while offset < len(octets):
        if len(octets) - offset < _FRAME.size:
            raise ValueError("packed changes are cut short")
        version, length, checksum = _FRAME.unpack_from(octets, offset)
        if version != VERSION:
            raise ValueError(f"packed changes are of version {version}, not {VERSION}")
        end = offset + _FRAME.size + length
        body = octets[offset + _FRAME.size : end]
        if len(body) < length:
            raise ValueError("packed changes are cut short")
        if crc32(body) != checksum:
            raise ValueError("packed changes do not match their checksum")
        yield octets[offset:end]
        offset = end


def read_changes(octets: bytes) -> Iterator[Change]:
    """The changes in packed octets, in order.

    All frames are checked before the first change is given. Raises ValueError
    where the octets are damaged.
    """
    for frame in list(frames(octets)):
        offset = _FRAME.size
        while offset < len(frame):
            change, offset = read_change(frame, offset)
            yield change


def put_layout(packed: bytes) -> PutLayout | None:
    """The parts of one packed Put, for who takes in a million; None: it is no whole one."""
    if len(packed) < _PUT_AND_PREFIX.size:
        return None
    kind, deadline, digest, registrant, record, details, published, instance_id, family, length = (
        _PUT_AND_PREFIX.unpack_from(packed)
    )
    width = _WIDTHS.get(family, -1)
    network_octets = (length + 7) >> 3
    start = _PUT_AND_PREFIX.size + network_octets
    record_at = start + registrant
    details_at = record_at + record
    published_at = details_at + details
    if (
        kind != b"p"
        or length > width
        or len(packed) != published_at + published
        or not -TIME_LIMIT_SECONDS < deadline < TIME_LIMIT_SECONDS
    ):
        return None
    network = int.from_bytes(packed[_PUT_AND_PREFIX.size : start], "big")
    if network & _HOST_MASKS[-length & 7]:
        return None
    return PutLayout(
        deadline,
        digest,
        instance_id,
        family,
        network << (width - 8 * network_octets),
        length,
        _PUT_AND_PREFIX.size - PREFIX_HEAD_OCTETS,
        start,
        record_at,
        details_at,
        published_at,
    )


def unpack(packed: bytes) -> Change:
    """The one change that :func:`pack` made these octets of. Raises ValueError."""
    change, end = read_change(packed, 0)
    if end != len(packed):
        raise ValueError("octets follow a packed change")
    return change


def read_change(octets: bytes, offset: int) -> tuple[Change, int]:
    """The change at an offset, and the offset after it. Raises ValueError."""
    try:
        change, end = _unpack(octets, offset)
    except (struct.error, IndexError) as error:
        raise ValueError(f"a packed change is cut short: {error}") from None
    if end > len(octets):
        raise ValueError("a packed change is cut short")
    return change, end


def _refuse_no_time(seconds: float) -> None:
    """Raises ValueError for what no clock says: not a number, infinite, beyond any uptime."""
    if not abs(seconds) < TIME_LIMIT_SECONDS:
        raise ValueError(f"a packed change names the time {seconds}")


def _unpack(octets: bytes, offset: int) -> tuple[Change, int]:
    kind = octets[offset : offset + 1]
    offset += 1
    match kind:
        case b"t":
            deadline, digest, size = _TOUCH.unpack_from(octets, offset)
            _refuse_no_time(deadline)
            eid, start = EidPrefix.unpack(octets, offset + _TOUCH.size)
            end = start + size
            return Touch(eid, octets[start:end], deadline, digest), end
        case b"p":
            deadline, digest, *sizes = _PUT.unpack_from(octets, offset)
            _refuse_no_time(deadline)
            eid, start = EidPrefix.unpack(octets, offset + _PUT.size)
            registrant = start + sizes[0]
            record = registrant + sizes[1]
            details = record + sizes[2]
            end = details + sizes[3]
            return Put(
                eid,
                octets[start:registrant],
                deadline,
                digest,
                octets[registrant:record],
                octets[record:details],
                octets[details:end],
            ), end
        case b"s":
            digest, until = _SUPERSEDE.unpack_from(octets, offset)
            _refuse_no_time(until)
            return Supersede(digest, until), offset + _SUPERSEDE.size
        case b"n":
            nonce, size = _RAISE.unpack_from(octets, offset)
            start = offset + _RAISE.size
            return RaiseNonce(octets[start : start + size], nonce), start + size
        case b"w":
            size, remains, left = _WITHDRAW.unpack_from(octets, offset)
            eid, start = EidPrefix.unpack(octets, offset + _WITHDRAW.size)
            middle = start + size
            end = middle + left
            published = octets[middle:end] if remains else None
            return Withdraw(eid, octets[start:middle], published), end
        case b"f":
            (size,) = _FORGET.unpack_from(octets, offset)
            start = offset + _FORGET.size
            return ForgetNonce(octets[start : start + size]), start + size
        case b"m":
            number, size = _RECORD_HISTORY.unpack_from(octets, offset)
            eid, start = EidPrefix.unpack(octets, offset + _RECORD_HISTORY.size)
            return RecordHistory(number, eid, octets[start : start + size]), start + size
        case b"g":
            (number,) = _DROP_HISTORY.unpack_from(octets, offset)
            return DropHistory(number), offset + _DROP_HISTORY.size
    return _unpack_subscription(kind, octets, offset)


def _unpack_subscription(kind: bytes, octets: bytes, offset: int) -> tuple[Change, int]:
    """The changes about subscribers."""
    match kind:
        case b"u":
            deadline, nonce, *sizes = _SUBSCRIBE.unpack_from(octets, offset)
            if deadline != inf:  # it lasts until it is ended
                _refuse_no_time(deadline)
            eid, start = EidPrefix.unpack(octets, offset + _SUBSCRIBE.size)
            middle = start + sizes[0]
            end = middle + sizes[1]
            return Subscribe(eid, octets[start:middle], deadline, nonce, octets[middle:end]), end
        case b"r":
            nonce, size = _PUBLISH.unpack_from(octets, offset)
            eid, start = EidPrefix.unpack(octets, offset + _PUBLISH.size)
            return Publish(eid, octets[start : start + size], nonce), start + size
        case b"x":
            (size,) = _UNSUBSCRIBE.unpack_from(octets, offset)
            eid, start = EidPrefix.unpack(octets, offset + _UNSUBSCRIBE.size)
            return Unsubscribe(eid, octets[start : start + size]), start + size
        case b"o":
            eid, end = EidPrefix.unpack(octets, offset)
            return Owe(eid), end
        case b"d":
            eid, end = EidPrefix.unpack(octets, offset)
            return Settle(eid), end
    raise ValueError(f"a packed change is of the unknown kind {kind!r}")
