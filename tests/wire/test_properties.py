"""What holds for any message and any octets."""

from __future__ import annotations

from struct import pack_into

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapsys.eid import EidPrefix
from mapsys.wire.address import Address, read_address
from mapsys.wire.cursor import Reader, Writer
from mapsys.wire.eid_address import from_eid_prefix, to_eid_prefix
from mapsys.wire.errors import (
    WIRE_REASONS,
    BadMaskLength,
    TrailingOctets,
    Truncated,
    UnknownEid,
    WireError,
)
from mapsys.wire.lcaf import InstanceId
from mapsys.wire.map_register import MapRegister
from mapsys.wire.map_reply import MapReply
from mapsys.wire.map_request import MapRequest
from mapsys.wire.message import Message, decode
from mapsys.wire.records import EidRecord, RlocRecord
from mapsys.wire.shared_extension import SharedExtension
from tests import strategies as drawn

TYPE_OCTETS = bytes(code << 4 | low for code in range(16) for low in (0, 0x8))
OUTCOMES = WIRE_REASONS | {"understood"}


def understood_or_refused(octets: bytes) -> str:
    """The reason for refusing octets, or "understood"; then they mean one thing only."""
    try:
        message = decode(octets)
    except WireError as error:
        return error.reason
    assert decode(message.octets()) == message
    return "understood"


@settings(max_examples=300)
@given(drawn.messages)
def test_message_is_read_back_as_it_was_written(message: Message) -> None:
    assert decode(message.octets()) == message


@settings(max_examples=400)
@given(st.sampled_from(TYPE_OCTETS), st.binary(max_size=200))
def test_any_octets_are_a_message_or_refused(first: int, rest: bytes) -> None:
    assert understood_or_refused(bytes((first,)) + rest) in OUTCOMES


@settings(max_examples=300)
@given(drawn.messages, st.data())
def test_message_with_octets_changed_is_a_message_or_refused(
    message: Message, data: st.DataObject
) -> None:
    octets = bytearray(message.octets())
    for _ in range(data.draw(st.integers(1, 3))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(drawn.uints(8))
    assert understood_or_refused(bytes(octets)) in OUTCOMES


@settings(max_examples=150)
@given(drawn.messages)
def test_message_cut_short_is_refused(message: Message) -> None:
    """Save where what is cut is opaque: authentication data, an extension's own octets."""
    octets = message.octets()
    least = len(octets)
    if isinstance(message, SharedExtension):
        least = 2
    elif isinstance(message, MapReply) and message.security is not None:
        least -= len(message.security) - 1
    for length in range(len(octets)):
        if length < least:
            with pytest.raises(WireError):
                decode(octets[:length])
        else:
            assert decode(octets[:length]).octets() == octets[:length]


@given(drawn.messages, drawn.octets(1))
def test_octet_behind_a_message_is_refused(message: Message, octet: bytes) -> None:
    """Save behind a Map-Request, and where the last field is opaque."""
    longer = message.octets() + octet
    if isinstance(message, MapRequest):
        assert decode(longer) == message
    elif isinstance(message, SharedExtension) or (
        isinstance(message, MapReply) and message.security is not None
    ):
        assert decode(longer).octets() == longer
    else:
        with pytest.raises(WireError):
            decode(longer)


@given(drawn.eid_records(), st.integers(-3, 3).filter(bool))
def test_lying_record_count_is_refused(record: EidRecord, lie: int) -> None:
    register = MapRegister(1, 0, 2, bytes(16), (record,) * 3)
    octets = bytearray(register.octets())
    octets[3] += lie
    with pytest.raises((Truncated, TrailingOctets)):
        decode(bytes(octets))


@given(drawn.rloc_records(), st.integers(-3, 3).filter(bool))
def test_lying_locator_count_is_refused(rloc: RlocRecord, lie: int) -> None:
    record = EidRecord(1440, *from_eid_prefix(EidPrefix.parse("192.0.2.0/24")), rlocs=(rloc,) * 3)
    octets = bytearray(MapRegister(1, 0, 2, b"", (record,)).octets())
    octets[16 + 4] += lie
    with pytest.raises((Truncated, TrailingOctets)):
        decode(bytes(octets))


@given(drawn.plain_addresses, st.integers(-4, 4).filter(bool))
def test_lying_lcaf_length_is_refused(inner: Address, lie: int) -> None:
    writer = Writer()
    InstanceId(7, inner).write(writer)
    eid = bytearray(writer.octets())
    pack_into("!H", eid, 6, len(eid) - 8 + lie)
    head = bytes.fromhex("20000001 0000000000000001 0000000f 00202000 00000000")[:-2]
    with pytest.raises(WireError):
        decode(head + bytes(eid))


@given(drawn.eid_prefixes)
def test_eid_prefix_is_read_back_from_its_address(prefix: EidPrefix) -> None:
    address, mask_len = from_eid_prefix(prefix)
    writer = Writer()
    address.write(writer)
    assert decode_address(writer.octets()) == address
    assert to_eid_prefix(address, mask_len) == prefix


@given(drawn.addresses, drawn.uints(8))
def test_any_address_is_an_eid_prefix_or_refused(address: Address, mask_len: int) -> None:
    try:
        prefix = to_eid_prefix(address, mask_len)
    except (UnknownEid, BadMaskLength):
        return
    assert to_eid_prefix(*from_eid_prefix(prefix)) == prefix


def decode_address(octets: bytes) -> Address:
    reader = Reader(octets)
    address = read_address(reader)
    reader.finish()
    return address
