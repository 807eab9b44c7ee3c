"""What the Map-Server notes about a registration besides its record, packed for the store."""

from __future__ import annotations

import ipaddress
import struct
from functools import lru_cache
from typing import Final, NamedTuple

from mapsys.core.effects import Endpoint

_HEAD: Final = struct.Struct(">BBBHHIQ")
_PORT: Final = struct.Struct(">H")
_FLAGS: Final = struct.Struct(">3xH")

PROXY_MAP_REPLY: Final = 0x0001
SECURITY_CAPABLE: Final = 0x0002
MERGE_REQUEST: Final = 0x0004
TTL_TIMEOUT: Final = 0x0008
HAS_XTR_ID: Final = 0x0010
NEXT_SECRET: Final = 0x0020
FORMER: Final = 0x0040
STATIC: Final = 0x0080
RELAYED: Final = 0x0100
"""Flag bits. FORMER: its mapping moved away; kept, unpublished, so that a late
refresh of the same record changes nothing. RELAYED: it came through an RTR."""


HOSTS_REMEMBERED: Final = 16_384
"""Addresses whose other form is at hand: an xTR is mostly heard of again within a minute."""


class InnerAddresses(NamedTuple):
    """The xTR's own address and the Map-Server's, as the xTR put them on a relayed message."""

    xtr: str
    map_server: str


class Details(NamedTuple):
    """Facts about one registration; packed with :meth:`pack`, read with :meth:`unpack`.

    mac_length: octets of the MAC that the ETR used; it is answered in kind.
    flags: the bits above.
    lifetime_seconds: what each refresh grants.
    first_registered: seconds since 1970.
    source: where the Map-Register came from; local: where it was sent to.
    site_id: 8 octets, zero where the ETR sent none.
    relayed: for a registration that came through an RTR, whose address is then the
    source; None where it came directly.
    """

    site: str
    key_id: int
    algorithm_id: int
    mac_length: int
    flags: int
    lifetime_seconds: int
    first_registered: int
    source: Endpoint
    local: Endpoint
    site_id: bytes
    relayed: InnerAddresses | None = None

    @property
    def proxy_map_reply(self) -> bool:
        """The ETR asked the Map-Server to answer for it (P bit)."""
        return bool(self.flags & PROXY_MAP_REPLY)

    @property
    def security_capable(self) -> bool:
        """The ETR said that it can do LISP-SEC (S bit)."""
        return bool(self.flags & SECURITY_CAPABLE)

    @property
    def merges(self) -> bool:
        """The ETR asked to be merged with the other xTRs of its site (a bit)."""
        return bool(self.flags & MERGE_REQUEST)

    @property
    def is_former(self) -> bool:
        """The mapping moved away from this registrant."""
        return bool(self.flags & FORMER)

    @property
    def is_static(self) -> bool:
        """Configured by the operator, not registered by an ETR."""
        return bool(self.flags & STATIC)

    def pack(self) -> bytes:
        """Octets for the store."""
        name = self.site.encode()
        return b"".join(
            (
                _HEAD.pack(
                    self.key_id,
                    self.algorithm_id,
                    self.mac_length,
                    self.flags,
                    self.source.port,
                    self.lifetime_seconds,
                    self.first_registered,
                ),
                self.site_id,
                packed_host(self.source.host),
                self.local.port.to_bytes(2, "big"),
                packed_host(self.local.host),
                *map(packed_host, self.relayed or ()),
                name,
            )
        )

    @classmethod
    def unpack(cls, octets: bytes) -> Details:
        """The facts in packed octets. Raises ValueError where they are damaged."""
        try:
            head = _HEAD.unpack_from(octets)
            key_id, algorithm_id, mac_length, flags, port, lifetime, first = head
            offset = _HEAD.size
            site_id = octets[offset : offset + 8]
            source, offset = _host(octets, offset + 8)
            (local_port,) = _PORT.unpack_from(octets, offset)
            local, offset = _host(octets, offset + _PORT.size)
            relayed = None
            if flags & RELAYED:
                xtr, offset = _host(octets, offset)
                map_server, offset = _host(octets, offset)
                relayed = InnerAddresses(xtr, map_server)
        except (struct.error, IndexError, ValueError) as error:
            raise ValueError(f"damaged registration details: {error}") from error
        return cls(
            octets[offset:].decode(),
            key_id,
            algorithm_id,
            mac_length,
            flags,
            lifetime,
            first,
            Endpoint(source, port),
            Endpoint(local, local_port),
            site_id,
            relayed,
        )


def flags_in(octets: bytes) -> int:
    """The flags in packed details, without the rest. Raises struct.error where they are damaged."""
    (flags,) = _FLAGS.unpack_from(octets)
    return int(flags)


def site_in(octets: bytes) -> str:
    """The site's name in packed details, without the rest, which is not checked."""
    at = _HEAD.size + 8
    at += 1 + octets[at] + _PORT.size
    at += 1 + octets[at]
    if flags_in(octets) & RELAYED:
        at += 1 + octets[at]
        at += 1 + octets[at]
    return octets[at:].decode()


@lru_cache(maxsize=HOSTS_REMEMBERED)
def packed_host(host: str) -> bytes:
    """The octets of an address in text form, and before them how many they are."""
    packed = ipaddress.ip_address(host).packed
    return bytes((len(packed),)) + packed


def _host(octets: bytes, offset: int) -> tuple[str, int]:
    end = offset + 1 + octets[offset]
    if end > len(octets):
        raise ValueError("an address is cut short")
    return _host_text(octets[offset + 1 : end]), end


@lru_cache(maxsize=HOSTS_REMEMBERED)
def _host_text(packed: bytes) -> str:
    return str(ipaddress.ip_address(packed))


def registrant_of(xtr_id: bytes | None, source_host: str) -> bytes:
    """Who registered: the xTR-ID, or else the source address behind a zero octet."""
    if xtr_id is not None:
        return xtr_id
    return b"\0" + packed_host(source_host)[1:]


def describe_registrant(registrant: bytes) -> str:
    """The xTR-ID in hexadecimal, or the source address, for people."""
    if len(registrant) == 16:
        return registrant.hex()
    return str(ipaddress.ip_address(registrant[1:]))
