"""Signing and verifying, against independent implementations of HMAC and HKDF."""

from __future__ import annotations

import hmac

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st

from mapsys.wire.address import NoAddress
from mapsys.wire.auth import ALGORITHMS, KDF_INFO, KDF_OCTETS, Key
from mapsys.wire.hkdf import hkdf_sha256
from mapsys.wire.info import InfoRequest
from mapsys.wire.map_notify import MapNotify, MapNotifyAck
from mapsys.wire.map_register import MapRegister
from mapsys.wire.message import decode
from mapsys.wire.prekeyed_hmac import PrekeyedHmac
from tests import strategies as drawn

ALGORITHM_AND_LENGTH = [
    (algorithm_id, length)
    for algorithm_id, algorithm in ALGORITHMS.items()
    for length in algorithm.mac_lengths
]
SECRET = b"password"
KEY = Key(SECRET)
NONCE = 0x0102030405060708
XTR_ID = bytes(range(16))
SITE_ID = bytes.fromhex("1122334455667788")


def register(algorithm_id: int, length: int) -> bytes:
    return MapRegister(
        NONCE, 0, algorithm_id, bytes(length), (), xtr_id=XTR_ID, site_id=SITE_ID
    ).octets()


@pytest.mark.parametrize(("algorithm_id", "length"), ALGORITHM_AND_LENGTH)
@settings(max_examples=30)
@given(secret=st.binary(max_size=200), message=drawn.map_registers())
def test_signed_message_verifies_with_its_secret_only(
    algorithm_id: int, length: int, secret: bytes, message: MapRegister
) -> None:
    octets = message.octets()
    unsigned = (
        octets[:13]
        + bytes((algorithm_id, 0, length))
        + bytes(length)
        + octets[16 + len(message.authentication_data) :]
    )
    signed = Key(secret).sign(unsigned)
    assert Key(secret).verify(signed)
    assert not Key(secret + b"x").verify(signed)
    assert signed[:16] + bytes(length) + signed[16 + length :] == unsigned
    assert decode(signed).octets() == signed


@pytest.mark.parametrize(("algorithm_id", "length"), [(1, 12), (1, 20), (2, 16), (2, 32)])
def test_mac_is_the_hmac_over_the_whole_message(algorithm_id: int, length: int) -> None:
    octets = register(algorithm_id, length)
    whole = hmac.digest(SECRET, octets, ALGORITHMS[algorithm_id].hash_name)
    assert KEY.sign(octets)[16 : 16 + length] == whole[:length]


@pytest.mark.parametrize(
    ("kind", "salt", "key"),
    [
        (
            MapRegister,
            b"Map-Register Authentication",
            "36f755188559cab5dfa71857e3487b1b13fd56f676aa4669ba8e7123acebd6db",
        ),
        (
            MapNotify,
            b"Map-Notify Authentication",
            "41afab0a2c3ba0e55ae79cc2cba357fdfe2c464dd5045e4a75c5a527949f22ff",
        ),
        (
            MapNotifyAck,
            b"Map-Notify-Ack Authentication",
            "4bfae96e82cdcbf3d4f71d9706ccba6f430bb62c5ff0a483f460ffe476725b99",
        ),
    ],
)
def test_derived_key_depends_on_nonce_and_message_type(
    kind: type[MapRegister] | type[MapNotify] | type[MapNotifyAck], salt: bytes, key: str
) -> None:
    derived = hkdf_sha256(NONCE.to_bytes(8, "big") + SECRET, salt, KDF_INFO, KDF_OCTETS)
    assert derived.hex() == key
    octets = kind(NONCE, 0, 3, bytes(32), ()).octets()
    assert KEY.sign(octets)[16:48] == hmac.digest(derived, octets, "sha256")
    other_nonce = kind(NONCE + 1, 0, 3, bytes(32), ()).octets()
    assert KEY.sign(other_nonce)[16:48] != hmac.digest(derived, other_nonce, "sha256")


def test_narrow_scope_leaves_out_xtr_id_and_site_id() -> None:
    octets = bytes.fromhex(
        "3a000101010203040506070800020010"
        + "00" * 16
        + "000005a0011810000000 0001cb0071000164ff0000050001c0000201".replace(" ", "")
        + "000102030405060708090a0b0c0d0e0f1122334455667788"
    )
    signed = KEY.sign(octets, records_only=True)
    assert signed[16:32].hex() == "40b78968efd7e10c7411fb519c4a4b5b"
    assert KEY.verify(signed, records_only=True)
    assert not KEY.verify(signed)
    other_site = signed[:-1] + b"\0"
    assert KEY.verify(other_site, records_only=True)


@pytest.mark.parametrize("kind", [MapRegister, MapNotify, MapNotifyAck])
def test_both_scopes_are_one_without_an_xtr_id(
    kind: type[MapRegister] | type[MapNotify] | type[MapNotifyAck],
) -> None:
    octets = kind(NONCE, 0, 2, bytes(16), ()).octets()
    assert KEY.sign(octets) == KEY.sign(octets, records_only=True)
    longer = kind(NONCE, 0, 2, bytes(16), (), xtr_id=XTR_ID, site_id=SITE_ID).octets()
    assert KEY.sign(longer) != KEY.sign(longer, records_only=True)


@pytest.mark.parametrize(
    ("algorithm_id", "length"),
    [(0, 0), (0, 16), (1, 0), (1, 16), (1, 32), (2, 0), (2, 12), (2, 20), (3, 20), (4, 16)],
)
def test_other_algorithms_and_lengths_never_verify(algorithm_id: int, length: int) -> None:
    octets = register(algorithm_id, length)
    assert not KEY.verify(octets)
    with pytest.raises(ValueError, match="cannot sign"):
        KEY.sign(octets)


def test_announced_mac_that_is_not_there_does_not_verify() -> None:
    octets = register(2, 16)
    for length in range(32):
        assert not KEY.verify(octets[:length])
    assert not KEY.verify(octets[:50], records_only=True)


def test_messages_that_nobody_signs_do_not_verify() -> None:
    octets = register(2, 16)
    for code in (0, 1, 2, 6, 8, 9, 15):
        assert not KEY.verify(bytes((code << 4,)) + octets[1:])


def test_info_request_is_signed_but_not_with_a_derived_key() -> None:
    def unsigned(algorithm_id: int) -> bytes:
        return InfoRequest(
            NONCE, 1, bytes(16), 0, NoAddress(), 0, algorithm_id=algorithm_id
        ).octets()

    signed = KEY.sign(unsigned(2))
    assert KEY.verify(signed)
    assert signed[16:32] == hmac.digest(SECRET, unsigned(2), "sha256")[:16]
    with pytest.raises(ValueError, match="cannot sign"):
        KEY.sign(unsigned(3))


def test_secret_is_not_shown() -> None:
    assert "password" not in repr(KEY)
    assert not hasattr(KEY, "__dict__")


@pytest.mark.parametrize("key_octets", [0, 1, 63, 64, 65, 200])
@settings(max_examples=30)
@given(parts=st.lists(st.binary(max_size=80), max_size=3), data=st.data())
def test_prekeyed_hmac_is_hmac(key_octets: int, parts: list[bytes], data: st.DataObject) -> None:
    key = data.draw(drawn.octets(key_octets))
    for name in ("sha1", "sha256"):
        prekeyed = PrekeyedHmac(key, name)
        assert prekeyed.mac(parts) == hmac.digest(key, b"".join(parts), name)
        assert prekeyed.mac(parts) == prekeyed.mac(parts), "a MAC leaves no trace"


@given(st.binary(min_size=1), st.binary(), st.binary(max_size=40), st.integers(1, 200))
def test_hkdf_is_that_of_another_library(key: bytes, salt: bytes, info: bytes, length: int) -> None:
    assert hkdf_sha256(key, salt, info, length) == HKDF(SHA256(), length, salt, info).derive(key)


def test_hkdf_gives_the_octets_of_the_standard() -> None:
    """RFC 5869, A.1."""
    derived = hkdf_sha256(bytes.fromhex("0b" * 22), bytes(range(13)), bytes(range(0xF0, 0xFA)), 42)
    assert derived.hex() == (
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )


@pytest.mark.parametrize("length", [0, -1, 8161])
def test_hkdf_of_a_length_out_of_range_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        hkdf_sha256(b"key", b"", b"", length)
