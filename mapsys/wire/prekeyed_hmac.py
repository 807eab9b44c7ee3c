"""HMAC with the key already hashed in, for keys that are used again and again (RFC 2104)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Final

_INNER_PAD: Final = bytes(octet ^ 0x36 for octet in range(256))
_OUTER_PAD: Final = bytes(octet ^ 0x5C for octet in range(256))


class PrekeyedHmac:
    """One key under one hash function; each MAC saves hashing the key twice."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes, hash_name: str) -> None:
        self._inner = hashlib.new(hash_name)
        self._outer = hashlib.new(hash_name)
        block_octets = self._inner.block_size
        if len(key) > block_octets:
            key = hashlib.new(hash_name, key).digest()
        block = key.ljust(block_octets, b"\0")
        self._inner.update(block.translate(_INNER_PAD))
        self._outer.update(block.translate(_OUTER_PAD))

    def mac(self, parts: Iterable[bytes]) -> bytes:
        """The whole MAC over the parts, one after the other."""
        inner = self._inner.copy()
        for part in parts:
            inner.update(part)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()

    def function(self, length: int) -> Callable[[bytes], bytes]:
        """The same for octets in one piece, cut to a length, without a look-up on the way."""
        copy_inner, copy_outer = self._inner.copy, self._outer.copy

        def mac(octets: bytes) -> bytes:
            inner = copy_inner()
            inner.update(octets)
            outer = copy_outer()
            outer.update(inner.digest())
            return outer.digest()[:length]

        return mac
