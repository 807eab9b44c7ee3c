"""EID-Prefixes: read, written, packed, ordered and compared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapsys.eid import MAX_INSTANCE_ID, WIDTH_BITS, EidPrefix, Family


@pytest.mark.parametrize(
    ("text", "canonical", "family", "length"),
    [
        ("10.1.0.0/16", "10.1.0.0/16", Family.IPV4, 16),
        (" 10.1.2.3 ", "10.1.2.3/32", Family.IPV4, 32),
        ("0.0.0.0/0", "0.0.0.0/0", Family.IPV4, 0),
        ("2001:DB8::/32", "2001:db8::/32", Family.IPV6, 32),
        ("::1:2:3:4:5", "::1:2:3:4:5/128", Family.IPV6, 128),
        ("00:11:22:33:44:55", "00:11:22:33:44:55/48", Family.MAC, 48),
        ("00:11:22:00:00:00/24", "00:11:22:00:00:00/24", Family.MAC, 24),
        ('"ietf.lisp"', '"ietf.lisp"', Family.NAME, 72),
        ("'ietf'", '"ietf"', Family.NAME, 32),
        ('""', '""', Family.NAME, 0),
        ("(192.0.2.1,232.1.1.1)", "(192.0.2.1,232.1.1.1)", Family.MULTICAST_IPV4, 64),
        ("(192.0.2.0/24, 232.1.1.1)", "(192.0.2.0/24,232.1.1.1)", Family.MULTICAST_IPV4, 56),
        ("(*,232.1.1.1)", "(*,232.1.1.1)", Family.MULTICAST_IPV4, 32),
        ("(*,232.0.0.0/8)", "(*,232.0.0.0/8)", Family.MULTICAST_IPV4, 8),
        ("(*,ff3e::8000:1)", "(*,ff3e::8000:1)", Family.MULTICAST_IPV6, 128),
    ],
)
def test_text_is_read_and_written_back(
    text: str, canonical: str, family: Family, length: int
) -> None:
    eid = EidPrefix.parse(text)
    assert (str(eid), eid.family, eid.length, eid.instance_id) == (canonical, family, length, 0)
    assert EidPrefix.parse(str(eid)) == eid
    assert eid.is_host == (length == eid.width)


def test_an_instance_id_in_the_text_wins() -> None:
    assert EidPrefix.parse("10.0.0.0/8", 5).instance_id == 5
    assert EidPrefix.parse("[7]10.0.0.0/8", 5).instance_id == 7
    assert str(EidPrefix.parse("[7]10.0.0.0/8")) == "[7]10.0.0.0/8"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("10.0.0.1/8", "host bits are set beyond prefix length 8"),
        ("10.0.0.0/33", r"prefix length 33 is outside 0\.\.32"),
        ("10.0.0.0/x", "the prefix length is not a number"),
        ("[x]10.0.0.0/8", r"an instance-ID is written as \[NUMBER\]"),
        ("[7", r"an instance-ID is written as \[NUMBER\]"),
        ("[4294967296]10.0.0.0/8", r"instance-ID 4294967296 is outside 0\.\.4294967295"),
        ("256.0.0.0", "does not appear to be an IPv4 or IPv6 address"),
        ("00:11:22:33:44:zz", "is not a MAC address"),
        ("00:11:22:33:44:155", "is not a MAC address"),
        ('"' + "x" * 31 + '"', "a distinguished name holds at most 30 octets"),
        ("(192.0.2.1)", r"a multicast EID is written as \(SOURCE,GROUP\)"),
        ("(*,232.1.1.1", r"a multicast EID is written as \(SOURCE,GROUP\)"),
        ("(192.0.2.1,ff3e::1)", "source and group are of different families"),
        ("(192.0.2.1,232.0.0.0/8)", "a group prefix can only stand with any source"),
    ],
)
def test_what_is_no_eid_prefix_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        EidPrefix.parse(text)


def test_masked_clears_host_bits_and_knows_the_width() -> None:
    assert str(EidPrefix.masked(0, Family.IPV4, 0x0A010203, 16)) == "10.1.0.0/16"
    with pytest.raises(ValueError, match=r"prefix length 33 is outside 0\.\.32"):
        EidPrefix.masked(0, Family.IPV4, 0, 33)


def test_an_opaque_eid_gives_its_octets_back_and_matches_only_itself() -> None:
    eid = EidPrefix.of_opaque(b"\x05abc", 3)
    assert eid.opaque_octets() == b"\x05abc"
    assert str(eid) == "[3]lcaf:05616263"
    assert not eid.covers(EidPrefix.of_opaque(b"\x05abcd", 3))
    with pytest.raises(ValueError, match="at most 252"):
        EidPrefix.of_opaque(bytes(253))


def test_a_name_that_is_not_utf8_is_shown_escaped() -> None:
    assert str(EidPrefix.of_name(b"\xff")) == r'"\xff"'


def test_covering_is_by_instance_family_and_bits() -> None:
    wide, narrow = EidPrefix.parse("10.0.0.0/8"), EidPrefix.parse("10.1.0.0/16")
    assert wide.covers(narrow)
    assert wide.covers(wide)
    assert not narrow.covers(wide)
    assert not wide.covers(EidPrefix.parse("11.0.0.0/16"))
    assert not wide.covers(EidPrefix.parse("[1]10.1.0.0/16"))
    assert not EidPrefix.parse("0.0.0.0/0").covers(EidPrefix.parse("::/0"))
    assert narrow.truncated(8) == wide
    with pytest.raises(ValueError, match="9 is longer than 8"):
        wide.truncated(9)


@st.composite
def eid_prefixes(draw: st.DrawFn) -> EidPrefix:
    family = draw(st.sampled_from(Family))
    length = draw(st.integers(0, WIDTH_BITS[family]))
    address = draw(st.integers(0, (1 << WIDTH_BITS[family]) - 1))
    return EidPrefix.masked(draw(st.integers(0, MAX_INSTANCE_ID)), family, address, length)


@given(eid_prefixes(), st.binary(max_size=4), st.binary(max_size=4))
def test_packed_form_delimits_itself(eid: EidPrefix, before: bytes, after: bytes) -> None:
    packed = eid.pack()
    assert EidPrefix.unpack(before + packed + after, len(before)) == (eid, len(before + packed))
    for size in range(len(packed)):
        with pytest.raises(ValueError, match="cut short"):
            EidPrefix.unpack(packed[:size])


@given(st.binary(max_size=20))
def test_any_octets_unpack_or_are_refused(octets: bytes) -> None:
    try:
        eid, end = EidPrefix.unpack(octets)
    except ValueError:
        return
    assert eid.pack() == octets[:end]


@given(eid_prefixes(), eid_prefixes())
def test_what_covers_sorts_before_what_it_covers(one: EidPrefix, other: EidPrefix) -> None:
    if one.covers(other):
        assert one <= other
    assert one.truncated(one.length // 2) <= one
