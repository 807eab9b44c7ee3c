"""Hashes and MACs in native code, by the processor's instructions and without them."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapsys.native import _engine
from mapsys.wire.auth import Key

MAC_OCTETS = {1: (12, 20), 2: (16, 32), 3: (16, 32)}
NAMES = st.sampled_from(["sha1", "sha256"])


@pytest.fixture(autouse=True, scope="module", params=["instructions", "portable"])
def _way(request: pytest.FixtureRequest) -> Iterator[None]:
    """Where the processor has no such instructions, both are the portable way."""
    _engine.choose_sha_instructions(request.param == "instructions")
    yield
    _engine.choose_sha_instructions(True)


def test_the_instructions_are_used_only_where_they_are_wanted_and_there() -> None:
    assert _engine.choose_sha_instructions(False) is False
    assert _engine.choose_sha_instructions(True) is _engine.sha_instructions


@given(NAMES, st.binary(max_size=1000))
def test_digests_are_the_standard_librarys(name: str, octets: bytes) -> None:
    assert _engine.digest(name, octets) == hashlib.new(name, octets).digest()


@pytest.mark.parametrize("name", ["sha1", "sha256"])
def test_every_length_around_a_block_is_padded_right(name: str) -> None:
    for length in range(200):
        octets = bytes(range(256))[:length]
        assert _engine.digest(name, octets) == hashlib.new(name, octets).digest()


@given(NAMES, st.binary(max_size=200), st.binary(max_size=300))
def test_hmacs_are_the_standard_librarys(name: str, key: bytes, octets: bytes) -> None:
    assert _engine.hmac(name, key, octets) == hmac.digest(key, octets, name)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    algorithm_id = draw(st.sampled_from([1, 2, 3]))
    length = draw(st.sampled_from(MAC_OCTETS[algorithm_id]))
    first = draw(st.sampled_from([0x30, 0x40, 0x50])) | draw(st.integers(0, 15))
    head = bytes((first,)) + draw(st.binary(min_size=11, max_size=11))
    tail = draw(st.binary(max_size=200))
    return head + bytes((1, algorithm_id)) + length.to_bytes(2, "big") + bytes(length) + tail


@given(messages(), st.binary(min_size=1, max_size=64))
def test_messages_are_signed_as_the_codec_signs_them(message: bytes, secret: bytes) -> None:
    signed = Key(secret).sign(message)
    length = int.from_bytes(message[14:16], "big")
    native = _engine.NativeKey(secret)
    assert native.mac(message[13], message, length) == signed[16 : 16 + length]
    assert native.verify(signed)


@given(messages(), st.binary(min_size=1, max_size=80), st.data())
def test_verdicts_are_the_codecs_on_damaged_messages(
    message: bytes, secret: bytes, data: st.DataObject
) -> None:
    damaged = bytearray(Key(secret).sign(message))
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    cut = bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    for octets in (bytes(damaged), cut):
        if octets[:1] and octets[0] >> 4 in (3, 4, 5):
            assert not _engine.NativeKey(secret).verify(octets) or Key(secret).verify(octets)


def test_algorithm_3_needs_a_secret_that_is_held() -> None:
    message = bytes((0x30,)) + bytes(11) + bytes((1, 3, 0, 16)) + bytes(16)
    assert _engine.NativeKey(b"s" * 65).mac(3, message, 16) is None
