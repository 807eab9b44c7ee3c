"""Headers and packets: what is written is read, and an independent dissector agrees."""

from __future__ import annotations

import ipaddress
import subprocess
from pathlib import Path
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapsys.lab.programs import program
from mapsys.wire.ip import ones_complement_sum
from mapsys.xtr.inner_packet import InnerPacket
from mapsys.xtr.lisp_header import HeaderError, LispHeader
from mapsys.xtr.outer_packet import outer_packet
from mapsys.xtr.too_big import fragments, too_big_message
from tests.xtr.routers import udp

HEADERS = st.builds(
    LispHeader,
    nonce=st.none() | st.integers(0, 0xFFFFFF),
    status_bits=st.none() | st.integers(0, 0xFF),
    instance_id=st.none() | st.integers(0, 0xFFFFFF),
)


@given(HEADERS)
def test_lisp_header_reads_back(header: LispHeader) -> None:
    assert LispHeader.read(header.octets()) == header


def test_status_bits_are_32_without_an_instance_id() -> None:
    header = LispHeader(status_bits=0x80000001)
    assert LispHeader.read(header.octets()).status_bits == 0x80000001


def test_map_versions_stand_where_a_nonce_would() -> None:
    header = LispHeader(map_versions=(0xABC, 0x123), instance_id=7)
    assert header.octets() == bytes.fromhex("18abc12300000700")
    assert LispHeader.read(header.octets()) == header
    with pytest.raises(ValueError, match="not both"):
        LispHeader(nonce=1, map_versions=(1, 2)).octets()


def test_nonce_wins_where_both_bits_are_set() -> None:
    read = LispHeader.read(bytes.fromhex("900000050000 0000"))
    assert (read.nonce, read.map_versions) == (5, None)


def test_echo_request_without_a_nonce_means_nothing() -> None:
    assert not LispHeader.read(bytes.fromhex("2000000000000000")).echo_nonce


@pytest.mark.parametrize(
    ("octets", "reason"), [("80000000000000", "truncated"), ("0100000000000000", "encrypted")]
)
def test_header_that_cannot_be_used_is_refused(octets: str, reason: str) -> None:
    with pytest.raises(HeaderError) as caught:
        LispHeader.read(bytes.fromhex(octets))
    assert caught.value.reason == reason


@given(st.binary(max_size=60))
def test_octets_that_are_no_packet_raise_value_error(octets: bytes) -> None:
    try:
        packet = InnerPacket.read(octets)
    except ValueError:
        return
    assert packet.octets == octets[: len(packet.octets)]


@pytest.mark.parametrize(
    ("inner", "outer", "expected"),
    [
        (0b00, 0b00, 0b00),
        (0b00, 0b11, None),
        (0b10, 0b11, 0b11),
        (0b10, 0b01, 0b01),
        (0b01, 0b10, 0b01),
        (0b11, 0b00, 0b11),
    ],
)
def test_congestion_marks_leave_the_tunnel_by_rfc_6040(
    inner: int, outer: int, expected: int | None
) -> None:
    packet = InnerPacket.read(udp("198.18.1.9", "198.18.2.9", traffic_class=inner))
    left = packet.decapsulated(60, outer)
    assert (None if left is None else left.traffic_class) == expected


@pytest.mark.parametrize("source", ["198.18.1.9", "2001:db8:e001::9"])
def test_hop_limit_never_rises_and_dscp_is_the_outer_one(source: str) -> None:
    destination = "2001:db8:e002::9" if ":" in source else "198.18.2.9"
    packet = InnerPacket.read(udp(source, destination, hop_limit=50, traffic_class=0x48))
    lower, higher = packet.decapsulated(40, 0x28), packet.decapsulated(60, 0x28)
    assert lower is not None
    assert higher is not None
    assert (lower.hop_limit, higher.hop_limit, lower.traffic_class) == (40, 50, 0x28)
    assert InnerPacket.read(lower.octets) == lower


def test_packets_of_one_flow_have_one_hash_and_other_flows_others() -> None:
    hashes = {
        InnerPacket.read(udp("198.18.1.9", "198.18.2.9", port=p)).flow_hash for p in range(99)
    }
    assert len(hashes) == 99
    again = InnerPacket.read(udp("198.18.1.9", "198.18.2.9", port=5, octets=99)).flow_hash
    assert again in hashes


@given(st.integers(100, 4000), st.integers(100, 1464))
def test_fragments_together_are_the_packet(octets: int, limit: int) -> None:
    packet = InnerPacket.read(udp("198.18.1.9", "198.18.2.9", octets=octets))
    if len(packet.octets) <= limit:
        return
    parts = fragments(packet, limit)
    body = b""
    for number, part in enumerate(parts):
        assert len(part) <= limit
        assert ones_complement_sum(part[:20]) == 0
        word = int.from_bytes(part[6:8], "big")
        assert (word & 0x1FFF) * 8 == len(body)
        assert bool(word & 0x2000) is (number < len(parts) - 1)
        body += part[20:]
    assert body == packet.octets[20:]


def test_packet_with_options_is_not_split() -> None:
    plain = udp("198.18.1.9", "198.18.2.9", octets=2000)
    with_options = (
        b"\x46\0" + pack("!H", len(plain) + 4) + plain[4:20] + b"\x01\x01\x01\0" + plain[20:]
    )
    with pytest.raises(ValueError, match="options"):
        fragments(InnerPacket.read(with_options), 1464)


def encapsulations() -> list[bytes]:
    """One packet of each pair of IP versions, and one to split, with an instance-ID."""
    found = []
    for inner in (udp("198.18.1.9", "198.18.2.9"), udp("2001:db8:e001::9", "2001:db8:e002::9")):
        for source, destination in (
            ("192.0.2.11", "192.0.2.12"),
            ("2001:db8:f::11", "2001:db8:f::12"),
        ):
            header = LispHeader(nonce=0x123456, instance_id=100, status_bits=3).octets()
            found.append(
                outer_packet(
                    header + inner,
                    source,
                    destination,
                    flow_hash=0xDEADBEEF,
                    hop_limit=63,
                    traffic_class=0x2E << 2,
                )
            )
    return found


def tshark(capture: Path, *words: str) -> list[list[str]]:
    """Fields of packets, or the packets that a filter finds, with checksums verified."""
    checks = ("-o", "ip.check_checksum:TRUE")
    command = [program("tshark"), "-r", str(capture), *checks, *words]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    return [line.split("\t") for line in run.stdout.splitlines()]


def test_tshark_reads_what_is_encapsulated(tmp_path: Path) -> None:
    packets = encapsulations()
    large4 = InnerPacket.read(udp("198.18.1.9", "198.18.2.9", octets=1500))
    large6 = InnerPacket.read(udp("2001:db8:e001::9", "2001:db8:e002::9", octets=1500))
    packets.append(too_big_message(large4, 1464, "198.18.1.1"))
    packets.append(too_big_message(large6, 1444, "2001:db8:e001::1"))
    capture = tmp_path / "packets.pcap"
    raw_ip = 101
    capture.write_bytes(
        pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, raw_ip)
        + b"".join(pack("=IIII", n, 0, len(p), len(p)) + p for n, p in enumerate(packets))
    )
    names = ("udp.dstport", "lisp-data.nonce", "lisp-data.iid", "icmp.mtu", "icmpv6.mtu")
    rows = tshark(capture, "-T", "fields", *(word for name in names for word in ("-e", name)))
    for ports, nonce, instance_id, *_ in rows[:4]:
        assert ports == "4341,6000"
        assert (int(nonce, 0), int(instance_id, 0)) == (0x123456, 100)
    assert (rows[4][3], rows[5][4]) == ("1464", "1444")
    wrong = [f"{name}.checksum.status == 0" for name in ("ip", "udp", "icmp", "icmpv6")]
    assert tshark(capture, "-Y", " || ".join(["_ws.malformed", *wrong])) == []


def test_ipv6_flow_label_and_source_port_come_from_the_flow() -> None:
    ipv6 = encapsulations()[1]
    assert int.from_bytes(ipv6[:4], "big") & 0xFFFFF == 0xDBEEF
    assert int.from_bytes(ipv6[40:42], "big") == 0xC000 | 0xDEADBEEF & 0x3FFF
    assert ipaddress.ip_address(ipv6[24:40]) == ipaddress.ip_address("2001:db8:f::12")
