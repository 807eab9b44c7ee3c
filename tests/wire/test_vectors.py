"""Messages kept as octets: what they mean, and how damaged ones are refused."""

from __future__ import annotations

import pytest

from mapsys.wire.auth import Key
from mapsys.wire.errors import WireError
from mapsys.wire.message import decode
from tests.wire.vectors import Vector, from_json, load_vectors, to_json

VECTORS = load_vectors()
GOOD = [vector for vector in VECTORS if vector.reason is None]
MALFORMED = [vector for vector in VECTORS if vector.reason is not None]
CANONICAL = [vector for vector in GOOD if vector.canonical]
SIGNED = [vector for vector in GOOD if vector.secret is not None]


def by_name(vector: Vector) -> str:
    return vector.name


@pytest.mark.parametrize("vector", GOOD, ids=by_name)
def test_octets_are_read_as_the_message_they_are(vector: Vector) -> None:
    assert to_json(decode(vector.octets)) == vector.message


@pytest.mark.parametrize("vector", CANONICAL, ids=by_name)
def test_message_is_written_as_its_octets(vector: Vector) -> None:
    assert from_json(vector.message).octets() == vector.octets


@pytest.mark.parametrize("vector", [vector for vector in GOOD if not vector.canonical], ids=by_name)
def test_message_that_is_not_canonical_is_written_as_an_equal_one(vector: Vector) -> None:
    message = decode(vector.octets)
    assert message.octets() != vector.octets
    assert decode(message.octets()) == message


@pytest.mark.parametrize("vector", MALFORMED, ids=by_name)
def test_malformed_octets_are_refused_with_their_reason(vector: Vector) -> None:
    with pytest.raises(WireError) as caught:
        decode(vector.octets)
    assert caught.value.reason == vector.reason
    assert str(caught.value), "the fault is said in words"


@pytest.mark.parametrize("vector", SIGNED, ids=by_name)
def test_mac_verifies_and_is_made_again(vector: Vector) -> None:
    assert vector.secret is not None
    key = Key(vector.secret.encode())
    assert key.verify(vector.octets)
    unsigned = decode(vector.octets).octets()
    blank = unsigned[:16] + bytes(vector.octets[15]) + unsigned[16 + vector.octets[15] :]
    assert key.sign(blank) == vector.octets


@pytest.mark.parametrize("vector", VECTORS, ids=by_name)
def test_any_octet_may_be_damaged(vector: Vector) -> None:
    """Whatever one octet becomes, the rest is a message or refused, and means one thing."""
    for at in range(len(vector.octets)):
        for octet in (0, 1, 0x7F, 0x80, 0xFF):
            damaged = vector.octets[:at] + bytes((octet,)) + vector.octets[at + 1 :]
            try:
                message = decode(damaged)
            except WireError:
                continue
            assert decode(message.octets()) == message
