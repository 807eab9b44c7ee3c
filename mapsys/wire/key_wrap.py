"""One-Time Keys of LISP-SEC, wrapped for one link (RFC 9303, 6.5)."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from mapsys.wire.hkdf import hkdf_sha256

KEY_OCTETS: Final = 16
"""Of the wrapping key: AES with 128 bits."""

_LABEL: Final = b"OTK-Key-Wrap"


class WrapKey:
    """A secret shared over one link: ITR and Map-Resolver, or Map-Server and ETR.

    Each message gets a wrapping key of its own, derived from its nonce and the
    secret. RFC 9303 names neither salt nor info for that: both are taken as empty.
    The secret is shown nowhere.

    Source: RFC 9303, 6.5; RFC 3394, 2.2.1 and 2.2.2.
    """

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def wrap(self, otk: bytes, nonce: int) -> bytes:
        """A One-Time Key of 16 octets as the 24 octets of preamble and key.

        nonce: the Map-Request's, 64 bits.
        """
        return aes_key_wrap(self._key_for(nonce), otk)

    def unwrap(self, wrapped: bytes, nonce: int) -> bytes | None:
        """The One-Time Key in 24 octets; None where the initial value is not the right one.

        That is so with another secret, another nonce, or octets changed on the way.
        """
        try:
            return aes_key_unwrap(self._key_for(nonce), wrapped)
        except InvalidUnwrap:
            return None

    def _key_for(self, nonce: int) -> bytes:
        material = nonce.to_bytes(8, "big") + _LABEL + self._secret
        return hkdf_sha256(material, b"", b"", KEY_OCTETS)

    def __repr__(self) -> str:
        return "WrapKey(secret=...)"
