"""An ITR and an ETR that speak LISP-SEC, written from RFC 9303 with nothing of the code under test.

Authentication data is laid out and read with struct, keys come from another
library; only Map-Requests, records and inner packets are the codec's.
"""

from __future__ import annotations

import hmac
import struct
from dataclasses import dataclass, field, replace

from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap

from mapsys.eid import EidPrefix
from mapsys.wire.address import read_address
from mapsys.wire.cursor import Reader
from mapsys.wire.eid_address import from_eid_prefix, to_eid_prefix
from mapsys.wire.map_reply import MapReply
from mapsys.wire.map_request import MapRequest
from mapsys.wire.message import decode
from mapsys.wire.records import EidRecord
from tests.core.world import map_request_in_ecm

NULL_WRAP, AES_WRAP = 1, 2
HMACS = {1: ("sha1", 12), 2: ("sha256", 16)}
KDFS = {1: SHA1, 2: SHA256}


class Discarded(Exception):
    """The Map-Reply is not believed, and why (RFC 9303, 6.9)."""


def mac(hmac_id: int, key: bytes, octets: bytes) -> bytes:
    hash_name, length = HMACS[hmac_id]
    return hmac.digest(key, octets, hash_name)[:length]


def ms_otk(otk: bytes, kdf_id: int) -> bytes:
    return HKDF(KDFS[kdf_id](), 16, b"", b"").derive(otk)


def wrapping_key(secret: bytes, nonce: int) -> bytes:
    material = nonce.to_bytes(8, "big") + b"OTK-Key-Wrap" + secret
    return HKDF(SHA256(), 16, b"", b"").derive(material)


def otk_ad(key_id: int, wrap_id: int, wrapped: bytes) -> bytes:
    return struct.pack("!HBB", 24, key_id, wrap_id) + wrapped


@dataclass(frozen=True)
class Data:
    """Authentication data of an ECM, taken apart."""

    requested_hmac_id: int
    key_id: int
    wrap_id: int
    wrapped: bytes
    eid_ad: bytes
    inner: bytes

    @classmethod
    def of(cls, ecm: bytes) -> Data:
        word, ad_type, hmac_id, length, key_id, wrap_id = struct.unpack_from("!IBxHHBB", ecm)
        assert word == 0x88000000, "an ECM with the S bit and no other"
        assert (ad_type, length) == (1, 24)
        end = 36 + int.from_bytes(ecm[36:38], "big")
        return cls(hmac_id, key_id, wrap_id, ecm[12:36], ecm[36:end], ecm[end:])

    def opened(self, secret: bytes) -> bytes:
        """The One-Time Key; raises InvalidUnwrap with another secret."""
        assert self.wrap_id == AES_WRAP
        request = decode(b"\x80\0\0\0" + self.inner).message  # type: ignore[union-attr]
        assert isinstance(request, MapRequest)
        return aes_key_unwrap(wrapping_key(secret, request.nonce), self.wrapped)


@dataclass(frozen=True)
class Vouched:
    """An EID-AD, taken apart; its HMAC is the last part of it."""

    octets: bytes
    kdf_id: int
    etr_cant_sign: bool
    hmac_id: int
    prefixes: tuple[EidPrefix, ...]

    @classmethod
    def of(cls, octets: bytes) -> Vouched:
        length, kdf_id, count, flags, hmac_id = struct.unpack_from("!HHBBH", octets)
        assert length == len(octets)
        reader = Reader(octets[8 : length - HMACS[hmac_id][1]])
        prefixes = []
        for _ in range(count):
            _unassigned, mask_len = reader.take(2)
            prefixes.append(to_eid_prefix(read_address(reader), mask_len))
        reader.finish()
        return cls(octets, kdf_id, bool(flags & 0x80), hmac_id, tuple(prefixes))

    def is_signed_with(self, otk: bytes) -> bool:
        length = HMACS[self.hmac_id][1]
        blank = self.octets[:-length] + bytes(length)
        return self.octets[-length:] == mac(self.hmac_id, otk, blank)


@dataclass
class SecureItr:
    """Asks with a One-Time Key, and believes what RFC 9303, 6.9 lets it believe.

    hmac_id, kdf_id: what it asks for; 0 leaves the choice to the Map-Server.
    """

    secret: bytes = b"between ITR and Map-Resolver"
    key_id: int = 1
    hmac_id: int = 2
    kdf_id: int = 2
    wrap_id: int = AES_WRAP
    otk: bytes = bytes(range(0x10, 0x20))
    waiting: dict[int, bytes] = field(default_factory=dict)

    def asks(self, *eids: str, nonce: int = 77, **fields: object) -> bytes:
        """A protected Map-Request."""
        return self.protects(map_request_in_ecm(*eids, nonce=nonce, **fields), nonce)

    def protects(self, ecm: bytes, nonce: int) -> bytes:
        """The ECM with a One-Time Key in it, which is remembered with the nonce."""
        self.waiting[nonce] = self.otk
        wrapped = bytes(8) + self.otk
        if self.wrap_id == AES_WRAP:
            wrapped = aes_key_wrap(wrapping_key(self.secret, nonce), self.otk)
        data = struct.pack("!BxH", 1, self.hmac_id) + otk_ad(self.key_id, self.wrap_id, wrapped)
        data += struct.pack("!HH", 4, self.kdf_id)
        return bytes((ecm[0] | 0x08,)) + ecm[1:4] + data + ecm[4:]

    def believes(self, octets: bytes) -> tuple[list[EidRecord], Vouched]:
        """The records that are vouched for, cut to that, and the EID-AD. Raises Discarded."""
        reply = decode(octets)
        assert isinstance(reply, MapReply)
        otk = self.waiting.pop(reply.nonce, None)
        if otk is None:
            raise Discarded("no such question")
        if reply.security is None:
            raise Discarded("not protected")
        assert reply.security[:4] == b"\1\0\0\0"
        end = 4 + int.from_bytes(reply.security[4:6], "big")
        vouched = Vouched.of(reply.security[4:end])
        length, hmac_id = struct.unpack_from("!HH", reply.security, end)
        assert length == len(reply.security) - end
        if self.hmac_id not in (0, hmac_id) or hmac_id not in HMACS:
            raise Discarded("another HMAC")
        if self.kdf_id not in (0, vouched.kdf_id) or vouched.kdf_id not in KDFS:
            raise Discarded("another KDF")
        if not vouched.is_signed_with(otk):
            raise Discarded("EID HMAC")
        octets_of_mac = HMACS[hmac_id][1]
        assert length == 4 + octets_of_mac
        expected = mac(
            hmac_id, ms_otk(otk, vouched.kdf_id), octets[:-octets_of_mac] + bytes(octets_of_mac)
        )
        if octets[-octets_of_mac:] != expected:
            raise Discarded("PKT HMAC")
        return [cut for r in reply.records if (cut := _cut(r, vouched.prefixes))], vouched


def _cut(record: EidRecord, prefixes: tuple[EidPrefix, ...]) -> EidRecord | None:
    """The record for what it and the prefixes have in common: prefixes nest or are apart."""
    claimed = record.eid_prefix
    for prefix in prefixes:
        if prefix.covers(claimed):
            return record
        if claimed.covers(prefix):
            eid, mask_len = from_eid_prefix(prefix)
            return replace(record, eid=eid, mask_len=mask_len)
    return None


@dataclass
class SecureEtr:
    """Answers protected Map-Requests under a key shared with its Map-Server."""

    secret: bytes = b"between Map-Server and ETR"

    def answers(self, ecm: bytes, *records: EidRecord) -> bytes:
        """A signed Map-Reply, whatever it claims."""
        data = Data.of(ecm)
        request = decode(b"\x80\0\0\0" + data.inner).message  # type: ignore[union-attr]
        assert isinstance(request, MapRequest)
        key = data.wrapped[8:] if data.wrap_id == NULL_WRAP else data.opened(self.secret)
        hmac_id = data.requested_hmac_id if data.requested_hmac_id in HMACS else 2
        octets_of_mac = HMACS[hmac_id][1]
        plain = MapReply(request.nonce, records).octets()
        blank = (
            bytes((plain[0] | 0x02,))
            + plain[1:]
            + b"\1\0\0\0"
            + data.eid_ad
            + struct.pack("!HH", 4 + octets_of_mac, hmac_id)
            + bytes(octets_of_mac)
        )
        return blank[:-octets_of_mac] + mac(hmac_id, key, blank)
