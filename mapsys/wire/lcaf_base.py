"""The frame that every LISP Canonical Address shares (RFC 8060, 3)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct
from typing import ClassVar, Final, Self

from mapsys.wire.afi import Address, Afi
from mapsys.wire.cursor import Reader, Writer

NestedReader = Callable[[Reader], Address]
"""Reads an address inside another one; handed down, since each kind holds the other."""

_HEAD: Final = Struct("!HBBBBH")


def write_lcaf(
    writer: Writer,
    lcaf_type: int,
    payload: bytes,
    *,
    rsvd1: int = 0,
    flags: int = 0,
    rsvd2: int = 0,
) -> None:
    """Append AFI, header, payload length and payload."""
    writer.pack(_HEAD, Afi.LCAF, rsvd1, flags, lcaf_type, rsvd2, len(payload))
    writer.put(payload)


class Lcaf(Address):
    """A canonical address of a known type.

    Rsvd1 and Flags are ignored on receipt and sent as zero, and so is Rsvd2 save
    where a type gives it a meaning.
    """

    __slots__ = ()

    TYPE: ClassVar[int]

    @classmethod
    @abstractmethod
    def read(cls, reader: Reader, rsvd2: int, nested: NestedReader) -> Self:
        """Read the payload; the reader is bounded by the LCAF's length."""

    @abstractmethod
    def write_payload(self, writer: Writer) -> None:
        """Append what follows the length."""

    @property
    def rsvd2(self) -> int:
        """The octet behind the type."""
        return 0

    def write(self, writer: Writer) -> None:
        payload = Writer()
        self.write_payload(payload)
        write_lcaf(writer, self.TYPE, payload.octets(), rsvd2=self.rsvd2)


@dataclass(frozen=True, slots=True)
class UnknownLcaf(Address):
    """A canonical address of a type without meaning here, kept octet by octet.

    As a locator it is carried along; as an EID it is refused when it is used
    (``eid_address.to_eid_prefix``).

    Source: RFC 9306, 3.
    """

    type: int
    payload: bytes
    rsvd1: int = 0
    flags: int = 0
    rsvd2: int = 0

    def write(self, writer: Writer) -> None:
        write_lcaf(
            writer, self.type, self.payload, rsvd1=self.rsvd1, flags=self.flags, rsvd2=self.rsvd2
        )
