"""Classic pcap files: the UDP payloads in one, and one made of IP packets."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

_MAGIC = 0xA1B2C3D4
_LINK_ETHERNET = 1
_LINK_RAW_IP = 101
_ETHERNET_HEAD = 14
_UDP_HEAD = 8


def udp_payloads(path: Path) -> Iterator[bytes]:
    """What each frame of an Ethernet capture carries over UDP and IPv4 or IPv6."""
    data = path.read_bytes()
    order = "<" if struct.unpack_from("<I", data)[0] == _MAGIC else ">"
    magic, link = struct.unpack_from(f"{order}I16xI", data)
    assert (magic, link) == (_MAGIC, _LINK_ETHERNET), f"{path} is no classic Ethernet pcap"
    at = 24
    while at < len(data):
        (captured,) = struct.unpack_from(f"{order}8xI", data, at)
        packet = data[at + 16 + _ETHERNET_HEAD : at + 16 + captured]
        at += 16 + captured
        ip_head = (packet[0] & 0xF) * 4 if packet[0] >> 4 == 4 else 40
        (udp_octets,) = struct.unpack_from("!4xH", packet, ip_head)
        yield packet[ip_head + _UDP_HEAD : ip_head + udp_octets]


def write_pcap(path: Path, packets: Iterable[bytes]) -> None:
    """A capture of whole IP packets, one after the other."""
    octets = bytearray(struct.pack("<IHHiIII", _MAGIC, 2, 4, 0, 0, 0xFFFF, _LINK_RAW_IP))
    for second, packet in enumerate(packets):
        octets += struct.pack("<IIII", second, 0, len(packet), len(packet)) + packet
    path.write_bytes(octets)
