"""Any AFI-encoded address, read by the family it announces (RFC 9301, 5.1)."""

from __future__ import annotations

from mapsys.wire.afi import (
    PLAIN_READERS,
    Address,
    Afi,
    AsNumberAddress,
    DistinguishedName,
    Ipv4,
    Ipv6,
    Mac,
    NoAddress,
    ip_address,
)
from mapsys.wire.cursor import Reader
from mapsys.wire.errors import UnknownAfi
from mapsys.wire.lcaf import read_lcaf

__all__ = [
    "Address",
    "Afi",
    "AsNumberAddress",
    "DistinguishedName",
    "Ipv4",
    "Ipv6",
    "Mac",
    "NoAddress",
    "ip_address",
    "read_address",
]


def read_address(reader: Reader) -> Address:
    """Read an AFI and the address behind it.

    Raises Truncated, TrailingOctets, UnknownAfi (the message must be dropped:
    RFC 9301, 5.1), UnknownOui, NestingTooDeep.
    """
    afi = reader.uint(2)
    read = PLAIN_READERS.get(afi)
    if read is not None:
        return read(reader)
    if afi == Afi.LCAF:
        return read_lcaf(reader, read_address)
    raise UnknownAfi(f"address family {afi}")
