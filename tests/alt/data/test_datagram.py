"""What counts as an ALT datagram, hop by hop."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alt.plane_datagram import (
    destination_of,
    one_hop_further,
    read_datagram,
    udp_checksum_good,
)
from alt.plane_question import read_question
from alt.plane_reasons import DATAGRAM_REASONS, PlaneDrop
from mapsys.wire.address import DistinguishedName, Ipv4, Ipv6, ip_address
from mapsys.wire.errors import Truncated, WireError
from mapsys.wire.ip import parse_ip_udp
from mapsys.wire.lcaf import InstanceId
from mapsys.wire.map_request import MapRequest, MapRequestRecord
from tests.alt.data.packets import ITR, alt_packet, map_request, secured
from tests.strategies import map_requests

V4, V6 = "198.18.1.5", "2001:db8:e001::5"


@pytest.mark.parametrize("eid", [V4, V6])
def test_a_map_request_is_read_as_it_was_built(eid: str) -> None:
    packet = alt_packet(eid, nonce=0x1122334455667788, source_port=61000)
    datagram = read_datagram(packet + b"link-layer padding")
    assert datagram.packet == packet
    assert datagram.destination == ip_address(eid).packed == destination_of(packet)
    assert datagram.source_port == 61000
    assert datagram.request == bytes.fromhex("1122334455667788")
    assert datagram.payload == map_request(eid, nonce=0x1122334455667788).octets()
    assert udp_checksum_good(datagram)
    assert not datagram.is_ecm


def test_lisp_secs_ecm_is_one_too_and_copies_of_it_look_alike() -> None:
    datagram = read_datagram(alt_packet(V4, secured(V4)))
    assert datagram.is_ecm
    again = read_datagram(one_hop_further(datagram.packet))
    other = read_datagram(alt_packet(V4, secured(V4, nonce=8)))
    assert datagram.request == again.request != other.request
    assert len(datagram.request) == 8


def _changed(packet: bytes, at: int, octets: bytes, *, repair: bool = True) -> bytes:
    """The packet with octets replaced and, if wanted, its IPv4 header checksum right again."""
    packet = packet[:at] + octets + packet[at + len(octets) :]
    if repair and packet[0] >> 4 == 4:
        head = packet[:10] + b"\0\0" + packet[12:20]
        checksum = -int.from_bytes(head, "big") % 0xFFFF
        packet = packet[:10] + checksum.to_bytes(2, "big") + packet[12:]
    return packet


_IPV4 = alt_packet(V4)
_IPV6 = alt_packet(V6)


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (b"", "truncated"),
        (b"\x45", "truncated"),
        (_IPV4[:-1], "truncated"),
        (_IPV6[:-1], "truncated"),
        (_IPV6[:39], "truncated"),
        (_changed(_IPV4, 0, b"\x44"), "truncated"),
        (_changed(_IPV4, 24, b"\0\x09"), "truncated"),
        (alt_packet(V4, b"\x10" + bytes(10)), "truncated"),
        (b"\x75" + _IPV4[1:], "bad-ip-version"),
        (_changed(_IPV4, 8, b"\x01", repair=False), "bad-checksum"),
        (_changed(_IPV4, 6, b"\x20\0"), "ip-fragment"),
        (_changed(_IPV4, 6, b"\0\x01"), "ip-fragment"),
        (_changed(_IPV6, 6, b"\x2c"), "ip-fragment"),
        (_changed(_IPV4, 9, b"\x06"), "not-udp"),
        (_changed(_IPV6, 6, b"\x3a"), "not-udp"),
        (_changed(_IPV6, 6, b"\x00"), "not-udp"),
        (alt_packet(V4, destination_port=4343), "not-control-port"),
        (alt_packet(V4, source="127.0.0.1"), "bad-source"),
        (alt_packet(V4, source="224.0.0.1"), "bad-source"),
        (alt_packet(V4, source="0.0.0.0"), "bad-source"),
        (alt_packet(V6, source="::1"), "bad-source"),
        (alt_packet(V6, source="ff02::1"), "bad-source"),
        (alt_packet(V4, b"\x20" + bytes(40)), "not-a-map-request"),
        (alt_packet(V4, b"\x30" + bytes(40)), "not-a-map-request"),
        (alt_packet(V4, b"\x80" + secured(V4)[1:]), "ecm-without-security"),
        (alt_packet(V4, map_request(V4, probe=True).octets()), "rloc-probe"),
        (alt_packet(V4, map_request(V4, smr=True).octets()), "solicit-map-request"),
    ],
)
def test_anything_else_has_no_place_on_the_alt(packet: bytes, reason: str) -> None:
    assert reason in DATAGRAM_REASONS
    with pytest.raises(PlaneDrop) as caught:
        read_datagram(packet)
    assert caught.value.reason == reason


def test_df_and_options_do_no_harm() -> None:
    assert read_datagram(_changed(_IPV4, 6, b"\x40\0")).destination == ip_address(V4).packed
    options = b"\x46" + _IPV4[1:20] + b"\x01\x01\x01\x00" + _IPV4[20:]
    length = len(options).to_bytes(2, "big")
    options = options[:2] + length + options[4:10] + b"\0\0" + options[12:]
    checksum = -int.from_bytes(options[:24], "big") % 0xFFFF
    options = options[:10] + checksum.to_bytes(2, "big") + options[12:]
    assert read_datagram(options).payload == map_request(V4).octets()


@given(st.sampled_from((V4, V6)), st.integers(1, 255), st.integers(0, 2**64 - 1))
def test_a_hop_changes_the_hop_limit_and_leaves_checksums_right(
    eid: str, hop_limit: int, nonce: int
) -> None:
    packet = alt_packet(eid, hop_limit=hop_limit, nonce=nonce)
    further, payload = parse_ip_udp(one_hop_further(packet))
    before, _ = parse_ip_udp(packet)
    assert further.hop_limit == hop_limit - 1
    assert (further.source, further.destination, further.source_port) == (
        before.source,
        before.destination,
        before.source_port,
    )
    assert payload == map_request(eid, nonce=nonce).octets()


@given(st.binary(max_size=80))
def test_any_octets_give_a_datagram_or_a_reason(octets: bytes) -> None:
    reason = None
    try:
        read_datagram(octets)
    except PlaneDrop as error:
        reason = error.reason
    assert reason is None or reason in DATAGRAM_REASONS


@given(st.sampled_from((V4, V6)), st.integers(min_value=0), st.integers(1, 255))
def test_the_last_hop_notices_a_damaged_payload(eid: str, place: int, change: int) -> None:
    packet = bytearray(alt_packet(eid))
    start = len(packet) - len(map_request(eid).octets())
    packet[start + 4 + place % (len(packet) - start - 4)] ^= change
    assert not udp_checksum_good(read_datagram(bytes(packet)))


def test_udp_without_a_checksum_passes_over_ipv4_only() -> None:
    assert udp_checksum_good(read_datagram(_IPV4[:26] + b"\0\0" + _IPV4[28:]))
    assert not udp_checksum_good(read_datagram(_IPV6[:46] + b"\0\0" + _IPV6[48:]))


@pytest.mark.parametrize("eid", [V4, V6])
@pytest.mark.parametrize("instance_id", [0, 100])
@pytest.mark.parametrize("itr_rlocs", [(ITR,), (ITR, "2001:db8:f::21", "192.0.2.22")])
def test_a_question_is_found_behind_any_header(
    eid: str, instance_id: int, itr_rlocs: tuple[str, ...]
) -> None:
    request = map_request(eid, instance_id=instance_id, itr_rlocs=itr_rlocs)
    question = read_question(request.octets())
    address = ip_address(eid).packed
    assert question == (instance_id, address, len(address) * 8)
    assert question.covers(address)


@given(map_requests())
def test_a_question_agrees_with_the_full_decoder(request: MapRequest) -> None:
    if not request.records:
        with pytest.raises(Truncated):
            read_question(request.octets())
        return
    asked = request.records[0]
    question = read_question(request.octets())
    assert question.mask_len == asked.mask_len
    instance_id, address = 0, asked.eid
    if isinstance(address, InstanceId):
        instance_id, address = address.instance_id, address.address
    assert question.instance_id == instance_id
    assert question.address == (address.packed if isinstance(address, Ipv4 | Ipv6) else b"")


@given(st.binary(max_size=80))
def test_no_octets_break_the_search_for_a_question(octets: bytes) -> None:
    reason = None
    try:
        read_question(b"\x10\0\0\1" + bytes(8) + octets)
    except WireError as error:
        reason = error.reason
    assert reason in (None, "truncated", "unknown-afi")


def test_a_question_behind_names_and_about_a_prefix() -> None:
    request = MapRequest(
        1,
        DistinguishedName(b"itr-1"),
        (ip_address(ITR),),
        (MapRequestRecord(ip_address("198.18.0.0"), 23),),
    )
    question = read_question(request.octets())
    assert question.covers(ip_address("198.18.1.5").packed)
    assert not question.covers(ip_address("198.18.2.5").packed)
    assert not question.covers(ip_address(V6).packed)


def test_every_cut_of_a_question_is_noticed() -> None:
    octets = map_request(V6, instance_id=100, itr_rlocs=(ITR, "2001:db8:f::21")).octets()
    for length in range(12, len(octets)):
        with pytest.raises(Truncated):
            read_question(octets[:length])
