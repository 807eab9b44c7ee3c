"""Inner IP and UDP headers; the vectors hold what is malformed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapsys.wire.errors import BadChecksum
from mapsys.wire.ip import InnerHeader, build_ip_udp, parse_ip_udp
from tests import strategies as drawn


def words_sum(octets: bytes) -> int:
    """The ones' complement sum, word by word (RFC 1071)."""
    octets += bytes(len(octets) % 2)
    total = 0
    for at in range(0, len(octets), 2):
        total += octets[at] << 8 | octets[at + 1]
        total = (total & 0xFFFF) + (total >> 16)
    return total


@given(
    drawn.ip_pairs, drawn.control_ports, drawn.control_ports, st.binary(max_size=64), drawn.uints(8)
)
def test_packet_is_read_back_as_it_was_built(
    pair: tuple[str, str], source_port: int, destination_port: int, payload: bytes, hop_limit: int
) -> None:
    packet = build_ip_udp(*pair, source_port, destination_port, payload, hop_limit=hop_limit)
    header = InnerHeader(*pair, source_port, destination_port, hop_limit)
    assert parse_ip_udp(packet) == (header, payload)


@given(drawn.ip_pairs, st.binary(max_size=64))
def test_checksums_are_those_of_the_standard(pair: tuple[str, str], payload: bytes) -> None:
    packet = build_ip_udp(*pair, 4342, 4342, payload)
    head = 20 if packet[0] >> 4 == 4 else 40
    if head == 20:
        assert words_sum(packet[:20]) == 0xFFFF
    segment = packet[head:]
    pseudo = packet[head - (8 if head == 20 else 32) : head] + bytes((0, 17))
    assert words_sum(pseudo + len(segment).to_bytes(2, "big") + segment) == 0xFFFF
    assert segment[6:8] != b"\0\0", "zero would say that there is no checksum"


def test_checksum_that_comes_out_as_zero_is_sent_as_its_complement() -> None:
    plain = build_ip_udp("192.0.2.1", "192.0.2.2", 1, 2, bytes(2))
    checksum = plain[26:28]
    packet = build_ip_udp("192.0.2.1", "192.0.2.2", 1, 2, checksum)
    assert packet[26:28] == b"\xff\xff"
    assert parse_ip_udp(packet)[1] == checksum


@given(drawn.ip_pairs, st.binary(min_size=1, max_size=40), st.data())
def test_flipped_bit_of_a_payload_is_noticed(
    pair: tuple[str, str], payload: bytes, data: st.DataObject
) -> None:
    packet = bytearray(build_ip_udp(*pair, 4342, 4342, payload))
    bit = data.draw(st.integers(1, 8 * len(payload)))
    packet[-1 - (bit - 1) // 8] ^= 1 << (bit - 1) % 8
    with pytest.raises(BadChecksum):
        parse_ip_udp(bytes(packet))


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("192.0.2.1", "2001:db8::1", 1, 2, b""), "different IP versions"),
        (("192.0.2.1", "nowhere", 1, 2, b""), "nowhere"),
        (("192.0.2.1", "192.0.2.2", 4341, 4342, b""), "4341"),
        (("192.0.2.1", "192.0.2.2", 4342, 65536, b""), "65536"),
        (("192.0.2.1", "192.0.2.2", -1, 4342, b""), "-1"),
        (("192.0.2.1", "192.0.2.2", 1, 2, bytes(65508)), "does not fit"),
    ],
)
def test_packet_that_cannot_be_is_not_built(
    arguments: tuple[str, str, int, int, bytes], fault: str
) -> None:
    with pytest.raises(ValueError, match=fault):
        build_ip_udp(*arguments)


def test_hop_limit_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="hop limit 256"):
        build_ip_udp("192.0.2.1", "192.0.2.2", 1, 2, b"", hop_limit=256)
