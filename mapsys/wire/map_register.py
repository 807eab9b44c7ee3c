"""Map-Register: an ETR's own mappings, authenticated (RFC 9301, 5.6)."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import ClassVar, Final, Self

from mapsys.wire.cursor import Reader, Writer
from mapsys.wire.identity import read_identity, write_identity
from mapsys.wire.records import EidRecord, read_records, record_count, write_records

_PROXY_MAP_REPLY: Final = 0x08000000
_SECURITY_CAPABLE: Final = 0x04000000
_ID_PRESENT: Final = 0x02000000
_EID_NOTIFY: Final = 0x00001000
_USE_TTL: Final = 0x00000800
_MERGE_REQUEST: Final = 0x00000400
_MOBILE_NODE: Final = 0x00000200
_WANT_MAP_NOTIFY: Final = 0x00000100

_HEAD: Final = Struct("!IQBBH")


@dataclass(frozen=True, slots=True)
class MapRegister:
    """Mappings to be registered.

    nonce: 64 bits, rising with each message of one ETR. key_id, algorithm_id:
    8 bits each; the 16-bit Key ID of RFC 6830 reads as key_id 0 and the algorithm
    it named. authentication_data: as received, or zero octets of the MAC's length
    in a message to be signed (``auth.Key.sign``). records: in wire order, at most
    255. xtr_id, site_id: 16 and 8 octets, or both None (I bit). mobile_node: the
    R bit, which RFC 9301 leaves reserved. The other fields are the bits P, S, E,
    T, a and M.

    Source: RFC 9301, 5.6.
    """

    TYPE: ClassVar[int] = 3

    nonce: int
    key_id: int
    algorithm_id: int
    authentication_data: bytes
    records: tuple[EidRecord, ...]
    proxy_map_reply: bool = False
    security_capable: bool = False
    eid_notify: bool = False
    use_ttl_for_timeout: bool = False
    merge_request: bool = False
    mobile_node: bool = False
    want_map_notify: bool = False
    xtr_id: bytes | None = None
    site_id: bytes | None = None

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Raises Truncated, TrailingOctets, and what ``read_address`` raises."""
        word, nonce, key_id, algorithm_id, length = reader.unpack(_HEAD)
        authentication_data = reader.take(length)
        records = read_records(reader, word & 0xFF)
        xtr_id, site_id = read_identity(reader, bool(word & _ID_PRESENT))
        reader.finish()
        return cls(
            nonce,
            key_id,
            algorithm_id,
            authentication_data,
            records,
            proxy_map_reply=bool(word & _PROXY_MAP_REPLY),
            security_capable=bool(word & _SECURITY_CAPABLE),
            eid_notify=bool(word & _EID_NOTIFY),
            use_ttl_for_timeout=bool(word & _USE_TTL),
            merge_request=bool(word & _MERGE_REQUEST),
            mobile_node=bool(word & _MOBILE_NODE),
            want_map_notify=bool(word & _WANT_MAP_NOTIFY),
            xtr_id=xtr_id,
            site_id=site_id,
        )

    def octets(self) -> bytes:
        """The message. Raises ValueError where a field is out of range."""
        writer = Writer()
        writer.pack(
            _HEAD,
            self.TYPE << 28
            | self.proxy_map_reply * _PROXY_MAP_REPLY
            | self.security_capable * _SECURITY_CAPABLE
            | (self.xtr_id is not None) * _ID_PRESENT
            | self.eid_notify * _EID_NOTIFY
            | self.use_ttl_for_timeout * _USE_TTL
            | self.merge_request * _MERGE_REQUEST
            | self.mobile_node * _MOBILE_NODE
            | self.want_map_notify * _WANT_MAP_NOTIFY
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
