"""The LISP header of encapsulated packets: eight octets behind UDP (RFC 9300, 5.3)."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Final, Self

HEADER_OCTETS: Final = 8

_NONCE: Final = 0x80
_STATUS_BITS: Final = 0x40
_ECHO_NONCE: Final = 0x20
_MAP_VERSION: Final = 0x10
_INSTANCE_ID: Final = 0x08
_ENCRYPTED: Final = 0x03

_WORDS: Final = Struct("!II")
_LOW_24: Final = 0xFFFFFF


class HeaderError(Exception):
    """Octets that are no LISP header which can be used here; ``reason`` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class LispHeader:
    """What an ITR says beside the packet.

    nonce: 24 bits; None where the N bit is clear. echo_nonce: the nonce is to be
    sent back (E); means nothing without a nonce. status_bits: of the source site's
    locators, the first in the lowest bit, 32 bits, or 8 beside an instance-ID; None
    where the L bit is clear. instance_id: 24 bits; None where the I bit is clear.
    map_versions: source and destination, 12 bits each (RFC 9302); None where the V
    bit is clear, and where N is set too, since the field then holds a nonce.
    """

    nonce: int | None = None
    echo_nonce: bool = False
    status_bits: int | None = None
    instance_id: int | None = None
    map_versions: tuple[int, int] | None = None

    @classmethod
    def read(cls, octets: bytes) -> Self:
        """The header that a UDP payload begins with.

        Raises HeaderError: "truncated", or "encrypted" (RFC 8061), which nothing
        here can undo.
        """
        if len(octets) < HEADER_OCTETS:
            raise HeaderError("truncated")
        first, second = _WORDS.unpack_from(octets)
        flags = first >> 24
        if flags & _ENCRYPTED:
            raise HeaderError("encrypted")
        has_instance_id = bool(flags & _INSTANCE_ID)
        status_bits = None
        if flags & _STATUS_BITS:
            status_bits = second & 0xFF if has_instance_id else second
        nonce = first & _LOW_24 if flags & _NONCE else None
        return cls(
            nonce=nonce,
            echo_nonce=nonce is not None and bool(flags & _ECHO_NONCE),
            status_bits=status_bits,
            instance_id=second >> 8 if has_instance_id else None,
            map_versions=(first >> 12 & 0xFFF, first & 0xFFF)
            if flags & _MAP_VERSION and nonce is None
            else None,
        )

    def octets(self) -> bytes:
        """The header. Raises ValueError where both a nonce and map-versions are given."""
        if self.nonce is not None and self.map_versions is not None:
            raise ValueError("a LISP header holds a nonce or map-versions, not both")
        flags = 0
        low, second = 0, 0
        if self.nonce is not None:
            flags |= _NONCE | self.echo_nonce * _ECHO_NONCE
            low = self.nonce & _LOW_24
        if self.map_versions is not None:
            flags |= _MAP_VERSION
            low = self.map_versions[0] << 12 | self.map_versions[1]
        if self.instance_id is not None:
            flags |= _INSTANCE_ID
            second = self.instance_id << 8
        if self.status_bits is not None:
            flags |= _STATUS_BITS
            second |= self.status_bits & (0xFFFFFFFF if self.instance_id is None else 0xFF)
        return _WORDS.pack(flags << 24 | low, second)
