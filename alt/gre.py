"""GRE: the header between an outer IP header and the inner packet (RFC 2784, 2890, 7676)."""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

PROTOCOL_NUMBER: Final = 47
IPV4_PAYLOAD: Final = 0x0800
IPV6_PAYLOAD: Final = 0x86DD
"""The EtherTypes a tunnel of the ALT carries."""

_HEAD: Final = Struct("!HH")
"""Flags and version, protocol type."""

MAX_UINT32: Final = 0xFFFFFFFF

CHECKSUM_PRESENT: Final = 0x8000
KEY_PRESENT: Final = 0x2000
SEQUENCE_PRESENT: Final = 0x1000
_ROUTING: Final = 0x4C00
"""Bits 1, 4 and 5: RFC 1701's source routes and recursion, refused by RFC 2784, 2.3."""
_VERSION: Final = 0x0007

GRE_REASONS: Final = frozenset(
    {
        "gre-truncated",
        "gre-routing",
        "gre-version",
        "gre-bad-checksum",
        "gre-unknown-protocol",
    }
)
"""Every reason to refuse a GRE packet: a closed set, fit for counter labels."""


class GreError(Exception):
    """A GRE packet that has to be dropped.

    reason: one of GRE_REASONS.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class GrePacket(NamedTuple):
    """What a GRE packet said.

    protocol: IPV4_PAYLOAD or IPV6_PAYLOAD.
    key, sequence: 32 bits each; None where the field is absent.
    """

    protocol: int
    key: int | None
    sequence: int | None
    payload: bytes


def internet_checksum(octets: bytes) -> int:
    """The 16-bit ones' complement checksum over octets that are not all zero.

    An odd length counts as padded with a zero octet. 0 where the octets already
    hold their right checksum.

    Source: RFC 1071, 1. The sum with end-around carry is the number modulo 0xFFFF.
    """
    number = int.from_bytes(octets, "big")
    if len(octets) & 1:
        number <<= 8
    return -number % 0xFFFF


def encapsulate(
    protocol: int,
    payload: bytes,
    *,
    key: int | None = None,
    sequence: int | None = None,
    checksum: bool = False,
) -> bytes:
    """The GRE packet, outer IP header apart.

    key, sequence: 0..2**32-1; None leaves the field out.

    Source: RFC 2784, 2; RFC 2890, 2.
    """
    flags = 0
    fields = b""
    if checksum:
        flags |= CHECKSUM_PRESENT
        fields += bytes(4)
    if key is not None:
        flags |= KEY_PRESENT
        fields += key.to_bytes(4, "big")
    if sequence is not None:
        flags |= SEQUENCE_PRESENT
        fields += sequence.to_bytes(4, "big")
    packet = flags.to_bytes(2, "big") + protocol.to_bytes(2, "big") + fields + payload
    if not checksum:
        return packet
    return packet[:4] + internet_checksum(packet).to_bytes(2, "big") + packet[6:]


def decapsulate(octets: bytes) -> GrePacket:
    """Read a GRE packet that begins behind the outer IP header.

    Raises GreError. Bits 6 to 12 are ignored, as RFC 2784, 2.3 asks.

    Source: RFC 2784, 2; RFC 2890, 2.
    """
    if len(octets) < 4:
        raise GreError("gre-truncated")
    flags, protocol = _HEAD.unpack_from(octets)
    if flags & _ROUTING:
        raise GreError("gre-routing")
    if flags & _VERSION:
        raise GreError("gre-version")
    offset = 4
    key = sequence = None
    if flags & CHECKSUM_PRESENT:
        offset = 8
    if flags & KEY_PRESENT:
        key = int.from_bytes(octets[offset : offset + 4], "big")
        offset += 4
    if flags & SEQUENCE_PRESENT:
        sequence = int.from_bytes(octets[offset : offset + 4], "big")
        offset += 4
    if len(octets) < offset:
        raise GreError("gre-truncated")
    if flags & CHECKSUM_PRESENT and internet_checksum(octets):
        raise GreError("gre-bad-checksum")
    if protocol not in (IPV4_PAYLOAD, IPV6_PAYLOAD):
        raise GreError("gre-unknown-protocol")
    return GrePacket(protocol, key, sequence, octets[offset:])


def header_length(*, key: bool, sequence: bool, checksum: bool) -> int:
    """Octets of the GRE header with these fields."""
    return 4 + 4 * (key + sequence + checksum)
