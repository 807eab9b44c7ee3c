"""Packets that do not fit the path: split, or sent back with the size that does (RFC 9300, 7.1)."""

from __future__ import annotations

import ipaddress
from struct import Struct
from typing import Final

from mapsys.wire.ip import ones_complement_sum
from mapsys.xtr.inner_packet import InnerPacket

_IPV4_OCTETS: Final = 20
_IPV4: Final = Struct("!BBHHHBBH4s4s")
_IPV6: Final = Struct("!IHBB16s16s")
_ICMP: Final = Struct("!BBHHH")
_ICMPV6: Final = Struct("!BBHI")
_ICMPV6_PSEUDO: Final = Struct("!I3xB")

_MORE_FRAGMENTS: Final = 0x2000
_QUOTED_IPV4: Final = 548
"""An ICMP error quotes what fits into 576 octets (RFC 1812, 4.3.2.3)."""
_QUOTED_IPV6: Final = 1_280 - 40 - 8
"""And one of ICMPv6 what fits into 1,280 (RFC 4443, 2.4)."""
_HOP_LIMIT: Final = 64


def fragments(packet: InnerPacket, limit: int) -> list[bytes]:
    """An IPv4 packet without DF in the fewest fragments of about equal size.

    limit: octets of the largest, 28 at least. Raises ValueError for a packet with
    options: which of them go into later fragments is nothing an ITR should decide.
    """
    octets = packet.octets
    if (octets[0] & 0xF) * 4 != _IPV4_OCTETS:
        raise ValueError("an IPv4 packet with options is not split")
    payload = octets[_IPV4_OCTETS:]
    most = (limit - _IPV4_OCTETS) // 8 * 8
    count = -(-len(payload) // most)
    each = min(most, -(-len(payload) // count) + 7 & ~7)
    head = _IPV4.unpack_from(octets)
    flags, offset = head[4] & 0xE000, head[4] & 0x1FFF
    found = []
    for start in range(0, len(payload), each):
        part = payload[start : start + each]
        more = start + each < len(payload) or bool(flags & _MORE_FRAGMENTS)
        word = flags & ~_MORE_FRAGMENTS | more * _MORE_FRAGMENTS | offset + start // 8
        fields = (*head[:2], _IPV4_OCTETS + len(part), head[3], word, *head[5:7])
        found.append(_with_checksum(fields, head[8], head[9]) + part)
    return found


def too_big_message(packet: InnerPacket, mtu: int, own: str) -> bytes:
    """The IP packet that tells a sender the largest size: ICMP "fragmentation needed" or ICMPv6.

    own: an address of this router, of the packet's version.
    """
    own_packed = ipaddress.ip_address(own).packed
    if packet.version == 4:
        body = _ICMP.pack(3, 4, 0, 0, mtu) + packet.octets[:_QUOTED_IPV4]
        checksum = -ones_complement_sum(body) % 0xFFFF
        body = _ICMP.pack(3, 4, checksum, 0, mtu) + packet.octets[:_QUOTED_IPV4]
        fields = (0x45, 0, _IPV4_OCTETS + len(body), 0, 0, _HOP_LIMIT, 1)
        return _with_checksum(fields, own_packed, packet.source) + body
    body = _ICMPV6.pack(2, 0, 0, mtu) + packet.octets[:_QUOTED_IPV6]
    pseudo = own_packed + packet.source + _ICMPV6_PSEUDO.pack(len(body), 58)
    checksum = -ones_complement_sum(pseudo + body) % 0xFFFF
    body = _ICMPV6.pack(2, 0, checksum, mtu) + packet.octets[:_QUOTED_IPV6]
    return _IPV6.pack(6 << 28, len(body), 58, _HOP_LIMIT, own_packed, packet.source) + body


def _with_checksum(fields: tuple[int, ...], source: bytes, destination: bytes) -> bytes:
    head = _IPV4.pack(*fields, 0, source, destination)
    return _IPV4.pack(*fields, -ones_complement_sum(head) % 0xFFFF, source, destination)
