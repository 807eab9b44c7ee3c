"""GRE headers: octets as the RFCs draw them, every field, every reason to refuse."""

from __future__ import annotations

import subprocess
from pathlib import Path
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alt.gre import (
    GRE_REASONS,
    IPV4_PAYLOAD,
    IPV6_PAYLOAD,
    GreError,
    GrePacket,
    decapsulate,
    encapsulate,
    header_length,
    internet_checksum,
)
from tests.alt.data.packets import alt_packet
from tests.programs import require_program

_WORD = st.integers(0, 0xFFFFFFFF)
_FIELDS = st.fixed_dictionaries(
    {
        "protocol": st.sampled_from((IPV4_PAYLOAD, IPV6_PAYLOAD)),
        "payload": st.binary(max_size=64),
        "key": st.none() | _WORD,
        "sequence": st.none() | _WORD,
        "checksum": st.booleans(),
    }
)


@pytest.mark.parametrize(
    ("octets", "packet"),
    [
        ("00000800 4500", GrePacket(IPV4_PAYLOAD, None, None, b"\x45\x00")),
        ("20000800 000003ee 4500", GrePacket(IPV4_PAYLOAD, 1006, None, b"\x45\x00")),
        ("100086dd 00000009 60", GrePacket(IPV6_PAYLOAD, None, 9, b"\x60")),
        # 8000 + 86dd + 6000 sums to 1_66dd, so 66de; its complement is 9921
        ("800086dd 99210000 60", GrePacket(IPV6_PAYLOAD, None, None, b"\x60")),
        # b000 + 0800 + 03ee + 0001 + 4500 is 1_00ef, so 00f0; its complement is ff0f
        ("b0000800 ff0f0000 000003ee 00000001 4500", GrePacket(0x0800, 1006, 1, b"\x45\x00")),
    ],
)
def test_octets_are_as_the_rfcs_draw_them(octets: str, packet: GrePacket) -> None:
    raw = bytes.fromhex(octets)
    assert decapsulate(raw) == packet
    assert (
        encapsulate(
            packet.protocol,
            packet.payload,
            key=packet.key,
            sequence=packet.sequence,
            checksum=bool(raw[0] & 0x80),
        )
        == raw
    )


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        ("", "gre-truncated"),
        ("000008", "gre-truncated"),
        ("20000800 0000", "gre-truncated"),
        ("b0000800 ff0e0000 000003ee 000000", "gre-truncated"),
        ("40000800 00000000", "gre-routing"),
        ("08000800 00000000", "gre-routing"),
        ("04000800 00000000", "gre-routing"),
        ("00010800 00000000", "gre-version"),
        ("0001880b 00000000", "gre-version"),
        ("80000800 12340000 45", "gre-bad-checksum"),
        ("00006558 00", "gre-unknown-protocol"),
        ("00000000", "gre-unknown-protocol"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_reason(octets: str, reason: str) -> None:
    assert reason in GRE_REASONS
    with pytest.raises(GreError) as caught:
        decapsulate(bytes.fromhex(octets))
    assert caught.value.reason == reason


def test_reserved_bits_6_to_12_are_ignored() -> None:
    assert decapsulate(bytes.fromhex("03f80800 45")).payload == b"\x45"


@given(_FIELDS)
def test_what_is_wrapped_unwraps_to_the_same(fields: dict[str, object]) -> None:
    octets = encapsulate(**fields)  # type: ignore[arg-type]
    assert decapsulate(octets) == (
        fields["protocol"],
        fields["key"],
        fields["sequence"],
        fields["payload"],
    )
    length = header_length(
        key=fields["key"] is not None,
        sequence=fields["sequence"] is not None,
        checksum=bool(fields["checksum"]),
    )
    assert len(octets) == length + len(fields["payload"])  # type: ignore[arg-type]


@given(_FIELDS, st.integers(min_value=0), st.integers(1, 255))
def test_one_changed_octet_under_a_checksum_is_noticed(
    fields: dict[str, object], place: int, change: int
) -> None:
    octets = bytearray(encapsulate(**{**fields, "checksum": True}))  # type: ignore[arg-type]
    # The first four octets decide whether there is a checksum at all, and 6 and 7
    # belong to none of its words that a ones' complement sum could tell from 0.
    place = 8 + place % (len(octets) - 8) if len(octets) > 8 else 4
    octets[place] ^= change
    with pytest.raises(GreError, match="gre-bad-checksum"):
        decapsulate(bytes(octets))


@given(st.binary(max_size=48))
def test_any_octets_give_a_packet_or_a_reason(octets: bytes) -> None:
    reason = None
    try:
        packet = decapsulate(octets)
    except GreError as error:
        reason = error.reason
    assert reason in GRE_REASONS if reason else octets.endswith(packet.payload)


@given(st.binary(min_size=1, max_size=65).filter(any))
def test_checksum_equals_the_sum_of_16_bit_words(octets: bytes) -> None:
    padded = octets + b"\0" * (len(octets) % 2)
    total = sum(int.from_bytes(padded[i : i + 2], "big") for i in range(0, len(padded), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    assert internet_checksum(octets) == total ^ 0xFFFF


def test_tshark_reads_every_form(tmp_path: Path) -> None:
    tshark = require_program("tshark", "tshark")
    capture = tmp_path / "gre.pcap"
    forms = [
        (key, sequence, checksum)
        for key in (None, 1006)
        for sequence in (None, 5)
        for checksum in (False, True)
    ]
    records = []
    for key, sequence, checksum in forms:
        for protocol, eid in ((IPV4_PAYLOAD, "198.18.1.5"), (IPV6_PAYLOAD, "2001:db8:e001::5")):
            gre = encapsulate(
                protocol, alt_packet(eid), key=key, sequence=sequence, checksum=checksum
            )
            records.append(_outer_ipv4(gre))
    capture.write_bytes(_pcap(records))
    fields = ["gre.key", "gre.sequence_number", "gre.checksum.status", "lisp.type", "_ws.malformed"]
    run = subprocess.run(
        [
            tshark, "-r", str(capture),
            "-T", "fields", *(word for field in fields for word in ("-e", field)),
        ],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    expected = [
        "\t".join(
            (
                "" if key is None else f"0x{key:08x}",
                "" if sequence is None else str(sequence),
                "1" if checksum else "",
                "1",
                "",
            )
        )
        for key, sequence, checksum in forms
        for _ in range(2)
    ]
    assert run.stdout.splitlines() == expected


def _outer_ipv4(gre: bytes) -> bytes:
    addresses = bytes((192, 0, 2, 1, 192, 0, 2, 2))
    head = pack("!BBHHHBBH8s", 0x45, 0, 20 + len(gre), 0, 0, 64, 47, 0, addresses)
    return head[:10] + internet_checksum(head).to_bytes(2, "big") + head[12:] + gre


def _pcap(packets: list[bytes]) -> bytes:
    """A capture file of raw IP packets."""
    head = pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 101)
    return head + b"".join(pack("=IIII", 0, 0, len(p), len(p)) + p for p in packets)
