"""LISP-SEC authentication data of ECMs and Map-Replies (RFC 9303, 6.1 and 6.2)."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from enum import IntEnum
from struct import Struct
from typing import Final, Self

from mapsys.eid import EidPrefix
from mapsys.wire.address import Address, read_address
from mapsys.wire.cursor import Reader, Writer
from mapsys.wire.eid_address import from_eid_prefix, to_eid_prefix
from mapsys.wire.errors import Truncated, UnknownAuthenticationData
from mapsys.wire.hkdf import hkdf

LISP_SEC: Final = 1
"""The AD Type, in ECMs as in Map-Replies (RFC 9303, 8.1 and 8.2)."""

OTK_OCTETS: Final = 16
WRAPPED_OCTETS: Final = 24
"""A key of 128 bits behind the 64 bits of its preamble."""

OTK_LENGTHS: Final = (WRAPPED_OCTETS, WRAPPED_OCTETS + 4)
"""Octets of preamble and key, as sent here; in another reading with the 4 before them."""

_ECM_HEAD: Final = Struct("!BxHHBB")
_REPLY_HEAD: Final = Struct("!B3x")
_PAIR: Final = Struct("!HH")
_EIDS_HEAD: Final = Struct("!BBH")
_ETR_CANT_SIGN: Final = 0x80


class HmacId(IntEnum):
    """What can be computed of RFC 9303, 8.3; on the wire, 0 leaves the choice to the other."""

    AUTH_HMAC_SHA_1_96 = 1
    AUTH_HMAC_SHA_256_128 = 2

    @classmethod
    def chosen(cls, requested: int) -> HmacId:
        """The function requested, or the mandatory one in place of what is not known."""
        return cls(requested) if requested in _HMACS else cls.AUTH_HMAC_SHA_256_128

    @property
    def octets(self) -> int:
        """How long its MAC is."""
        return _HMACS[self][1]

    def mac(self, key: bytes, message: bytes) -> bytes:
        """The truncated MAC of a message."""
        hash_name, octets = _HMACS[self]
        return hmac.digest(key, message, hash_name)[:octets]


_HMACS: Final = {
    HmacId.AUTH_HMAC_SHA_1_96: ("sha1", 12),
    HmacId.AUTH_HMAC_SHA_256_128: ("sha256", 16),
}


class KeyWrapId(IntEnum):
    """RFC 9303, 8.4."""

    NULL_KEY_WRAP_128 = 1
    AES_KEY_WRAP_128_HKDF_SHA256 = 2


class KdfId(IntEnum):
    """What can be computed of RFC 9303, 8.5; on the wire, 0 leaves the choice to the other."""

    HKDF_SHA1_128 = 1
    HKDF_SHA256 = 2

    @classmethod
    def chosen(cls, requested: int) -> KdfId:
        """The function requested, or the mandatory one in place of what is not known."""
        return cls(requested) if requested in _KDF_HASHES else cls.HKDF_SHA256

    def derive(self, otk: bytes) -> bytes:
        """The MS-OTK of an ITR-OTK, 16 octets: HKDF without salt and info, which no RFC names."""
        return hkdf(_KDF_HASHES[self], otk, b"", b"", OTK_OCTETS)


_KDF_HASHES: Final = {KdfId.HKDF_SHA1_128: "sha1", KdfId.HKDF_SHA256: "sha256"}


@dataclass(frozen=True, slots=True)
class AuthorizedEid:
    """An EID-Prefix that an answer may be about."""

    eid: Address
    mask_len: int

    @classmethod
    def of(cls, prefix: EidPrefix) -> Self:
        """The canonical form of a prefix on the wire."""
        return cls(*from_eid_prefix(prefix))

    @property
    def eid_prefix(self) -> EidPrefix:
        """Raises UnknownEid, BadMaskLength."""
        return to_eid_prefix(self.eid, self.mask_len)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Raises Truncated, and what ``read_address`` raises."""
        _unassigned, mask_len = reader.take(2)
        return cls(read_address(reader), mask_len)

    def write(self, writer: Writer) -> None:
        """Append the record."""
        writer.uint(self.mask_len, 2)
        self.eid.write(writer)


@dataclass(frozen=True, slots=True)
class Authorization:
    """What a Map-Server adds to the EID-AD.

    eids: at most 255. hmac_id: as received, perhaps not a known one. hmac: over the
    whole EID-AD, keyed with the ITR-OTK. etr_cant_sign: the E bit, which the
    figure of RFC 9303, 6.2 leaves out and 6.7 demands in Map-Replies too.
    """

    eids: tuple[AuthorizedEid, ...]
    hmac_id: int
    hmac: bytes
    etr_cant_sign: bool = False


@dataclass(frozen=True, slots=True)
class EidAd:
    """EID Authentication Data.

    authorization: None as long as no Map-Server has seen it: an ITR only names a KDF.

    Source: RFC 9303, 6.1.
    """

    kdf_id: int
    authorization: Authorization | None = None

    @classmethod
    def signed(
        cls,
        kdf_id: int,
        eids: tuple[AuthorizedEid, ...],
        hmac_id: HmacId,
        otk: bytes,
        *,
        etr_cant_sign: bool,
    ) -> Self:
        """A Map-Server's, its HMAC keyed with the ITR-OTK (RFC 9303, 6.7.1)."""
        blank = cls(kdf_id, Authorization(eids, hmac_id, bytes(hmac_id.octets), etr_cant_sign))
        mac = hmac_id.mac(otk, blank.octets())
        return cls(kdf_id, Authorization(eids, hmac_id, mac, etr_cant_sign))

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Raises Truncated, and what ``read_address`` raises."""
        length, kdf_id = reader.unpack(_PAIR)
        if length < _PAIR.size:
            raise Truncated(f"an EID-AD of {length} octets")
        if length == _PAIR.size:
            return cls(kdf_id)
        with reader.within(length - _PAIR.size):
            count, flags, hmac_id = reader.unpack(_EIDS_HEAD)
            eids = tuple(AuthorizedEid.read(reader) for _ in range(count))
            authorization = Authorization(
                eids, hmac_id, reader.take_rest(), bool(flags & _ETR_CANT_SIGN)
            )
        return cls(kdf_id, authorization)

    def octets(self) -> bytes:
        """The structure from its length on. Raises ValueError where a field is out of range."""
        writer = Writer()
        added = self.authorization
        if added is not None:
            flags = added.etr_cant_sign * _ETR_CANT_SIGN
            writer.pack(_EIDS_HEAD, len(added.eids), flags, added.hmac_id)
            for eid in added.eids:
                eid.write(writer)
            writer.put(added.hmac)
        rest = writer.octets()
        head = Writer()
        head.pack(_PAIR, _PAIR.size + len(rest), self.kdf_id)
        return head.octets() + rest


@dataclass(frozen=True, slots=True)
class EcmSecurity:
    """Authentication data of an ECM: a One-Time Key, and what it is to protect.

    requested_hmac_id: which function the ITR wants; 0 for any. key_id: names the
    secret of this link, 0..255. wrap_id: how the key is wrapped, perhaps in an
    unknown way. wrapped_otk: preamble and key, 24 octets, not shown.

    Source: RFC 9303, 6.1.
    """

    requested_hmac_id: int
    key_id: int
    wrap_id: int
    wrapped_otk: bytes = field(repr=False)
    eid_ad: EidAd

    @classmethod
    def parse(cls, octets: bytes) -> Self:
        """Read what ``Ecm.security`` holds.

        Raises UnknownAuthenticationData where it is not LISP-SEC's, Truncated,
        TrailingOctets, and what ``read_address`` raises.
        """
        reader = Reader(octets)
        ad_type, requested_hmac_id, otk_length, key_id, wrap_id = reader.unpack(_ECM_HEAD)
        if ad_type != LISP_SEC:
            raise UnknownAuthenticationData(f"AD Type {ad_type}")
        if otk_length not in OTK_LENGTHS:
            raise UnknownAuthenticationData(f"a One-Time Key of {otk_length} octets")
        wrapped_otk = reader.take(WRAPPED_OCTETS)
        security = cls(requested_hmac_id, key_id, wrap_id, wrapped_otk, EidAd.read(reader))
        reader.finish()
        return security

    def octets(self) -> bytes:
        """What ``Ecm.security`` takes. Raises ValueError where a field is out of range."""
        if len(self.wrapped_otk) != WRAPPED_OCTETS:
            raise ValueError(f"preamble and key are {WRAPPED_OCTETS} octets")
        writer = Writer()
        writer.pack(
            _ECM_HEAD,
            LISP_SEC,
            self.requested_hmac_id,
            WRAPPED_OCTETS,
            self.key_id,
            self.wrap_id,
        )
        writer.put(self.wrapped_otk)
        writer.put(self.eid_ad.octets())
        return writer.octets()


@dataclass(frozen=True, slots=True)
class ReplySecurity:
    """Authentication data of a Map-Reply: the Map-Server's EID-AD, and the PKT-AD.

    hmac: over the whole Map-Reply, keyed with the MS-OTK; hmac_id names its function.

    Source: RFC 9303, 6.2. PKT-AD Length is taken to count itself, as EID-AD Length does.
    """

    eid_ad: EidAd
    hmac_id: int
    hmac: bytes

    @classmethod
    def parse(cls, octets: bytes) -> Self:
        """Read what ``MapReply.security`` holds.

        Raises UnknownAuthenticationData where it is not LISP-SEC's, Truncated,
        TrailingOctets, and what ``read_address`` raises.
        """
        reader = Reader(octets)
        (ad_type,) = reader.unpack(_REPLY_HEAD)
        if ad_type != LISP_SEC:
            raise UnknownAuthenticationData(f"AD Type {ad_type}")
        eid_ad = EidAd.read(reader)
        length, hmac_id = reader.unpack(_PAIR)
        if length < _PAIR.size:
            raise Truncated(f"a PKT-AD of {length} octets")
        security = cls(eid_ad, hmac_id, reader.take(length - _PAIR.size))
        reader.finish()
        return security

    def octets(self) -> bytes:
        """What ``MapReply.security`` takes. Raises ValueError where a field is out of range."""
        writer = Writer()
        writer.pack(_REPLY_HEAD, LISP_SEC)
        writer.put(self.eid_ad.octets())
        writer.pack(_PAIR, _PAIR.size + len(self.hmac), self.hmac_id)
        writer.put(self.hmac)
        return writer.octets()


def sign_map_reply(octets: bytes, hmac_id: HmacId, ms_otk: bytes) -> bytes:
    """A Map-Reply with its PKT HMAC filled in.

    octets: the whole message, ending in a PKT HMAC of zeros. Source: RFC 9303, 6.8.
    """
    return octets[: -hmac_id.octets] + hmac_id.mac(ms_otk, octets)
