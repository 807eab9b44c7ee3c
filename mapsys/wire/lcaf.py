"""LISP Canonical Addresses (RFC 8060): which class reads which type."""

from __future__ import annotations

from struct import Struct
from typing import Final

from mapsys.wire.afi import Address
from mapsys.wire.cursor import Reader
from mapsys.wire.errors import NestingTooDeep
from mapsys.wire.lcaf_applications import (
    AfiList,
    AsNumber,
    ExplicitLocatorPath,
    GeoCoordinates,
    InstanceId,
    MulticastInfo,
    NatTraversal,
    NullBody,
    ReencapHop,
    ReplicationEntry,
    ReplicationList,
    SecurityKey,
    SourceDestKey,
    VendorSpecific,
)
from mapsys.wire.lcaf_base import Lcaf, NestedReader, UnknownLcaf
from mapsys.wire.lcaf_experimental import (
    ApplicationData,
    Encapsulation,
    EncapsulationFormat,
    Json,
    KeyValue,
    NonceLocator,
    OpaqueKey,
)

__all__ = [
    "NESTING_LIMIT",
    "AfiList",
    "ApplicationData",
    "AsNumber",
    "Encapsulation",
    "EncapsulationFormat",
    "ExplicitLocatorPath",
    "GeoCoordinates",
    "InstanceId",
    "Json",
    "KeyValue",
    "Lcaf",
    "MulticastInfo",
    "NatTraversal",
    "NonceLocator",
    "NullBody",
    "OpaqueKey",
    "ReencapHop",
    "ReplicationEntry",
    "ReplicationList",
    "SecurityKey",
    "SourceDestKey",
    "UnknownLcaf",
    "VendorSpecific",
    "read_lcaf",
]

NESTING_LIMIT: Final = 4
"""LCAFs inside one another that are read; the documents use two (RFC 8060, 4.10.4)."""

_HEAD: Final = Struct("!BBBBH")

_TYPES: Final[dict[int, type[Lcaf]]] = {
    lcaf.TYPE: lcaf
    for lcaf in (
        NullBody,
        AfiList,
        InstanceId,
        AsNumber,
        ApplicationData,
        GeoCoordinates,
        OpaqueKey,
        NatTraversal,
        NonceLocator,
        MulticastInfo,
        ExplicitLocatorPath,
        SecurityKey,
        SourceDestKey,
        ReplicationList,
        Json,
        KeyValue,
        EncapsulationFormat,
        VendorSpecific,
    )
}


def read_lcaf(reader: Reader, nested: NestedReader) -> Address:
    """Read what follows AFI 16387; nested reads the addresses inside.

    A known type must fill its length exactly; an unknown one is kept as
    UnknownLcaf. Raises Truncated, TrailingOctets, UnknownAfi, UnknownOui,
    NestingTooDeep.
    """
    rsvd1, flags, lcaf_type, rsvd2, length = reader.unpack(_HEAD)
    if reader.depth >= NESTING_LIMIT:
        raise NestingTooDeep(f"more than {NESTING_LIMIT} LCAFs inside one another")
    with reader.within(length):
        known = _TYPES.get(lcaf_type)
        if known is None:
            return UnknownLcaf(lcaf_type, reader.take_rest(), rsvd1, flags, rsvd2)
        return known.read(reader, rsvd2, nested)
