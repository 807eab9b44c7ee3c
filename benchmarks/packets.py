"""Builds the packets of each case with the project's own codec, as files for the generator."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mapsys.wire.address import Ipv4, NoAddress
from mapsys.wire.auth import Key
from mapsys.wire.ecm import Ecm
from mapsys.wire.ip import build_ip_udp
from mapsys.wire.map_register import MapRegister
from mapsys.wire.map_request import MapRequest, MapRequestRecord
from mapsys.wire.records import EidRecord, RlocRecord

SITE_PREFIX: Final = "10.0.0.0/8"
"""What the one site of the benchmark may register; every EID below comes from it."""

KEY_ID: Final = 1
ALGORITHM_ID: Final = 2
"""HMAC-SHA-256-128."""

_MAC_OCTETS: Final = 16
_AS_THEY_ARE: Final = 0xFFFF
_LOOPBACK: Final = Ipv4(bytes((127, 0, 0, 1)))
_ECM_NONCE_OFFSET: Final = 4 + 20 + 8 + 4
_ECM_CHECKSUM_OFFSET: Final = 4 + 20 + 6
_FIRST_EID: Final = int(ipaddress.IPv4Address("10.0.0.0"))


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet for the generator; offsets of 65535 leave it as it is.

    flow: which of the sockets it leaves from.
    """

    flow: int
    octets: bytes
    nonce_offset: int = _AS_THEY_ARE
    checksum_offset: int = _AS_THEY_ARE


def eid(number: int) -> Ipv4:
    """The EID of this number inside the site's prefix, 0..2**24-1."""
    return Ipv4((_FIRST_EID + number).to_bytes(4, "big"))


def map_requests(ports: Sequence[int], eid_numbers: Iterable[int]) -> Iterator[Packet]:
    """ECM Map-Requests, one for each EID, dealt out to the sockets in turn.

    The answer goes to the ITR-RLOC and the inner source port, so each request names
    the port of its own socket.
    """
    for index, number in enumerate(eid_numbers):
        flow = index % len(ports)
        address = eid(number)
        request = MapRequest(
            nonce=0,
            source_eid=NoAddress(),
            itr_rlocs=(_LOOPBACK,),
            records=(MapRequestRecord(address, 32),),
        )
        inner = build_ip_udp("127.0.0.1", address.text, ports[flow], 4342, request.octets())
        yield Packet(flow, Ecm(inner=inner).octets(), _ECM_NONCE_OFFSET, _ECM_CHECKSUM_OFFSET)


def map_registers(
    ports: Sequence[int],
    key: Key,
    eid_numbers: Iterable[int],
    first_nonce: int,
    mask_len: int = 32,
    *,
    lasting: bool = False,
) -> Iterator[Packet]:
    """Signed Map-Registers of one EID-Prefix with two locators, nonces rising on each socket.

    lasting: what is registered stays for the record's day instead of three minutes.
    """
    locators = tuple(
        RlocRecord(Ipv4(bytes((192, 0, 2, host))), 1, 50, 255, 0, local=True) for host in (1, 2)
    )
    for index, number in enumerate(eid_numbers):
        flow = index % len(ports)
        register = MapRegister(
            nonce=first_nonce + index // len(ports),
            key_id=KEY_ID,
            algorithm_id=ALGORITHM_ID,
            authentication_data=bytes(_MAC_OCTETS),
            records=(EidRecord(1440, eid(number), mask_len, locators),),
            proxy_map_reply=True,
            want_map_notify=True,
            use_ttl_for_timeout=lasting,
        )
        yield Packet(flow, key.sign(register.octets()))


def write(path: Path, ports: Sequence[int], packets: Iterable[Packet]) -> int:
    """Write a file as benchmarks/generator.c reads it; returns how many packets it holds."""
    count = 0
    with path.open("wb") as file:
        for number in (len(ports), *ports):
            file.write(number.to_bytes(2, "big"))
        for packet in packets:
            head = (
                packet.flow,
                len(packet.octets),
                packet.nonce_offset,
                packet.checksum_offset,
            )
            file.write(b"".join(number.to_bytes(2, "big") for number in head))
            file.write(packet.octets)
            count += 1
    return count
