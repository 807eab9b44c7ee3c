"""The IP and UDP headers of a control message that travels inside another packet."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from socket import AF_INET, AF_INET6, inet_ntop
from struct import Struct
from typing import Final

from mapsys.wire.errors import (
    BadChecksum,
    BadIpHeader,
    DataPort,
    IpFragment,
    IpOptions,
    NotUdp,
    Truncated,
)

DATA_PORT: Final = 4341
"""The data plane's port, which control messages keep off (RFC 9301, 5.8)."""

DEFAULT_HOP_LIMIT: Final = 32

_UDP: Final = 17
_IPV6_FRAGMENT: Final = 44
_IPV4_FRAGMENT_BITS: Final = 0x3FFF
"""More Fragments, and the fragment offset."""

_IPV4_HEAD: Final = Struct("!BBHHHBBH4s4s")
_IPV6_HEAD: Final = Struct("!IHBB16s16s")
_UDP_HEAD: Final = Struct("!HHHH")
_PSEUDO_TAIL: Final = Struct("!HH")


@dataclass(frozen=True, slots=True)
class InnerHeader:
    """What the headers of an inner packet say.

    source, destination: IP addresses as text, both of one version; the
    destination of a Map-Request is the EID asked for. hop_limit: the IPv4 TTL or
    the IPv6 Hop Limit.
    """

    source: str
    destination: str
    source_port: int
    destination_port: int
    hop_limit: int


def parse_ip_udp(packet: bytes) -> tuple[InnerHeader, bytes]:
    """The headers of an IPv4 or IPv6 packet that holds one UDP datagram, and its payload.

    The packet must end where its headers say. Lengths and checksums are verified.
    A UDP checksum of zero passes, over IPv6 too, although RFC 9301, 5.8 forbids to
    send it: deployed ITRs leave it out. IPv4 options are refused: no sender of
    control messages has a use for them.

    Raises Truncated, BadIpHeader, IpOptions, IpFragment, NotUdp, BadChecksum,
    DataPort. Source: RFC 9301, 5.8.
    """
    if not packet:
        raise Truncated("no inner packet")
    version = packet[0] >> 4
    if version == 4:
        return _parse_ipv4(packet)
    if version == 6:
        return _parse_ipv6(packet)
    raise BadIpHeader(f"IP version {version}")


def _parse_ipv4(packet: bytes) -> tuple[InnerHeader, bytes]:
    if len(packet) < _IPV4_HEAD.size:
        raise Truncated("an IPv4 header is cut short")
    head = _IPV4_HEAD.unpack_from(packet)
    version_and_length, _tos, total_length, _identification, fragment, ttl, protocol = head[:7]
    source, destination = head[8], head[9]
    header_octets = (version_and_length & 0xF) * 4
    if header_octets < _IPV4_HEAD.size:
        raise BadIpHeader(f"an IPv4 header of {header_octets} octets")
    if header_octets > _IPV4_HEAD.size:
        raise IpOptions(f"{header_octets - _IPV4_HEAD.size} octets of IPv4 options")
    _require_length(packet, total_length)
    if ones_complement_sum(packet[: _IPV4_HEAD.size]):
        raise BadChecksum("IPv4 header")
    if fragment & _IPV4_FRAGMENT_BITS:
        raise IpFragment("an IPv4 fragment")
    if protocol != _UDP:
        raise NotUdp(f"IP protocol {protocol}")
    segment = packet[_IPV4_HEAD.size :]
    source_port, destination_port, checksum = _udp_fields(segment)
    if checksum and _udp_sum(source, destination, segment):
        raise BadChecksum("UDP over IPv4")
    header = InnerHeader(
        inet_ntop(AF_INET, source),
        inet_ntop(AF_INET, destination),
        source_port,
        destination_port,
        ttl,
    )
    return header, segment[_UDP_HEAD.size :]


def _parse_ipv6(packet: bytes) -> tuple[InnerHeader, bytes]:
    if len(packet) < _IPV6_HEAD.size:
        raise Truncated("an IPv6 header is cut short")
    _word, payload_length, next_header, hop_limit, source, destination = _IPV6_HEAD.unpack_from(
        packet
    )
    _require_length(packet, _IPV6_HEAD.size + payload_length)
    if next_header == _IPV6_FRAGMENT:
        raise IpFragment("an IPv6 fragment")
    if next_header != _UDP:
        raise NotUdp(f"IPv6 next header {next_header}")
    segment = packet[_IPV6_HEAD.size :]
    source_port, destination_port, checksum = _udp_fields(segment)
    if checksum and _udp_sum(source, destination, segment):
        raise BadChecksum("UDP over IPv6")
    header = InnerHeader(
        inet_ntop(AF_INET6, source),
        inet_ntop(AF_INET6, destination),
        source_port,
        destination_port,
        hop_limit,
    )
    return header, segment[_UDP_HEAD.size :]


def _require_length(packet: bytes, announced: int) -> None:
    if announced > len(packet):
        raise Truncated(f"a packet of {announced} octets, {len(packet)} present")
    if announced < len(packet):
        raise BadIpHeader(f"a packet of {announced} octets in {len(packet)}")


def _udp_fields(segment: bytes) -> tuple[int, int, int]:
    """Source port, destination port and checksum."""
    if len(segment) < _UDP_HEAD.size:
        raise Truncated("a UDP header is cut short")
    source_port, destination_port, length, checksum = _UDP_HEAD.unpack_from(segment)
    if length != len(segment):
        raise BadIpHeader(f"a UDP length of {length} in {len(segment)} octets")
    if DATA_PORT in (source_port, destination_port):
        raise DataPort(f"UDP ports {source_port} and {destination_port}")
    return source_port, destination_port, checksum


def ones_complement_sum(octets: bytes) -> int:
    """The ones' complement sum of 16-bit words, 0 where a checksum inside it is right.

    Since 2**16 is 1 modulo 0xffff, it is the remainder of the octets as one number.
    """
    if len(octets) % 2:
        octets += b"\0"
    return int.from_bytes(octets, "big") % 0xFFFF


def _udp_sum(source: bytes, destination: bytes, segment: bytes) -> int:
    """The sum over a segment and its pseudo-header, equal for both versions of IP."""
    return ones_complement_sum(
        source + destination + _PSEUDO_TAIL.pack(_UDP, len(segment)) + segment
    )


def build_ip_udp(
    source: str,
    destination: str,
    source_port: int,
    destination_port: int,
    payload: bytes,
    *,
    hop_limit: int = DEFAULT_HOP_LIMIT,
) -> bytes:
    """An IPv4 or IPv6 packet around one UDP payload, with its checksums.

    Raises ValueError where an address is none, the two are of different versions,
    a port is 4341, or a field is out of range.
    """
    source_ip, destination_ip = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    if source_ip.version != destination_ip.version:
        raise ValueError(f"{source} and {destination} are of different IP versions")
    for port in (source_port, destination_port):
        if port == DATA_PORT or port >> 16:
            raise ValueError(f"{port} is no UDP port of a control message")
    if hop_limit >> 8:
        raise ValueError(f"hop limit {hop_limit} is outside 0..255")
    length = _UDP_HEAD.size + len(payload)
    if length > 0xFFFF - _IPV4_HEAD.size:
        raise ValueError(f"a payload of {len(payload)} octets does not fit a packet")
    segment = _UDP_HEAD.pack(source_port, destination_port, length, 0) + payload
    # A sum that comes out as 0 is sent as 0xffff, which means the same (RFC 768).
    checksum = -_udp_sum(source_ip.packed, destination_ip.packed, segment) % 0xFFFF or 0xFFFF
    segment = _UDP_HEAD.pack(source_port, destination_port, length, checksum) + payload
    if source_ip.version == 6:
        head = _IPV6_HEAD.pack(
            6 << 28, length, _UDP, hop_limit, source_ip.packed, destination_ip.packed
        )
        return head + segment
    fields = (0x45, 0, _IPV4_HEAD.size + length, 0, 0, hop_limit, _UDP)
    head = _IPV4_HEAD.pack(*fields, 0, source_ip.packed, destination_ip.packed)
    head = _IPV4_HEAD.pack(
        *fields, -ones_complement_sum(head) % 0xFFFF, source_ip.packed, destination_ip.packed
    )
    return head + segment
