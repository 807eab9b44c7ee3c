"""Map-Referral: a DDT node's answer to a Map-Request (RFC 8111, 6.4)."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import ClassVar, Final, Self

from mapsys.wire.cursor import Reader, Writer
from mapsys.wire.records import ReferralRecord, record_count

_HEAD: Final = Struct("!IQ")


@dataclass(frozen=True, slots=True)
class MapReferral:
    """Where to ask next.

    nonce: the Map-Request's. records: in wire order, at most 255.

    Source: RFC 8111, 6.4.
    """

    TYPE: ClassVar[int] = 6

    nonce: int
    records: tuple[ReferralRecord, ...]

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Raises Truncated, TrailingOctets, and what ``read_address`` raises."""
        word, nonce = reader.unpack(_HEAD)
        records = tuple([ReferralRecord.read(reader) for _ in range(word & 0xFF)])
        reader.finish()
        return cls(nonce, records)

    def octets(self) -> bytes:
        """The message. Raises ValueError where a field is out of range."""
        writer = Writer()
        writer.pack(_HEAD, self.TYPE << 28 | record_count(self.records), self.nonce)
        for record in self.records:
            record.write(writer)
        return writer.octets()
