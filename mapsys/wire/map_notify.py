"""Map-Notify with its Map-Notify-Ack: one layout, two types (RFC 9301, 5.7)."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import ClassVar, Final, Self

from mapsys.wire.cursor import Reader, Writer
from mapsys.wire.identity import IDENTITY_OCTETS, read_identity, write_identity
from mapsys.wire.records import EidRecord, read_records, record_count, write_records

_ID_PRESENT: Final = 0x08000000
_MERGE_REQUEST: Final = 0x00000400

_HEAD: Final = Struct("!IQBBH")


@dataclass(frozen=True, slots=True)
class _Notification:
    """What both types hold.

    nonce: the Map-Register's, or for an unsolicited Map-Notify the sender's own.
    key_id, algorithm_id, authentication_data: as in a Map-Register. records: in
    wire order, at most 255. xtr_id, site_id: 16 and 8 octets, or both None.

    RFC 9301 reserves all flags. The I bit (draft-ermagan-lisp-nat-traversal, 4.4)
    and the merge bit are read and written because deployed senders use them; the
    I bit is the first one here, not the third as in a Map-Register. One of them
    copies xTR-ID and Site-ID without setting it: exactly their octets behind the
    last record are read as what they are.
    """

    TYPE: ClassVar[int]

    nonce: int
    key_id: int
    algorithm_id: int
    authentication_data: bytes
    records: tuple[EidRecord, ...]
    xtr_id: bytes | None = None
    site_id: bytes | None = None
    merge_request: bool = False

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Raises Truncated, TrailingOctets, and what ``read_address`` raises."""
        word, nonce, key_id, algorithm_id, length = reader.unpack(_HEAD)
        authentication_data = reader.take(length)
        records = read_records(reader, word & 0xFF)
        announced = bool(word & _ID_PRESENT)
        xtr_id, site_id = read_identity(reader, announced or reader.remaining == IDENTITY_OCTETS)
        reader.finish()
        return cls(
            nonce,
            key_id,
            algorithm_id,
            authentication_data,
            records,
            xtr_id,
            site_id,
            bool(word & _MERGE_REQUEST),
        )

    def octets(self) -> bytes:
        """The message. Raises ValueError where a field is out of range."""
        writer = Writer()
        writer.pack(
            _HEAD,
            self.TYPE << 28
            | (self.xtr_id is not None) * _ID_PRESENT
            | self.merge_request * _MERGE_REQUEST
            | record_count(self.records),
            self.nonce,
            self.key_id,
            self.algorithm_id,
            len(self.authentication_data),
        )
        writer.put(self.authentication_data)
        write_records(writer, self.records)
        write_identity(writer, self.xtr_id, self.site_id)
        return writer.octets()


@dataclass(frozen=True, slots=True)
class MapNotify(_Notification):
    """A Map-Server's acknowledgment of a Map-Register, or its news about a mapping."""

    TYPE: ClassVar[int] = 4


@dataclass(frozen=True, slots=True)
class MapNotifyAck(_Notification):
    """An xTR's acknowledgment of a Map-Notify, with its nonce and records."""

    TYPE: ClassVar[int] = 5

    @classmethod
    def of(cls, notify: MapNotify) -> Self:
        """The acknowledgment of a Map-Notify, not signed: the octets of its MAC are zero."""
        return cls(
            notify.nonce,
            notify.key_id,
            notify.algorithm_id,
            bytes(len(notify.authentication_data)),
            notify.records,
            notify.xtr_id,
            notify.site_id,
        )
