"""The Shared Extension Message, whose sub-types others define (RFC 9304)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from mapsys.wire.cursor import Reader, Writer


@dataclass(frozen=True, slots=True)
class SharedExtension:
    """A message of an extension, kept octet by octet.

    sub_type: 0..4095; from 1024 on first come, first served.

    Source: RFC 9304, 3.
    """

    TYPE: ClassVar[int] = 15

    sub_type: int
    data: bytes

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Raises Truncated."""
        return cls(reader.uint(2) & 0xFFF, reader.take_rest())

    def octets(self) -> bytes:
        """The message. Raises ValueError where sub_type is out of range."""
        if self.sub_type >> 12:
            raise ValueError(f"sub_type {self.sub_type} is outside 0..4095")
        writer = Writer()
        writer.uint(self.TYPE << 12 | self.sub_type, 2)
        writer.put(self.data)
        return writer.octets()
