"""Map-Request: who asks for which EIDs, and where to answer (RFC 9301, 5.2)."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import ClassVar, Final, Self

from mapsys.eid import EidPrefix
from mapsys.wire.address import Address, read_address
from mapsys.wire.cursor import Reader, Writer
from mapsys.wire.eid_address import to_eid_prefix
from mapsys.wire.identity import read_identity, write_identity
from mapsys.wire.records import EidRecord, record_count

_AUTHORITATIVE: Final = 0x08000000
_MAP_DATA: Final = 0x04000000
_PROBE: Final = 0x02000000
_SMR: Final = 0x01000000
_PITR: Final = 0x00800000
_SMR_INVOKED: Final = 0x00400000
_MOBILE_NODE: Final = 0x00200000
_ID_PRESENT: Final = 0x00100000
_LOCAL_XTR: Final = 0x00004000
_DONT_MAP_REPLY: Final = 0x00002000

_ITR_RLOC_SHIFT: Final = 8
_ITR_RLOC_MASK: Final = 0x1F
_MAX_ITR_RLOCS: Final = 32
_NOTIFICATION_REQUESTED: Final = 0x80

_HEAD: Final = Struct("!IQ")
_RECORD_HEAD: Final = Struct("!BB")


@dataclass(frozen=True, slots=True)
class MapRequestRecord:
    """One EID-Prefix asked for.

    eid, mask_len: as on the wire, host bits and all; see eid_prefix.
    notification_requested: subscribe to changes (RFC 9437, 4).
    """

    eid: Address
    mask_len: int
    notification_requested: bool = False

    @property
    def eid_prefix(self) -> EidPrefix:
        """The EID-Prefix named. Raises UnknownEid, BadMaskLength."""
        return to_eid_prefix(self.eid, self.mask_len)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Raises what ``read_address`` raises."""
        flags, mask_len = reader.unpack(_RECORD_HEAD)
        return cls(read_address(reader), mask_len, bool(flags & _NOTIFICATION_REQUESTED))

    def write(self, writer: Writer) -> None:
        """Append the record. Raises ValueError where mask_len is out of range."""
        flags = self.notification_requested * _NOTIFICATION_REQUESTED
        writer.pack(_RECORD_HEAD, flags, self.mask_len)
        self.eid.write(writer)


@dataclass(frozen=True, slots=True)
class MapRequest:
    """A question for the mappings of some EIDs.

    nonce: 64 bits, copied into the answer. source_eid: NoAddress where no packet
    caused the request. itr_rlocs: 1 to 32 addresses to answer to, in wire order.
    records: in wire order; a sender puts exactly one, a receiver takes several.
    map_data: the sender's own mapping, unverified (M bit). xtr_id, site_id: 16
    and 8 octets, or both None (I bit; RFC 9437, 8). mobile_node: the R bit, which
    RFC 9301 leaves reserved. The other fields are the bits A, P, S, p, s, L and D.

    Source: RFC 9301, 5.2.
    """

    TYPE: ClassVar[int] = 1

    nonce: int
    source_eid: Address
    itr_rlocs: tuple[Address, ...]
    records: tuple[MapRequestRecord, ...]
    authoritative: bool = False
    probe: bool = False
    smr: bool = False
    pitr: bool = False
    smr_invoked: bool = False
    mobile_node: bool = False
    local_xtr: bool = False
    dont_map_reply: bool = False
    map_data: EidRecord | None = None
    xtr_id: bytes | None = None
    site_id: bytes | None = None

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Read the message up to the reader's bound.

        Octets that no bit announces are ignored: RFC 6830, 6.1.2 had Mapping
        Protocol Data there. Raises Truncated, and what ``read_address`` raises.
        """
        word, nonce = reader.unpack(_HEAD)
        source_eid = read_address(reader)
        itr_rloc_count = (word >> _ITR_RLOC_SHIFT & _ITR_RLOC_MASK) + 1
        itr_rlocs = tuple([read_address(reader) for _ in range(itr_rloc_count)])
        records = tuple([MapRequestRecord.read(reader) for _ in range(word & 0xFF)])
        map_data = EidRecord.read(reader) if word & _MAP_DATA else None
        xtr_id, site_id = read_identity(reader, bool(word & _ID_PRESENT))
        reader.take_rest()
        return cls(
            nonce,
            source_eid,
            itr_rlocs,
            records,
            authoritative=bool(word & _AUTHORITATIVE),
            probe=bool(word & _PROBE),
            smr=bool(word & _SMR),
            pitr=bool(word & _PITR),
            smr_invoked=bool(word & _SMR_INVOKED),
            mobile_node=bool(word & _MOBILE_NODE),
            local_xtr=bool(word & _LOCAL_XTR),
            dont_map_reply=bool(word & _DONT_MAP_REPLY),
            map_data=map_data,
            xtr_id=xtr_id,
            site_id=site_id,
        )

    def octets(self) -> bytes:
        """The message. Raises ValueError where a field is out of range."""
        if not 1 <= len(self.itr_rlocs) <= _MAX_ITR_RLOCS:
            raise ValueError(f"a Map-Request has 1 to {_MAX_ITR_RLOCS} ITR-RLOCs")
        writer = Writer()
        writer.pack(
            _HEAD,
            self.TYPE << 28
            | self.authoritative * _AUTHORITATIVE
            | (self.map_data is not None) * _MAP_DATA
            | self.probe * _PROBE
            | self.smr * _SMR
            | self.pitr * _PITR
            | self.smr_invoked * _SMR_INVOKED
            | self.mobile_node * _MOBILE_NODE
            | (self.xtr_id is not None) * _ID_PRESENT
            | self.local_xtr * _LOCAL_XTR
            | self.dont_map_reply * _DONT_MAP_REPLY
            | (len(self.itr_rlocs) - 1) << _ITR_RLOC_SHIFT
            | record_count(self.records),
            self.nonce,
        )
        self.source_eid.write(writer)
        for itr_rloc in self.itr_rlocs:
            itr_rloc.write(writer)
        for record in self.records:
            record.write(writer)
        if self.map_data is not None:
            self.map_data.write(writer)
        write_identity(writer, self.xtr_id, self.site_id)
        return writer.octets()
