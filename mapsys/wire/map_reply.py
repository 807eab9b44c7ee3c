"""Map-Reply: the mappings that answer a Map-Request (RFC 9301, 5.4)."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import ClassVar, Final, Self

from mapsys.wire.cursor import Reader, Writer
from mapsys.wire.errors import Truncated
from mapsys.wire.records import EidRecord, read_records, record_count, write_records

_PROBE: Final = 0x08000000
_ECHO_NONCE: Final = 0x04000000
_SECURITY: Final = 0x02000000

_HEAD: Final = Struct("!IQ")


@dataclass(frozen=True, slots=True)
class MapReply:
    """An answer to a Map-Request.

    nonce: the request's. records: in wire order, at most 255. probe: answers an
    RLOC probe. security: the LISP-SEC authentication data from its AD Type on, at
    least one octet and not looked into here; None where the S bit is clear.

    Source: RFC 9301, 5.4; RFC 9303, 6.1.
    """

    TYPE: ClassVar[int] = 2

    nonce: int
    records: tuple[EidRecord, ...]
    probe: bool = False
    echo_nonce_capable: bool = False
    security: bytes | None = None

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Raises Truncated, TrailingOctets, and what ``read_address`` raises."""
        word, nonce = reader.unpack(_HEAD)
        records = read_records(reader, word & 0xFF)
        security = None
        if word & _SECURITY:
            security = reader.take_rest()
            if not security:
                raise Truncated("authentication data announced, no octets left")
        reader.finish()
        return cls(nonce, records, bool(word & _PROBE), bool(word & _ECHO_NONCE), security)

    def octets(self) -> bytes:
        """The message. Raises ValueError where a field is out of range."""
        if self.security == b"":
            raise ValueError("authentication data has at least its AD Type")
        writer = Writer()
        writer.pack(
            _HEAD,
            self.TYPE << 28
            | self.probe * _PROBE
            | self.echo_nonce_capable * _ECHO_NONCE
            | (self.security is not None) * _SECURITY
            | record_count(self.records),
            self.nonce,
        )
        write_records(writer, self.records)
        writer.put(self.security or b"")
        return writer.octets()
