"""Reads an inner packet as an ALT datagram: an IP header, UDP and a Map-Request, no more."""

from __future__ import annotations

from hashlib import blake2b
from struct import Struct
from typing import Final, NamedTuple

from alt.gre import internet_checksum
from alt.plane_reasons import PlaneDrop

CONTROL_PORT: Final = 4342
_UDP: Final = 17
_FRAGMENT: Final = 0x3FFF
"""More-fragments and the fragment offset; DF may be set."""

_IPV4: Final = Struct("!BxHxxHBBH4s4s")
_IPV6: Final = Struct("!IHBB16s16s")
_UDP_HEADER: Final = Struct("!HHHH")

_MAP_REQUEST: Final = 1
_ECM: Final = 8
_PROBE: Final = 0x02
_SOLICIT: Final = 0x01
_SECURITY: Final = 0x08
"""Bits of the first octet: P and S of a Map-Request (RFC 9301, 5.2), S of an ECM (5.8)."""

_NO_SOURCE_V4: Final = frozenset({0, 127, *range(224, 256)})
"""First octets of what can be no RLOC: this network, loopback, multicast, reserved."""


class AltDatagram(NamedTuple):
    """A Map-Request in transit.

    packet: the IP datagram, octets behind its length cut off.
    source, destination: packed, 4 or 16 octets: an RLOC and an EID.
    udp: where the UDP header begins.
    request: names the request for duplicate detection: its nonce, or for an ECM
    a digest of the payload, 8 octets either way.
    """

    packet: bytes
    source: bytes
    destination: bytes
    hop_limit: int
    source_port: int
    udp: int
    request: bytes

    @property
    def payload(self) -> bytes:
        """The UDP payload."""
        return self.packet[self.udp + 8 :]

    @property
    def is_ecm(self) -> bool:
        """Whether the Map-Request is inside LISP-SEC's ECM."""
        return self.packet[self.udp + 8] >> 4 == _ECM


def destination_of(packet: bytes) -> bytes:
    """The packed destination of an IP packet; empty where it is cut short."""
    if packet and packet[0] >> 4 == 4:
        return packet[16:20] if len(packet) >= 20 else b""
    return packet[24:40] if len(packet) >= 40 else b""


def read_datagram(packet: bytes) -> AltDatagram:
    """Raises PlaneDrop.

    The IPv4 header checksum is verified, as by any router; the UDP checksum is
    the last hop's to verify.

    Source: RFC 6836, 3 and 5.1; RFC 9303, 6.6 for the ECM with the S bit.
    """
    version = packet[0] >> 4 if packet else 0
    if version == 4:
        return _read_ipv4(packet)
    if version == 6:
        return _read_ipv6(packet)
    raise PlaneDrop("bad-ip-version" if packet else "truncated")


def _read_ipv4(packet: bytes) -> AltDatagram:
    if len(packet) < 20:
        raise PlaneDrop("truncated")
    first, length, fragment, hop_limit, protocol, _, source, destination = _IPV4.unpack_from(packet)
    header = (first & 0x0F) * 4
    if header < 20 or length < header or len(packet) < length:
        raise PlaneDrop("truncated")
    if internet_checksum(packet[:header]):
        raise PlaneDrop("bad-checksum")
    if fragment & _FRAGMENT:
        raise PlaneDrop("ip-fragment")
    if protocol != _UDP:
        raise PlaneDrop("not-udp")
    if source[0] in _NO_SOURCE_V4:
        raise PlaneDrop("bad-source")
    return _read_udp(packet[:length], header, source, destination, hop_limit)


def _read_ipv6(packet: bytes) -> AltDatagram:
    if len(packet) < 40:
        raise PlaneDrop("truncated")
    _, length, protocol, hop_limit, source, destination = _IPV6.unpack_from(packet)
    length += 40
    if len(packet) < length:
        raise PlaneDrop("truncated")
    if protocol != _UDP:
        raise PlaneDrop("ip-fragment" if protocol == 44 else "not-udp")
    if source[0] == 0xFF or not any(source[:15]):
        raise PlaneDrop("bad-source")
    return _read_udp(packet[:length], 40, source, destination, hop_limit)


def _read_udp(
    packet: bytes, udp: int, source: bytes, destination: bytes, hop_limit: int
) -> AltDatagram:
    payload = udp + 8
    # A Map-Request is at least as long as up to its nonce.
    if len(packet) < payload + 12:
        raise PlaneDrop("truncated")
    source_port, destination_port, length, _ = _UDP_HEADER.unpack_from(packet, udp)
    if destination_port != CONTROL_PORT:
        raise PlaneDrop("not-control-port")
    if length != len(packet) - udp:
        raise PlaneDrop("truncated")
    first = packet[payload]
    kind = first >> 4
    if kind == _MAP_REQUEST:
        if first & _PROBE:
            raise PlaneDrop("rloc-probe")
        if first & _SOLICIT:
            raise PlaneDrop("solicit-map-request")
        request = packet[payload + 4 : payload + 12]
    elif kind == _ECM:
        if not first & _SECURITY:
            raise PlaneDrop("ecm-without-security")
        request = blake2b(packet[payload:], digest_size=8).digest()
    else:
        raise PlaneDrop("not-a-map-request")
    return AltDatagram(packet, source, destination, hop_limit, source_port, udp, request)


def one_hop_further(packet: bytes) -> bytes:
    """The packet with its TTL or Hop Limit one less; it must be at least 1.

    Source: RFC 1624, 3 for the IPv4 checksum: one less in the TTL octet is
    0x0100 more in the checksum.
    """
    if packet[0] >> 4 == 6:
        return packet[:7] + bytes((packet[7] - 1,)) + packet[8:]
    checksum = (int.from_bytes(packet[10:12], "big") + 0x0100) % 0xFFFF
    return (
        packet[:8] + bytes((packet[8] - 1, packet[9])) + checksum.to_bytes(2, "big") + packet[12:]
    )


def udp_checksum_good(datagram: AltDatagram) -> bool:
    """Whether the UDP checksum matches; IPv4 may go without one (RFC 768), IPv6 not."""
    packet, udp = datagram.packet, datagram.udp
    if packet[udp + 6 : udp + 8] == b"\0\0":
        return len(datagram.source) == 4
    length = len(packet) - udp
    pseudo = datagram.source + datagram.destination + length.to_bytes(4, "big") + b"\0\0\0\x11"
    return internet_checksum(pseudo + packet[udp:]) == 0
