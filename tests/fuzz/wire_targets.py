"""Octets from the network: whole messages, addresses, and packets inside packets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mapsys.wire.address import read_address
from mapsys.wire.cursor import Reader, Writer
from mapsys.wire.ecm import Ecm
from mapsys.wire.errors import WireError
from mapsys.wire.ip import build_ip_udp, parse_ip_udp
from mapsys.wire.message import decode
from tests.fuzz.target import Target
from tests.wire.pcap import udp_payloads
from tests.wire.vectors import CAPTURE_FOLDER, load_vectors

_DATAGRAM_OCTETS: Final = 2_048
"""Enough for every structure there is; longer inputs only repeat them."""

_LCAF: Final = b"\x40\x03"


def messages() -> Iterator[bytes]:
    """Every vector, good and malformed, and every message of the captures."""
    for vector in load_vectors():
        yield vector.octets
    for path in sorted(CAPTURE_FOLDER.glob("*.pcap")):
        yield from udp_payloads(path)


def _message(octets: bytes) -> None:
    try:
        message = decode(octets)
    except WireError:
        return
    assert decode(message.octets()) == message, "a message written is another one when read"


def _lcafs() -> Iterator[bytes]:
    for octets in messages():
        at = octets.find(_LCAF)
        if at >= 0:
            yield octets[at:]


def _address(octets: bytes) -> None:
    reader = Reader(octets)
    try:
        address = read_address(reader)
    except WireError:
        return
    writer = Writer()
    address.write(writer)
    assert read_address(Reader(writer.octets())) == address, "an address written is another one"


def _inner_packets() -> Iterator[bytes]:
    for octets in messages():
        if octets[:1] and octets[0] >> 4 == Ecm.TYPE:
            yield octets[4:]


def _inner_packet(octets: bytes) -> None:
    try:
        header, payload = parse_ip_udp(octets)
    except WireError:
        pass
    else:
        again = build_ip_udp(
            header.source,
            header.destination,
            header.source_port,
            header.destination_port,
            payload,
            hop_limit=header.hop_limit,
        )
        assert parse_ip_udp(again) == (header, payload), "an inner packet rebuilt is another one"
    _message(bytes((Ecm.TYPE << 4, 0, 0, 0)) + octets)


TARGETS: Final = (
    Target("message", _message, messages, _DATAGRAM_OCTETS),
    Target("lcaf", _address, _lcafs, 512),
    Target("ecm", _inner_packet, _inner_packets, _DATAGRAM_OCTETS),
)
