"""The hosts' own packets: what their IP headers say, and the fields that tunnels change."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from struct import Struct
from typing import Final, Self

from mapsys.eid import EidPrefix, Family
from mapsys.wire.ip import ones_complement_sum

_IPV4: Final = Struct("!BBHHHBBH4s4s")
_IPV6: Final = Struct("!IHBB16s16s")
_WITH_PORTS: Final = frozenset((6, 17, 132))
"""TCP, UDP and SCTP begin with their two ports."""
_FRAGMENT_BITS: Final = 0x3FFF

ECN_MASK: Final = 0x03
ECN_CONGESTION: Final = 0x03
_FAMILIES: Final = {4: Family.IPV4, 6: Family.IPV6}


@dataclass(frozen=True, slots=True)
class InnerPacket:
    """One IPv4 or IPv6 packet of a host.

    octets: the packet, cut to the length its header says. source, destination:
    packed. traffic_class: the octet with DSCP and ECN. flow_hash: 32 bits, equal for
    all packets of one flow; fragments count by their addresses alone.
    """

    octets: bytes
    version: int
    source: bytes
    destination: bytes
    hop_limit: int
    traffic_class: int
    flow_hash: int

    @classmethod
    def read(cls, octets: bytes) -> Self:
        """Raises ValueError for what is no whole IP packet."""
        version = octets[0] >> 4 if octets else 0
        if version == 4 and len(octets) >= _IPV4.size:
            head = _IPV4.unpack_from(octets)
            header_octets, total = (head[0] & 0xF) * 4, head[2]
            if not _IPV4.size <= header_octets <= total <= len(octets):
                raise ValueError("an IPv4 packet whose lengths are wrong")
            ports = b"" if head[4] & _FRAGMENT_BITS else _ports(head[6], octets, header_octets)
            flow = head[8] + head[9] + bytes((head[6],)) + ports
            return cls(octets[:total], 4, head[8], head[9], head[5], head[1], zlib.crc32(flow))
        if version == 6 and len(octets) >= _IPV6.size:
            word, payload, next_header, hop_limit, source, destination = _IPV6.unpack_from(octets)
            total = _IPV6.size + payload
            if total > len(octets):
                raise ValueError("an IPv6 packet whose length is wrong")
            ports = _ports(next_header, octets, _IPV6.size)
            flow = source + destination + bytes((next_header,)) + ports
            traffic_class = word >> 20 & 0xFF
            return cls(
                octets[:total],
                6,
                source,
                destination,
                hop_limit,
                traffic_class,
                zlib.crc32(flow),
            )
        raise ValueError("no IP packet")

    @property
    def is_unicast(self) -> bool:
        """Whether the destination is one host that a router may forward to."""
        if self.version == 4:
            first = self.destination[0]
            return first not in (0, 127) and first < 224
        return self.destination[0] != 0xFF and self.destination[:2] < b"\xfe\x80"

    @property
    def may_be_fragmented(self) -> bool:
        """Whether its sender left that to routers: IPv4 without DF."""
        return self.version == 4 and not self.octets[6] & 0x40

    def destination_eid(self, instance_id: int) -> EidPrefix:
        """Where it goes, in an instance."""
        return host_eid(self.destination, instance_id)

    def source_eid(self, instance_id: int) -> EidPrefix:
        """Where it comes from, in an instance."""
        return host_eid(self.source, instance_id)

    def marked(self, hop_limit: int, traffic_class: int) -> InnerPacket:
        """The same packet with another hop limit and traffic class."""
        octets = bytearray(self.octets)
        if self.version == 4:
            octets[1], octets[8] = traffic_class, hop_limit
            header_octets = (octets[0] & 0xF) * 4
            octets[10:12] = b"\0\0"
            checksum = -ones_complement_sum(bytes(octets[:header_octets])) % 0xFFFF
            octets[10:12] = checksum.to_bytes(2, "big")
        else:
            octets[0] = 0x60 | traffic_class >> 4
            octets[1] = octets[1] & 0x0F | (traffic_class & 0x0F) << 4
            octets[7] = hop_limit
        return InnerPacket(
            bytes(octets),
            self.version,
            self.source,
            self.destination,
            hop_limit,
            traffic_class,
            self.flow_hash,
        )

    def decapsulated(self, outer_hop_limit: int, outer_traffic_class: int) -> InnerPacket | None:
        """As it leaves the tunnel; None where congestion was marked on what cannot be told.

        The hop limit is the lower one, DSCP the outer one (RFC 9300, 5.3); ECN goes
        by the table of RFC 6040, 4.2.
        """
        ecn = self.traffic_class & ECN_MASK
        if outer_traffic_class & ECN_MASK == ECN_CONGESTION:
            if not ecn:
                return None
            ecn = ECN_CONGESTION
        elif outer_traffic_class & ECN_MASK == 1 and ecn == 2:
            ecn = 1  # ECT(1) from the outer header outlives ECT(0)
        traffic_class = outer_traffic_class & ~ECN_MASK | ecn
        hop_limit = min(self.hop_limit, outer_hop_limit)
        if (hop_limit, traffic_class) == (self.hop_limit, self.traffic_class):
            return self
        return self.marked(hop_limit, traffic_class)


def host_eid(packed: bytes, instance_id: int) -> EidPrefix:
    """One address as an EID."""
    family = _FAMILIES[4 if len(packed) == 4 else 6]
    return EidPrefix.canonical(instance_id, family, int.from_bytes(packed, "big"), 8 * len(packed))


def _ports(protocol: int, octets: bytes, at: int) -> bytes:
    return octets[at : at + 4] if protocol in _WITH_PORTS else b""
