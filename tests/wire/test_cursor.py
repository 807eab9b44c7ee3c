"""Bounded reading, and writing that refuses what does not fit."""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

import pytest

from mapsys.wire.cursor import Reader, Writer
from mapsys.wire.errors import TrailingOctets, Truncated

PAIR = Struct("!HH")


def test_reader_takes_in_order() -> None:
    reader = Reader(b"\x01\x02\x03\x04\x05name\0rest")
    assert reader.peek(2) == b"\x01\x02"
    assert reader.uint(1) == 1
    assert reader.unpack(PAIR) == (0x0203, 0x0405)
    assert reader.take_until_nul() == b"name"
    assert reader.remaining == 4
    assert reader.take_rest() == b"rest"
    reader.finish()


@pytest.mark.parametrize(
    "take",
    [
        lambda reader: reader.take(4),
        lambda reader: reader.peek(4),
        lambda reader: reader.uint(4),
        lambda reader: reader.unpack(PAIR),
        lambda reader: reader.take_until_nul(),
        lambda reader: reader.within(4),
    ],
)
def test_reader_never_passes_its_bound(take: Callable[[Reader], object]) -> None:
    with pytest.raises(Truncated), Reader(b"abcd\0").within(3) as reader:
        take(reader)


def test_bound_must_be_used_up() -> None:
    reader = Reader(b"abcd")
    with pytest.raises(TrailingOctets), reader.within(3):
        reader.take(2)


def test_bound_ends_with_its_block() -> None:
    reader = Reader(b"abcdef")
    with reader.within(4):
        with reader.within(2):
            assert reader.depth == 2
            assert reader.take_rest() == b"ab"
        assert reader.take_rest() == b"cd"
    assert reader.depth == 0
    assert reader.take_rest() == b"ef"


def test_fault_inside_a_bound_is_not_hidden_by_what_is_left_over() -> None:
    reader = Reader(b"abcd")
    with pytest.raises(Truncated), reader.within(3):
        reader.take(4)


def test_writer_refuses_what_does_not_fit() -> None:
    writer = Writer()
    with pytest.raises(ValueError, match="256 does not fit 1 octets"):
        writer.uint(256, 1)
    with pytest.raises(ValueError, match="does not fit"):
        writer.uint(-1, 1)
    with pytest.raises(ValueError, match="out of range"):
        writer.pack(PAIR, 1, 65536)
    assert writer.octets() == b""
