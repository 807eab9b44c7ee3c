"""Canonical addresses beyond what the vectors show."""

from __future__ import annotations

import pytest

from mapsys.wire import lcaf_applications
from mapsys.wire.address import Address, NoAddress, read_address
from mapsys.wire.cursor import Reader, Writer
from mapsys.wire.errors import NestingTooDeep, UnknownOui
from mapsys.wire.lcaf import NESTING_LIMIT, AfiList, Lcaf, SecurityKey, UnknownLcaf, VendorSpecific


def written(address: Address) -> bytes:
    writer = Writer()
    address.write(writer)
    return writer.octets()


def nested(depth: int) -> Address:
    address: Address = NoAddress()
    for _ in range(depth):
        address = AfiList((address,))
    return address


def test_every_type_of_the_registry_has_a_class() -> None:
    known = {kind.TYPE for kind in Lcaf.__subclasses__()}
    assert known == {*range(17), 255}


def test_nesting_is_bounded() -> None:
    octets = written(nested(NESTING_LIMIT))
    assert read_address(Reader(octets)) == nested(NESTING_LIMIT)
    with pytest.raises(NestingTooDeep):
        read_address(Reader(written(nested(NESTING_LIMIT + 1))))


def test_unknown_type_is_not_looked_into() -> None:
    deep = UnknownLcaf(200, written(nested(NESTING_LIMIT + 5)))
    assert read_address(Reader(written(deep))) == deep


def test_vendor_format_is_read_only_where_the_vendor_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vendor = VendorSpecific(0x123456, b"data")
    with pytest.raises(UnknownOui, match="123456"):
        read_address(Reader(written(vendor)))
    monkeypatch.setattr(lcaf_applications, "UNDERSTOOD_OUIS", frozenset({0x123456}))
    assert read_address(Reader(written(vendor))) == vendor


def test_key_material_is_not_shown() -> None:
    assert "abc" not in repr(SecurityKey(1, (b"abc",), NoAddress()))


def test_largest_list_is_read() -> None:
    """32,767 empty addresses fill an LCAF; reading them takes no more than that many steps."""
    full = AfiList((NoAddress(),) * 32767)
    assert read_address(Reader(written(full))) == full
