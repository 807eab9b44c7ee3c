"""The outer IP and UDP headers of an encapsulated packet (RFC 9300, 5.1 and 5.2)."""

from __future__ import annotations

import ipaddress
from struct import Struct
from typing import Final

from mapsys.wire.ip import DATA_PORT, ones_complement_sum

_UDP: Final = 17
_DONT_FRAGMENT: Final = 0x4000
_IPV4: Final = Struct("!BBHHHBBH4s4s")
_IPV6: Final = Struct("!IHBB16s16s")
_UDP_HEAD: Final = Struct("!HHHH")

_FIRST_SOURCE_PORT: Final = 0xC000
"""Source ports are taken from the dynamic range."""


def outer_octets(version: int) -> int:
    """H of RFC 9300, 7.1: what encapsulation adds over IPv4 or IPv6, LISP header included."""
    return (20 if version == 4 else 40) + 8 + 8


def outer_packet(
    payload: bytes,
    source: str,
    destination: str,
    *,
    flow_hash: int,
    hop_limit: int,
    traffic_class: int,
) -> bytes:
    """A whole IP packet to port 4341.

    payload: LISP header and inner packet. flow_hash: 32 bits; the source port and the
    IPv6 flow label come from it, so that the underlay keeps a flow on one path and
    spreads many (RFC 9300, 12). The UDP checksum is zero over both versions (5.3),
    and DF is set, so that no ETR has to reassemble (7.1).
    """
    source_ip, destination_ip = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    source_port = _FIRST_SOURCE_PORT | flow_hash & 0x3FFF
    length = _UDP_HEAD.size + len(payload)
    udp = _UDP_HEAD.pack(source_port, DATA_PORT, length, 0)
    if destination_ip.version == 6:
        word = 6 << 28 | traffic_class << 20 | flow_hash & 0xFFFFF
        head = _IPV6.pack(word, length, _UDP, hop_limit, source_ip.packed, destination_ip.packed)
        return head + udp + payload
    fields = (0x45, traffic_class, _IPV4.size + length, 0, _DONT_FRAGMENT, hop_limit, _UDP)
    head = _IPV4.pack(*fields, 0, source_ip.packed, destination_ip.packed)
    checksum = -ones_complement_sum(head) % 0xFFFF
    head = _IPV4.pack(*fields, checksum, source_ip.packed, destination_ip.packed)
    return head + udp + payload
