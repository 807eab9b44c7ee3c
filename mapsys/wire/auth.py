"""Message authentication: the MAC over the octets of a message (RFC 9301, 5.6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hmac import compare_digest
from struct import Struct
from typing import Any, Final, TypeVar, cast

from mapsys.wire.hkdf import hkdf_sha256
from mapsys.wire.identity import IDENTITY_OCTETS
from mapsys.wire.info import InfoRequest
from mapsys.wire.map_notify import MapNotify, MapNotifyAck
from mapsys.wire.map_register import MapRegister
from mapsys.wire.prekeyed_hmac import PrekeyedHmac

KDF_INFO: Final = b""
KDF_OCTETS: Final = 32
"""RFC 9301, 5.6 names neither: taken as nothing, and as much as the hash gives."""

_SALTS: Final = {
    MapRegister.TYPE: b"Map-Register Authentication",
    MapNotify.TYPE: b"Map-Notify Authentication",
    MapNotifyAck.TYPE: b"Map-Notify-Ack Authentication",
}

_ID_PRESENT: Final = {MapRegister.TYPE: 0x02, MapNotify.TYPE: 0x08, MapNotifyAck.TYPE: 0x08}
"""The I bit in the first octet."""

_SIGNED_TYPES: Final = frozenset((*_SALTS, InfoRequest.TYPE))

_HEAD: Final = Struct("!B3x8sxBH")
"""Type, nonce, algorithm and MAC length: at one place in all messages that are signed."""


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One row of RFC 9301, 12.5.

    mac_lengths: octets of the MAC, cut as the RFC says, and in full, as deployed
    implementations send it. derives_key: every message has a key of its own.
    """

    name: str
    hash_name: str
    mac_lengths: tuple[int, int]
    derives_key: bool


ALGORITHMS: Final[dict[int, Algorithm]] = {
    1: Algorithm("hmac-sha-1-96", "sha1", (12, 20), derives_key=False),
    2: Algorithm("hmac-sha-256-128", "sha256", (16, 32), derives_key=False),
    3: Algorithm("hmac-sha-256-128+hkdf-sha256", "sha256", (16, 32), derives_key=True),
}
"""By Algorithm ID. 0, which authenticates nothing, is not among them."""

ALGORITHM_IDS: Final = {algorithm.name: number for number, algorithm in ALGORITHMS.items()}
"""By name, as the configuration has it."""


MacFunction = Callable[[bytes], bytes]

Prepared = TypeVar("Prepared")


class Key:
    """A secret shared with an xTR, ready to sign and to verify.

    It signs Map-Register, Map-Notify, Map-Notify-Ack, Info-Request and Info-Reply;
    the last two not under algorithm 3, whose key for them nobody has defined. The
    secret is shown nowhere.

    A MAC covers the whole UDP payload, as RFC 6830 has it and all deployed
    implementations. records_only ends it with the last RLOC-Record, by the letter
    of RFC 9301, 5.6, which leaves out the xTR-ID and the Site-ID.
    """

    __slots__ = ("_prekeyed", "_prepared", "_secret")

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._prepared: Any = None
        self._prekeyed: dict[str, PrekeyedHmac] = {}

    def sign(self, octets: bytes, *, records_only: bool = False) -> bytes:
        """The message with its authentication data filled in.

        octets: a whole message that names its algorithm and has room for the MAC.
        Raises ValueError where it cannot be signed.
        """
        mac = self._mac(octets, records_only)
        if mac is None:
            raise ValueError(
                "cannot sign: the octets are none of the messages that are signed, or name an"
                " algorithm and MAC length that are not in ALGORITHMS"
            )
        return octets[: _HEAD.size] + mac + octets[_HEAD.size + len(mac) :]

    def verify(self, octets: bytes, *, records_only: bool = False) -> bool:
        """Whether a received message was signed with this secret.

        Algorithm and MAC length are the message's own; what is not in ALGORITHMS
        does not verify. Takes the same time for every MAC of one length.
        """
        mac = self._mac(octets, records_only)
        if mac is None:
            return False
        return compare_digest(mac, octets[_HEAD.size : _HEAD.size + len(mac)])

    def prepared(self, make: Callable[[bytes], Prepared]) -> Prepared:
        """The secret made ready by another implementation, always the same one; made once."""
        if self._prepared is None:
            self._prepared = make(self._secret)
        return cast(Prepared, self._prepared)

    def mac_function(self, algorithm_id: int, mac_length: int) -> MacFunction:
        """The MAC of whole messages under one algorithm, for where many follow.

        The function takes a message's octets with the authentication data zeroed and
        returns its MAC; what sign and verify check, its caller has checked before.
        Raises KeyError for an unknown algorithm.
        """
        algorithm = ALGORITHMS[algorithm_id]
        if not algorithm.derives_key:
            return self._prekeyed_hmac(algorithm.hash_name).function(mac_length)

        def derived(octets: bytes) -> bytes:
            salt = _SALTS[octets[0] >> 4]
            key = hkdf_sha256(octets[4:12] + self._secret, salt, KDF_INFO, KDF_OCTETS)
            return PrekeyedHmac(key, algorithm.hash_name).mac((octets,))[:mac_length]

        return derived

    def _mac(self, octets: bytes, records_only: bool) -> bytes | None:
        """The MAC that the message should carry, at the length it announces, or None."""
        if len(octets) < _HEAD.size:
            return None
        first, nonce, algorithm_id, length = _HEAD.unpack_from(octets)
        message_type = first >> 4
        algorithm = ALGORITHMS.get(algorithm_id)
        end = len(octets)
        if records_only and first & _ID_PRESENT.get(message_type, 0):
            end -= IDENTITY_OCTETS
        records = _HEAD.size + length
        if (
            algorithm is None
            or message_type not in _SIGNED_TYPES
            or length not in algorithm.mac_lengths
            or records > end
        ):
            return None
        if algorithm.derives_key:
            salt = _SALTS.get(message_type)
            if salt is None:
                return None
            key = hkdf_sha256(nonce + self._secret, salt, KDF_INFO, KDF_OCTETS)
            hmac = PrekeyedHmac(key, algorithm.hash_name)
        else:
            hmac = self._prekeyed_hmac(algorithm.hash_name)
        return hmac.mac((octets[: _HEAD.size], bytes(length), octets[records:end]))[:length]

    def _prekeyed_hmac(self, hash_name: str) -> PrekeyedHmac:
        hmac = self._prekeyed.get(hash_name)
        if hmac is None:
            hmac = self._prekeyed[hash_name] = PrekeyedHmac(self._secret, hash_name)
        return hmac

    def __repr__(self) -> str:
        return "Key(secret=...)"
