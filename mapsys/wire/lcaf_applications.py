"""Canonical addresses of the approved types (RFC 8060, 4, with RFC 9306, 4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct
from typing import Final, Self

from mapsys.wire.afi import Address
from mapsys.wire.cursor import Reader, Writer
from mapsys.wire.errors import UnknownOui
from mapsys.wire.lcaf_base import Lcaf, NestedReader

UNDERSTOOD_OUIS: Final[frozenset[int]] = frozenset()
"""Vendors whose private formats mean something here: none do."""

_HEMISPHERE: Final = 0x8000
_HOP_LOOKUP: Final = 4
_HOP_PROBE: Final = 2
_HOP_STRICT: Final = 1
_REVOKED: Final = 1

_GEO: Final = Struct("!HBBHBBi")
_MULTICAST: Final = Struct("!IHBB")
_MASK_LENGTHS: Final = Struct("!HBB")
_SECURITY: Final = Struct("!BBBB")
_REPLICATION: Final = Struct("!HBB")
_PORTS: Final = Struct("!HH")


def _read_until_end(reader: Reader, nested: NestedReader) -> tuple[Address, ...]:
    addresses = []
    while reader.remaining:
        addresses.append(nested(reader))
    return tuple(addresses)


@dataclass(frozen=True, slots=True)
class NullBody(Lcaf):
    """Type 0: nothing behind the length."""

    TYPE = 0

    @classmethod
    def read(cls, reader: Reader, rsvd2: int, nested: NestedReader) -> Self:
        return cls()

    def write_payload(self, writer: Writer) -> None:
        pass


@dataclass(frozen=True, slots=True)
class AfiList(Lcaf):
    """Type 1: addresses that belong together; their order means nothing (4.10)."""

    TYPE = 1

    addresses: tuple[Address, ...]

    @classmethod
    def read(cls, reader: Reader, rsvd2: int, nested: NestedReader) -> Self:
        return cls(_read_until_end(reader, nested))

    def write_payload(self, writer: Writer) -> None:
        for address in self.addresses:
            address.write(writer)


@dataclass(frozen=True, slots=True)
class InstanceId(Lcaf):
    """Type 2: an address inside one instance (4.1).

    instance_id: 0..2**32-1. mask_len: the IID mask-len; it only means something
    with NoAddress, where the whole is a range of instance-IDs.
    """

    TYPE = 2

    instance_id: int
    address: Address
    mask_len: int = 0

    @classmethod
    def read(cls, reader: Reader, rsvd2: int, nested: NestedReader) -> Self:
        return cls(reader.uint(4), nested(reader), rsvd2)

    @property
    def rsvd2(self) -> int:
        return self.mask_len

    def write_payload(self, writer: Writer) -> None:
        writer.uint(self.instance_id, 4)
        self.address.write(writer)


@dataclass(frozen=True, slots=True)
class AsNumber(Lcaf):
    """Type 3: an address with the 32-bit AS number it is carried by (4.2)."""

    TYPE = 3

    asn: int
    address: Address

    @classmethod
    def read(cls, reader: Reader, rsvd2: int, nested: NestedReader) -> Self:
        return cls(reader.uint(4), nested(reader))

    def write_payload(self, writer: Writer) -> None:
        writer.uint(self.asn, 4)
        self.address.write(writer)


@dataclass(frozen=True, slots=True)
class GeoCoordinates(Lcaf):
    """Type 5: an address with its place on Earth, in WGS 84 (4.3).

    Degrees are 15 bits wide and north or east is a flag of its own; no range is
    checked. altitude_metres: above sea level, signed 32 bits; 0x7fffffff where it
    is not told.
    """

    TYPE = 5

    north: bool
    latitude_degrees: int
    latitude_minutes: int
    latitude_seconds: int
    east: bool
    longitude_degrees: int
    longitude_minutes: int
    longitude_seconds: int
    altitude_metres: int
    address: Address

    @classmethod
    def read(cls, reader: Reader, rsvd2: int, nested: NestedReader) -> Self:
        north, minutes, seconds, east, east_minutes, east_seconds, altitude = reader.unpack(_GEO)
        return cls(
            bool(north & _HEMISPHERE),
            north & ~_HEMISPHERE,
            minutes,
            seconds,
            bool(east & _HEMISPHERE),
            east & ~_HEMISPHERE,
            east_minutes,
            east_seconds,
            altitude,
            nested(reader),
        )

    def write_payload(self, writer: Writer) -> None:
        writer.pack(
            _GEO,
            self.north * _HEMISPHERE | self.latitude_degrees,
            self.latitude_minutes,
            self.latitude_seconds,
            self.east * _HEMISPHERE | self.longitude_degrees,
            self.longitude_minutes,
            self.longitude_seconds,
            self.altitude_metres,
        )
        self.address.write(writer)


@dataclass(frozen=True, slots=True)
class NatTraversal(Lcaf):
    """Type 7: the addresses of an ETR behind a NAT, and its RTRs (4.4).

    rtrs: in wire order; none, and a single NoAddress, both say that there are no
    RTRs, and are told apart so that octets are written as they were read.
    """

    TYPE = 7

    map_server_port: int
    etr_port: int
    global_etr: Address
    map_server: Address
    private_etr: Address
    rtrs: tuple[Address, ...] = ()

    @classmethod
    def read(cls, reader: Reader, rsvd2: int, nested: NestedReader) -> Self:
        map_server_port, etr_port = reader.unpack(_PORTS)
        global_etr, map_server, private_etr = nested(reader), nested(reader), nested(reader)
        rtrs = _read_until_end(reader, nested)
        return cls(map_server_port, etr_port, global_etr, map_server, private_etr, rtrs)

    def write_payload(self, writer: Writer) -> None:
        writer.pack(_PORTS, self.map_server_port, self.etr_port)
        for address in (self.global_etr, self.map_server, self.private_etr, *self.rtrs):
            address.write(writer)


@dataclass(frozen=True, slots=True)
class MulticastInfo(Lcaf):
    """Type 9: (S,G) or (*,G) in one instance, with a mask-len each (4.5)."""

    TYPE = 9

    instance_id: int
    source: Address
    source_mask_len: int
    group: Address
    group_mask_len: int

    @classmethod
    def read(cls, reader: Reader, rsvd2: int, nested: NestedReader) -> Self:
        instance_id, _reserved, source_mask_len, group_mask_len = reader.unpack(_MULTICAST)
        source, group = nested(reader), nested(reader)
        return cls(instance_id, source, source_mask_len, group, group_mask_len)

    def write_payload(self, writer: Writer) -> None:
        writer.pack(_MULTICAST, self.instance_id, 0, self.source_mask_len, self.group_mask_len)
        self.source.write(writer)
        self.group.write(writer)


@dataclass(frozen=True, slots=True)
class ReencapHop:
    """One hop of an explicit locator path.

    lookup: look the address up instead of encapsulating to it. probe: it may be
    probed. strict: it may not be skipped.
    """

    address: Address
    lookup: bool = False
    probe: bool = False
    strict: bool = False


@dataclass(frozen=True, slots=True)
class ExplicitLocatorPath(Lcaf):
    """Type 10: the re-encapsulating hops on the way to a site, in order (4.6)."""

    TYPE = 10

    hops: tuple[ReencapHop, ...]

    @classmethod
    def read(cls, reader: Reader, rsvd2: int, nested: NestedReader) -> Self:
        hops = []
        while reader.remaining:
            flags = reader.uint(2)
            hops.append(
                ReencapHop(
                    nested(reader),
                    lookup=bool(flags & _HOP_LOOKUP),
                    probe=bool(flags & _HOP_PROBE),
                    strict=bool(flags & _HOP_STRICT),
                )
            )
        return cls(tuple(hops))

    def write_payload(self, writer: Writer) -> None:
        for hop in self.hops:
            flags = hop.lookup * _HOP_LOOKUP | hop.probe * _HOP_PROBE | hop.strict * _HOP_STRICT
            writer.uint(flags, 2)
            hop.address.write(writer)


@dataclass(frozen=True, slots=True)
class SecurityKey(Lcaf):
    """Type 11: a locator with its keys (4.7).

    keys: key material, in wire order, at most 255; not shown in the repr.
    """

    TYPE = 11

    key_algorithm: int
    keys: tuple[bytes, ...] = field(repr=False)
    address: Address
    revoked: bool = False

    @classmethod
    def read(cls, reader: Reader, rsvd2: int, nested: NestedReader) -> Self:
        count, _rsvd3, key_algorithm, flags = reader.unpack(_SECURITY)
        keys = tuple(reader.take(reader.uint(2)) for _ in range(count))
        return cls(key_algorithm, keys, nested(reader), bool(flags & _REVOKED))

    def write_payload(self, writer: Writer) -> None:
        writer.pack(_SECURITY, len(self.keys), 0, self.key_algorithm, self.revoked * _REVOKED)
        for key in self.keys:
            writer.uint(len(key), 2)
            writer.put(key)
        self.address.write(writer)


@dataclass(frozen=True, slots=True)
class SourceDestKey(Lcaf):
    """Type 12: a source and a destination prefix, with a mask-len each (4.8)."""

    TYPE = 12

    source: Address
    source_mask_len: int
    destination: Address
    destination_mask_len: int

    @classmethod
    def read(cls, reader: Reader, rsvd2: int, nested: NestedReader) -> Self:
        _reserved, source_mask_len, destination_mask_len = reader.unpack(_MASK_LENGTHS)
        source, destination = nested(reader), nested(reader)
        return cls(source, source_mask_len, destination, destination_mask_len)

    def write_payload(self, writer: Writer) -> None:
        writer.pack(_MASK_LENGTHS, 0, self.source_mask_len, self.destination_mask_len)
        self.source.write(writer)
        self.destination.write(writer)


@dataclass(frozen=True, slots=True)
class ReplicationEntry:
    """One RTR or ETR of a replication list, at its level of the distribution tree."""

    address: Address
    level: int


@dataclass(frozen=True, slots=True)
class ReplicationList(Lcaf):
    """Type 13: where to replicate multicast packets to, in wire order (4.9)."""

    TYPE = 13

    entries: tuple[ReplicationEntry, ...]

    @classmethod
    def read(cls, reader: Reader, rsvd2: int, nested: NestedReader) -> Self:
        entries = []
        while reader.remaining:
            _rsvd3, _rsvd4, level = reader.unpack(_REPLICATION)
            entries.append(ReplicationEntry(nested(reader), level))
        return cls(tuple(entries))

    def write_payload(self, writer: Writer) -> None:
        for entry in self.entries:
            writer.pack(_REPLICATION, 0, 0, entry.level)
            entry.address.write(writer)


@dataclass(frozen=True, slots=True)
class VendorSpecific(Lcaf):
    """Type 255: a format private to the holder of an OUI of 24 bits.

    Reading one raises UnknownOui unless the OUI is in UNDERSTOOD_OUIS: the whole
    message must be dropped.

    Source: RFC 9306, 4.
    """

    TYPE = 255

    oui: int
    data: bytes

    @classmethod
    def read(cls, reader: Reader, rsvd2: int, nested: NestedReader) -> Self:
        oui = reader.uint(4) & 0xFFFFFF
        if oui not in UNDERSTOOD_OUIS:
            raise UnknownOui(f"vendor {oui:06x}")
        return cls(oui, reader.take_rest())

    def write_payload(self, writer: Writer) -> None:
        writer.uint(0, 1)
        writer.uint(self.oui, 3)
        writer.put(self.data)
