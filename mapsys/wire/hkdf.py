"""HKDF with SHA-256 (RFC 5869)."""

from __future__ import annotations

import hmac
from typing import Final

_HASH: Final = "sha256"
_HASH_OCTETS: Final = 32


def hkdf_sha256(key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """Extract and expand: ``length`` octets, at most 8160, derived from a key.

    Raises ValueError where length is out of range. Source: RFC 5869, 2.2 and 2.3.
    """
    if not 0 < length <= 255 * _HASH_OCTETS:
        raise ValueError(f"{length} is outside 1..{255 * _HASH_OCTETS}")
    pseudorandom_key = hmac.digest(salt, key, _HASH)
    block = derived = b""
    for counter in range(1, -(-length // _HASH_OCTETS) + 1):
        block = hmac.digest(pseudorandom_key, block + info + bytes((counter,)), _HASH)
        derived += block
    return derived[:length]
