"""LISP-SEC authentication data: octets worked out here from hmac, HKDF and AES key wrap."""

from __future__ import annotations

import hmac
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from hypothesis import given
from hypothesis import strategies as st

from mapsys.eid import EidPrefix
from mapsys.wire.address import Ipv4
from mapsys.wire.cursor import Reader
from mapsys.wire.ecm import Ecm
from mapsys.wire.errors import (
    TrailingOctets,
    Truncated,
    UnknownAuthenticationData,
    WireError,
)
from mapsys.wire.ip import build_ip_udp
from mapsys.wire.key_wrap import WrapKey
from mapsys.wire.lisp_sec import (
    Authorization,
    AuthorizedEid,
    EcmSecurity,
    EidAd,
    HmacId,
    KdfId,
    KeyWrapId,
    ReplySecurity,
    sign_map_reply,
)
from mapsys.wire.map_reply import MapReply
from mapsys.wire.map_request import MapRequest
from mapsys.wire.message import decode
from mapsys.wire.records import EidRecord
from tests import strategies as drawn

OTK = bytes(range(0x10, 0x20))
NONCE = 0x0102030405060708
SECRET = b"password"


def derived(key: bytes, algorithm: HashAlgorithm) -> bytes:
    return HKDF(algorithm, 16, b"", b"").derive(key)


def test_wrapping_key_and_wrapped_key_are_those_of_another_library() -> None:
    key = derived(bytes.fromhex("0102030405060708") + b"OTK-Key-Wrap" + SECRET, SHA256())
    assert key.hex() == "4c42e7f8a6ee8a98a7282c852b06013a"
    wrapped = WrapKey(SECRET).wrap(OTK, NONCE)
    assert wrapped == aes_key_wrap(key, OTK)
    assert WrapKey(SECRET).unwrap(wrapped, NONCE) == OTK


def test_key_does_not_open_with_another_secret_nonce_or_octet() -> None:
    wrapped = WrapKey(SECRET).wrap(OTK, NONCE)
    assert WrapKey(b"passwore").unwrap(wrapped, NONCE) is None
    assert WrapKey(SECRET).unwrap(wrapped, NONCE + 1) is None
    for place in range(len(wrapped)):
        damaged = bytearray(wrapped)
        damaged[place] ^= 0x40
        assert WrapKey(SECRET).unwrap(bytes(damaged), NONCE) is None


def test_secret_and_one_time_key_are_not_shown() -> None:
    assert "password" not in repr(WrapKey(SECRET))
    security = EcmSecurity(0, 1, KeyWrapId.NULL_KEY_WRAP_128, bytes(8) + OTK, EidAd(0))
    assert repr(OTK) not in repr(security)
    assert OTK.hex() not in repr(security)


def test_ms_otk_follows_from_the_itr_otk_by_both_functions() -> None:
    assert KdfId.HKDF_SHA256.derive(OTK).hex() == "fa9f90d58242f9b31299a5df00fabd6a"
    assert KdfId.HKDF_SHA256.derive(OTK) == derived(OTK, SHA256())
    assert KdfId.HKDF_SHA1_128.derive(OTK) == derived(OTK, SHA1())


@pytest.mark.parametrize(("requested", "chosen"), [(0, 2), (1, 1), (2, 2), (3, 2), (0xFFFF, 2)])
def test_what_is_not_known_is_replaced_by_what_everybody_knows(requested: int, chosen: int) -> None:
    assert HmacId.chosen(requested) == chosen
    assert KdfId.chosen(requested) == chosen


def test_ecm_data_of_an_itr_octet_by_octet() -> None:
    security = EcmSecurity(
        2, 7, KeyWrapId.AES_KEY_WRAP_128_HKDF_SHA256, WrapKey(SECRET).wrap(OTK, NONCE), EidAd(2)
    )
    key = derived(bytes.fromhex("0102030405060708") + b"OTK-Key-Wrap" + SECRET, SHA256())
    octets = bytes.fromhex("01 00 0002 0018 07 02") + aes_key_wrap(key, OTK)
    octets += bytes.fromhex("0004 0002")
    assert security.octets() == octets
    assert EcmSecurity.parse(octets) == security


@pytest.mark.parametrize(
    ("hmac_id", "hash_name", "length"),
    [(HmacId.AUTH_HMAC_SHA_256_128, "sha256", 16), (HmacId.AUTH_HMAC_SHA_1_96, "sha1", 12)],
)
def test_eid_ad_of_a_map_server_octet_by_octet(
    hmac_id: HmacId, hash_name: str, length: int
) -> None:
    eids = tuple(
        AuthorizedEid.of(EidPrefix.parse(text)) for text in ("203.0.113.0/24", "2001:db8:1::/48")
    )
    body = bytes.fromhex("0018 0001 cb007100") + bytes.fromhex("0030 0002 20010db80001") + bytes(10)
    total = 8 + len(body) + length
    head = total.to_bytes(2, "big") + bytes.fromhex("0002 02 80") + int(hmac_id).to_bytes(2, "big")
    mac = hmac.digest(OTK, head + body + bytes(length), hash_name)[:length]
    made = EidAd.signed(2, eids, hmac_id, OTK, etr_cant_sign=True)
    assert made.octets() == head + body + mac
    assert EidAd.read(Reader(made.octets())) == made
    assert made.authorization is not None
    assert [str(eid.eid_prefix) for eid in made.authorization.eids] == [
        "203.0.113.0/24",
        "2001:db8:1::/48",
    ]


def test_map_reply_is_signed_over_all_of_it() -> None:
    eid_ad = EidAd.signed(2, (), HmacId.AUTH_HMAC_SHA_256_128, OTK, etr_cant_sign=False)
    security = ReplySecurity(eid_ad, 2, bytes(16))
    reply = MapReply(NONCE, (EidRecord(1, Ipv4(b"\xcb\x00\x71\x00"), 24),))
    blank = MapReply(reply.nonce, reply.records, security=security.octets()).octets()
    assert blank == (
        bytes.fromhex("22000001") + reply.octets()[4:] + b"\1\0\0\0" + eid_ad.octets()
        + bytes.fromhex("0014 0002") + bytes(16)
    )  # fmt: skip
    key = derived(OTK, SHA256())
    signed = sign_map_reply(blank, HmacId.AUTH_HMAC_SHA_256_128, key)
    assert signed == blank[:-16] + hmac.digest(key, blank, "sha256")[:16]
    read = decode(signed)
    assert isinstance(read, MapReply)
    assert read.security is not None
    assert ReplySecurity.parse(read.security) == ReplySecurity(eid_ad, 2, signed[-16:])


GOOD = EcmSecurity(
    1,
    2,
    3,
    bytes(range(24)),
    EidAd(4, Authorization((AuthorizedEid.of(EidPrefix.parse("10.0.0.0/8")),), 9, b"a mac")),
).octets()


@pytest.mark.parametrize(
    ("octets", "error"),
    [
        (b"\2" + GOOD[1:], UnknownAuthenticationData),
        (GOOD[:4] + b"\0\x19" + GOOD[6:], UnknownAuthenticationData),
        (GOOD[:32] + b"\0\3" + GOOD[34:36], Truncated),
        (GOOD[:32] + b"\0\5" + GOOD[34:], Truncated),
        (GOOD[:36] + b"\3" + GOOD[37:], WireError),
        (GOOD + b"\0", TrailingOctets),
    ],
)
def test_ecm_data_with_lying_fields_is_refused(octets: bytes, error: type[WireError]) -> None:
    assert EcmSecurity.parse(GOOD).octets() == GOOD
    with pytest.raises(error):
        EcmSecurity.parse(octets)


REPLY = ReplySecurity(EidAd(2), 2, bytes(16)).octets()


@pytest.mark.parametrize(
    ("octets", "error"),
    [
        (b"\2" + REPLY[1:], UnknownAuthenticationData),
        (REPLY[:8] + b"\0\3" + REPLY[10:], Truncated),
        (REPLY[:8] + b"\0\x13" + REPLY[10:], TrailingOctets),
        (REPLY[:8] + b"\0\x15" + REPLY[10:], Truncated),
    ],
)
def test_reply_data_with_lying_fields_is_refused(octets: bytes, error: type[WireError]) -> None:
    assert ReplySecurity.parse(REPLY).octets() == REPLY
    with pytest.raises(error):
        ReplySecurity.parse(octets)


def test_a_wrapped_key_of_another_size_is_not_written() -> None:
    with pytest.raises(ValueError, match="24 octets"):
        EcmSecurity(0, 0, 1, OTK, EidAd(0)).octets()


eid_ads = st.builds(
    EidAd,
    drawn.uints(16),
    st.none()
    | st.builds(
        Authorization,
        st.lists(
            st.builds(
                AuthorizedEid, st.binary(min_size=4, max_size=4).map(Ipv4), drawn.uints(8)
            ),
            max_size=4,
        ).map(tuple),
        drawn.uints(16),
        st.binary(max_size=20),
        st.booleans(),
    ),
)  # fmt: skip


@given(
    st.builds(
        EcmSecurity,
        drawn.uints(16),
        drawn.uints(8),
        drawn.uints(8),
        st.binary(min_size=24, max_size=24),
        eid_ads,
    )
)
def test_ecm_data_reads_back_equal_and_marks_where_the_packet_begins(security: EcmSecurity) -> None:
    octets = security.octets()
    assert EcmSecurity.parse(octets) == security
    request = MapRequest(NONCE, Ipv4(bytes(4)), (Ipv4(bytes(4)),), ())
    packet = build_ip_udp("192.0.2.1", "192.0.2.2", 5000, 4342, request.octets())
    ecm = decode(Ecm(packet, security=octets).octets())
    assert isinstance(ecm, Ecm)
    assert (ecm.security, ecm.inner) == (octets, packet)


@given(st.binary(max_size=80) | st.binary(max_size=60).map(lambda tail: GOOD[:36] + tail))
def test_any_octets_are_data_or_a_wire_error(octets: bytes) -> None:
    for kind in (EcmSecurity, ReplySecurity):
        with suppress(WireError):
            read = kind.parse(octets)
            assert kind.parse(read.octets()) == read
