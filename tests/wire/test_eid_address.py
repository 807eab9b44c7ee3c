"""Which EID-Prefix an address names, and which addresses name none."""

from __future__ import annotations

import pytest

from mapsys.eid import EidPrefix, Family
from mapsys.wire.address import (
    Address,
    AsNumberAddress,
    DistinguishedName,
    Ipv4,
    Mac,
    NoAddress,
    ip_address,
)
from mapsys.wire.eid_address import from_eid_prefix, to_eid_prefix
from mapsys.wire.errors import BadMaskLength, UnknownEid
from mapsys.wire.lcaf import (
    AfiList,
    AsNumber,
    InstanceId,
    Json,
    MulticastInfo,
    SourceDestKey,
    UnknownLcaf,
)

V4 = ip_address("10.1.2.3")
V6 = ip_address("2001:db8::1")
GROUP = ip_address("232.1.2.3")
GROUP6 = ip_address("ff3e::1")
MAC = Mac(bytes.fromhex("020000000001"))
UNKNOWN = UnknownLcaf(99, b"")


@pytest.mark.parametrize(
    ("address", "mask_len", "text"),
    [
        (V4, 32, "10.1.2.3/32"),
        (V4, 16, "10.1.0.0/16"),
        (V4, 0, "0.0.0.0/0"),
        (V6, 48, "2001:db8::/48"),
        (MAC, 48, "02:00:00:00:00:01/48"),
        (Mac(MAC.packed, 16389), 24, "02:00:00:00:00:00/24"),
        (InstanceId(4097, V4), 16, "[4097]10.1.0.0/16"),
        (InstanceId(4097, V4, mask_len=32), 16, "[4097]10.1.0.0/16"),
        (InstanceId(7, MAC), 48, "[7]02:00:00:00:00:01/48"),
        (DistinguishedName(b"ietf.lisp"), 80, '"ietf.lisp"'),
        (DistinguishedName(b"ietf.lisp"), 72, '"ietf.lisp"'),
        (DistinguishedName(b"ietf.lisp"), 32, '"ietf"'),
        (DistinguishedName(b""), 8, '""'),
        (InstanceId(5, DistinguishedName(b"a")), 16, '[5]"a"'),
        (MulticastInfo(0, V4, 32, GROUP, 32), 0, "(10.1.2.3,232.1.2.3)"),
        (MulticastInfo(9, V4, 24, GROUP, 32), 64, "[9](10.1.2.0/24,232.1.2.3)"),
        (MulticastInfo(0, V4, 0, GROUP, 8), 8, "(*,232.0.0.0/8)"),
        (MulticastInfo(0, V6, 0, GROUP6, 128), 255, "(*,ff3e::1)"),
        (InstanceId(9, MulticastInfo(0, V4, 32, GROUP, 32)), 0, "[9](10.1.2.3,232.1.2.3)"),
        (InstanceId(9, MulticastInfo(9, V4, 32, GROUP, 32)), 0, "[9](10.1.2.3,232.1.2.3)"),
    ],
)
def test_address_names_its_prefix(address: Address, mask_len: int, text: str) -> None:
    assert str(to_eid_prefix(address, mask_len)) == text


@pytest.mark.parametrize(
    "address",
    [
        NoAddress(),
        AsNumberAddress(65000),
        UNKNOWN,
        InstanceId(1, NoAddress(), mask_len=8),
        InstanceId(1, UNKNOWN),
        InstanceId(1, InstanceId(1, V4)),
        InstanceId(1, MulticastInfo(2, V4, 32, GROUP, 32)),
        AfiList((UNKNOWN, UNKNOWN)),
        AfiList(()),
        MulticastInfo(0, NoAddress(), 0, GROUP, 32),
        MulticastInfo(0, V4, 32, GROUP6, 128),
        MulticastInfo(0, V4, 8, GROUP, 8),
        Json(bytes(300), NoAddress()),
    ],
)
def test_address_that_names_no_eid_is_refused(address: Address) -> None:
    with pytest.raises(UnknownEid):
        to_eid_prefix(address, 0)


@pytest.mark.parametrize(
    ("address", "mask_len"),
    [
        (V4, 33),
        (V6, 129),
        (MAC, 49),
        (InstanceId(1, V4), 64),
        (DistinguishedName(b"ietf"), 33),
        (DistinguishedName(b"ietf"), 48),
        (DistinguishedName(b"x" * 31), 248),
        (MulticastInfo(0, V4, 33, GROUP, 32), 0),
        (MulticastInfo(0, V4, 0, GROUP, 33), 0),
    ],
)
def test_mask_length_that_does_not_fit_is_refused(address: Address, mask_len: int) -> None:
    with pytest.raises(BadMaskLength):
        to_eid_prefix(address, mask_len)


def test_lcaf_without_prefixes_is_an_eid_of_its_own() -> None:
    tagged = AsNumber(65000, V4)
    prefix = to_eid_prefix(tagged, 24)
    assert prefix.family is Family.OPAQUE
    assert prefix.is_host
    assert prefix != to_eid_prefix(tagged, 16), "a shorter prefix is another EID"
    assert prefix != to_eid_prefix(InstanceId(1, tagged), 24), "so is one of another instance"
    assert from_eid_prefix(prefix) == (tagged, 24)
    assert from_eid_prefix(to_eid_prefix(InstanceId(1, tagged), 24)) == (InstanceId(1, tagged), 24)


def test_mask_length_beside_an_lcaf_with_its_own_two_is_ignored() -> None:
    key = SourceDestKey(V4, 24, GROUP, 32)
    assert to_eid_prefix(key, 56) == to_eid_prefix(key, 0)


def test_both_forms_of_a_mac_are_one_eid() -> None:
    prefix = to_eid_prefix(Mac(MAC.packed, 16389), 48)
    assert prefix == to_eid_prefix(MAC, 48)
    assert from_eid_prefix(prefix) == (MAC, 48)


@pytest.mark.parametrize(
    ("text", "address", "mask_len"),
    [
        ("10.1.0.0/16", Ipv4(bytes((10, 1, 0, 0))), 16),
        ("[4097]10.1.0.0/16", InstanceId(4097, Ipv4(bytes((10, 1, 0, 0)))), 16),
        ('"ietf"', DistinguishedName(b"ietf"), 40),
        ("(10.1.2.3,232.1.2.3)", MulticastInfo(0, V4, 32, GROUP, 32), 0),
        ("[3](*,232.1.2.3)", MulticastInfo(3, ip_address("0.0.0.0"), 0, GROUP, 32), 0),
    ],
)
def test_prefix_is_written_as_its_address(text: str, address: Address, mask_len: int) -> None:
    assert from_eid_prefix(EidPrefix.parse(text)) == (address, mask_len)


def test_name_of_thirty_octets_is_the_longest() -> None:
    name = DistinguishedName(b"x" * 30)
    assert from_eid_prefix(to_eid_prefix(name, 248)) == (name, 248)


def test_prefix_of_names_that_ends_inside_an_octet_has_no_address() -> None:
    with pytest.raises(ValueError, match="13 bits"):
        from_eid_prefix(EidPrefix.parse('"ietf"').truncated(13))


def test_addresses_say_their_text() -> None:
    assert ip_address("192.0.2.1").text == "192.0.2.1"
    assert ip_address("2001:DB8:0:0::1").text == "2001:db8::1"
