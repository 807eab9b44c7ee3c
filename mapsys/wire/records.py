"""EID-Records with their RLOC-Records (RFC 9301, 5.4), and those of a referral (RFC 8111, 6.4)."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import Final, Self

from mapsys.eid import EidPrefix
from mapsys.wire.address import Address, read_address
from mapsys.wire.cursor import Reader, Writer
from mapsys.wire.eid_address import to_eid_prefix

_RLOC_LOCAL: Final = 4
_RLOC_PROBED: Final = 2
_RLOC_REACHABLE: Final = 1

_AUTHORITATIVE: Final = 0x1000
_INCOMPLETE: Final = 0x0800
_ACTION_SHIFT: Final = 13
_MAP_VERSION_BITS: Final = 12

_RLOC_HEAD: Final = Struct("!BBBBH")
_EID_HEAD: Final = Struct("!IBBHH")
_SIGNATURE_HEAD: Final = Struct("!IIIHHBBH")


class Action(IntEnum):
    """What an ITR does with an EID-Prefix that has no locators (RFC 9301, 5.4).

    6 and 7 are unassigned; records carry them as plain numbers.
    """

    NO_ACTION = 0
    NATIVELY_FORWARD = 1
    SEND_MAP_REQUEST = 2
    DROP = 3
    DROP_POLICY_DENIED = 4
    DROP_AUTH_FAILURE = 5


class ReferralAction(IntEnum):
    """What a DDT node says about an EID-Prefix (RFC 8111, 6.1)."""

    NODE_REFERRAL = 0
    MS_REFERRAL = 1
    MS_ACK = 2
    MS_NOT_REGISTERED = 3
    DELEGATION_HOLE = 4
    NOT_AUTHORITATIVE = 5


@dataclass(frozen=True, slots=True)
class RlocRecord:
    """One locator of an EID-Record.

    priority, m_priority: 0..255, lower wins, 255 is never used.
    weight, m_weight: 0..255, shares among equal priorities.
    local: the locator is the sender's own. probed: it is the one that was
    probed. reachable: the sender has a route to it.

    Source: RFC 9301, 5.4.
    """

    rloc: Address
    priority: int
    weight: int
    m_priority: int
    m_weight: int
    local: bool = False
    probed: bool = False
    reachable: bool = True

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Raises what ``read_address`` raises."""
        priority, weight, m_priority, m_weight, flags = reader.unpack(_RLOC_HEAD)
        return cls(
            read_address(reader),
            priority,
            weight,
            m_priority,
            m_weight,
            local=bool(flags & _RLOC_LOCAL),
            probed=bool(flags & _RLOC_PROBED),
            reachable=bool(flags & _RLOC_REACHABLE),
        )

    def write(self, writer: Writer) -> None:
        """Append the record. Raises ValueError where a field is out of range."""
        flags = (
            self.local * _RLOC_LOCAL | self.probed * _RLOC_PROBED | self.reachable * _RLOC_REACHABLE
        )
        writer.pack(_RLOC_HEAD, self.priority, self.weight, self.m_priority, self.m_weight, flags)
        self.rloc.write(writer)


@dataclass(frozen=True, slots=True)
class EidRecord:
    """The mapping of one EID-Prefix, as every message but a request carries it.

    record_ttl_minutes: 0 removes the mapping, 0xffffffff lets the receiver decide.
    eid, mask_len: as on the wire, host bits and all; see eid_prefix.
    rlocs: in wire order, at most 255. action: 0..7, an Action where it is
    assigned. map_version: 0..4095, 0 where versions are not used.

    Source: RFC 9301, 5.4.
    """

    record_ttl_minutes: int
    eid: Address
    mask_len: int
    rlocs: tuple[RlocRecord, ...] = ()
    action: int = 0
    authoritative: bool = False
    map_version: int = 0

    @property
    def eid_prefix(self) -> EidPrefix:
        """The EID-Prefix named. Raises UnknownEid, BadMaskLength."""
        return to_eid_prefix(self.eid, self.mask_len)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Raises what ``read_address`` raises."""
        ttl, count, mask_len, flags, version = reader.unpack(_EID_HEAD)
        eid = read_address(reader)
        return cls(
            ttl,
            eid,
            mask_len,
            tuple([RlocRecord.read(reader) for _ in range(count)]),
            flags >> _ACTION_SHIFT,
            bool(flags & _AUTHORITATIVE),
            version & 0xFFF,
        )

    def write(self, writer: Writer) -> None:
        """Append the record. Raises ValueError where a field is out of range."""
        _require_bits(self.map_version, _MAP_VERSION_BITS, "map_version")
        writer.pack(
            _EID_HEAD,
            self.record_ttl_minutes,
            len(self.rlocs),
            self.mask_len,
            self.action << _ACTION_SHIFT | self.authoritative * _AUTHORITATIVE,
            self.map_version,
        )
        self.eid.write(writer)
        for rloc in self.rlocs:
            rloc.write(writer)

    def octets(self) -> bytes:
        """The record alone, from its TTL to its last locator."""
        writer = Writer()
        self.write(writer)
        return writer.octets()


def read_records(reader: Reader, count: int) -> tuple[EidRecord, ...]:
    """As many EID-Records as a Record Count announced."""
    return tuple([EidRecord.read(reader) for _ in range(count)])


def write_records(writer: Writer, records: tuple[EidRecord, ...]) -> None:
    """Append EID-Records in order."""
    for record in records:
        record.write(writer)


def record_count(records: Sized) -> int:
    """The Record Count of a message. Raises ValueError past the 255 that fit."""
    count = len(records)
    if count > 0xFF:
        raise ValueError(f"a message holds at most 255 records, not {count}")
    return count


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature over a referral record.

    expiration, inception: seconds since 1970-01-01 UTC, 32 bits.

    Source: RFC 8111, 6.4.1.
    """

    original_ttl_minutes: int
    expiration: int
    inception: int
    key_tag: int
    algorithm: int
    signature: bytes

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Raises Truncated."""
        ttl, expiration, inception, key_tag, length, algorithm, *_ = reader.unpack(_SIGNATURE_HEAD)
        return cls(ttl, expiration, inception, key_tag, algorithm, reader.take(length))

    def write(self, writer: Writer) -> None:
        """Append the signature section. Raises ValueError where a field is out of range."""
        writer.pack(
            _SIGNATURE_HEAD,
            self.original_ttl_minutes,
            self.expiration,
            self.inception,
            self.key_tag,
            len(self.signature),
            self.algorithm,
            0,
            0,
        )
        writer.put(self.signature)


@dataclass(frozen=True, slots=True)
class ReferralRecord:
    """Where a DDT node refers a question about one EID-Prefix to.

    action: 0..7, a ReferralAction where it is assigned. referrals: DDT nodes or
    Map-Servers, at most 255. incomplete: there are more of them, do not cache.
    signatures: at most 15.

    Source: RFC 8111, 6.4.
    """

    record_ttl_minutes: int
    eid: Address
    mask_len: int
    referrals: tuple[RlocRecord, ...] = ()
    action: int = 0
    authoritative: bool = False
    incomplete: bool = False
    map_version: int = 0
    signatures: tuple[Signature, ...] = ()

    @property
    def eid_prefix(self) -> EidPrefix:
        """The EID-Prefix named. Raises UnknownEid, BadMaskLength."""
        return to_eid_prefix(self.eid, self.mask_len)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Raises what ``read_address`` raises."""
        ttl, count, mask_len, flags, version = reader.unpack(_EID_HEAD)
        return cls(
            ttl,
            read_address(reader),
            mask_len,
            tuple([RlocRecord.read(reader) for _ in range(count)]),
            flags >> _ACTION_SHIFT,
            bool(flags & _AUTHORITATIVE),
            bool(flags & _INCOMPLETE),
            version & 0xFFF,
            tuple([Signature.read(reader) for _ in range(version >> _MAP_VERSION_BITS)]),
        )

    def write(self, writer: Writer) -> None:
        """Append the record. Raises ValueError where a field is out of range."""
        _require_bits(self.map_version, _MAP_VERSION_BITS, "map_version")
        writer.pack(
            _EID_HEAD,
            self.record_ttl_minutes,
            len(self.referrals),
            self.mask_len,
            self.action << _ACTION_SHIFT
            | self.authoritative * _AUTHORITATIVE
            | self.incomplete * _INCOMPLETE,
            len(self.signatures) << _MAP_VERSION_BITS | self.map_version,
        )
        self.eid.write(writer)
        for referral in self.referrals:
            referral.write(writer)
        for signature in self.signatures:
            signature.write(writer)


def _require_bits(value: int, bits: int, name: str) -> None:
    if value >> bits:
        raise ValueError(f"{name} {value} does not fit {bits} bits")
