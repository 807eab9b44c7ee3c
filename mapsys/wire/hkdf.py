"""HKDF with SHA-1 or SHA-256 (RFC 5869)."""

from __future__ import annotations

import hmac
from typing import Final

_HASH_OCTETS: Final = {"sha1": 20, "sha256": 32}


def hkdf(hash_name: str, key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """Extract and expand: ``length`` octets derived from a key, at most 255 times the hash's.

    hash_name: "sha1" or "sha256".

    Raises ValueError where length is out of range. Source: RFC 5869, 2.2 and 2.3.
    """
    hash_octets = _HASH_OCTETS[hash_name]
    if not 0 < length <= 255 * hash_octets:
        raise ValueError(f"{length} is outside 1..{255 * hash_octets}")
    pseudorandom_key = hmac.digest(salt, key, hash_name)
    block = derived = b""
    for counter in range(1, -(-length // hash_octets) + 1):
        block = hmac.digest(pseudorandom_key, block + info + bytes((counter,)), hash_name)
        derived += block
    return derived[:length]


def hkdf_sha256(key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """The same with SHA-256: at most 8160 octets."""
    return hkdf("sha256", key, salt, info, length)
