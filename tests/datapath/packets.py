"""Map-Requests and Map-Registers in octets, put together without mapsys.wire."""

from __future__ import annotations

import ipaddress
import struct

NONCE = bytes.fromhex("0102030405060708")


def ones_complement_sum(octets: bytes) -> int:
    """RFC 1071, without the final complement."""
    padded = octets + bytes(len(octets) % 2)
    total: int = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def map_request(nonce: bytes = NONCE, eid: str = "198.18.1.1") -> bytes:
    """A Map-Request for one IPv4 host, with one IPv4 ITR-RLOC and no source EID."""
    return (
        bytes((0x10, 0, 0, 1))
        + nonce
        + bytes(2)
        + b"\x00\x01"
        + ipaddress.IPv4Address("192.0.2.9").packed
        + b"\x00\x20\x00\x01"
        + ipaddress.IPv4Address(eid).packed
    )


def encapsulated(
    payload: bytes,
    source: str = "192.0.2.9",
    destination: str = "198.18.1.1",
    *,
    identification: int = 7,
    source_port: int = 4342,
    udp_checksum: bool = True,
) -> bytes:
    """An Encapsulated Control Message with right inner checksums."""
    source_octets = ipaddress.ip_address(source).packed
    destination_octets = ipaddress.ip_address(destination).packed
    length = 8 + len(payload)
    udp = struct.pack(">HHHH", source_port, 4342, length, 0)
    if udp_checksum:
        pseudo = source_octets + destination_octets + struct.pack(">IHBB", length, 0, 0, 17)
        checksum = 0xFFFF - ones_complement_sum(pseudo + udp + payload)
        udp = udp[:6] + struct.pack(">H", checksum or 0xFFFF)
    if len(source_octets) == 16:
        ip = struct.pack(">IHBB", 0x60000000, length, 17, 32) + source_octets + destination_octets
    else:
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + length, identification, 0, 32, 17, 0)
        ip += source_octets + destination_octets
        checksum = 0xFFFF - ones_complement_sum(ip)
        ip = ip[:10] + struct.pack(">H", checksum) + ip[12:]
    return bytes((0x80, 0, 0, 0)) + ip + udp + payload


def map_register(nonce: bytes = NONCE, mac: bytes = b"m" * 16, records: bytes = b"r" * 24) -> bytes:
    """A Map-Register's outline: what the datapath looks at is in its place, the rest is filler."""
    return (
        bytes((0x30, 0, 1, 1)) + nonce + bytes((1, 2)) + struct.pack(">H", len(mac)) + mac + records
    )
