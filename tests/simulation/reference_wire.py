"""LISP control messages as plain tuples, read from octets by nothing but RFC 9301.

An EID-Prefix is (instance-ID, AFI, its bits as a string of 0 and 1), so that one covers
another where the strings say so. Raises Malformed where octets make no sense.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from functools import lru_cache
from typing import NamedTuple

Prefix = tuple[int, int, str]
OCTETS = {1: 4, 2: 16}
HASHES = {1: ("sha1", (12, 20)), 2: ("sha256", (16, 32)), 3: ("sha256", (16, 32))}
SALTS = {3: b"Map-Register Authentication", 4: b"Map-Notify Authentication"}


class Malformed(Exception):
    """Octets that are no message of the kind expected."""


class Locator(NamedTuple):
    """address: AFI and octets, as they sort. values: priority, weight, and so for multicast."""

    address: bytes
    values: bytes
    reachable: bool


class Record(NamedTuple):
    """An EID-Record as a Map-Server tells it: flags of its ETR alone left out, locators sorted."""

    prefix: Prefix
    ttl: int
    action: int
    version: int
    locators: tuple[Locator, ...]

    @property
    def octets(self) -> int:
        """How long it is on the wire."""
        eid = OCTETS[self.prefix[1]] + (12 if self.prefix[0] else 0)
        return 12 + eid + sum(6 + len(one.address) for one in self.locators)


class Signed(NamedTuple):
    """A Map-Register or Map-Notify; xtr: the xTR-ID or None."""

    flags: int
    nonce: int
    key_id: int
    algorithm: int
    mac: bytes
    records: tuple[Record, ...]
    xtr: bytes | None
    site_id: bytes

    def has(self, bit: int) -> bool:
        """Whether a bit of the first word is set, counted from the left as the RFC does."""
        return bool(self.flags >> (31 - bit) & 1)


def covers(outer: Prefix, inner: Prefix) -> bool:
    return outer[:2] == inner[:2] and inner[2].startswith(outer[2])


def overlap(one: Prefix, other: Prefix) -> bool:
    return covers(one, other) or covers(other, one)


@lru_cache(maxsize=65_536)
def bits(octets: bytes) -> str:
    return "".join(format(octet, "08b") for octet in octets)


def read_address(data: bytes, at: int) -> tuple[int, int, bytes, int]:
    """(instance-ID, AFI, octets, where it ends)."""
    (afi,) = struct.unpack_from("!H", data, at)
    if afi == 16387 and data[at + 4] == 2:
        (instance_id,) = struct.unpack_from("!I", data, at + 8)
        _, afi, octets, end = read_address(data, at + 12)
        return instance_id, afi, octets, end
    if afi not in OCTETS:
        raise Malformed(f"AFI {afi}")
    end = at + 2 + OCTETS[afi]
    if end > len(data):
        raise Malformed("an address is cut short")
    return 0, afi, data[at + 2 : end], end


def read_record(data: bytes, at: int) -> tuple[Record, int]:
    """RFC 9301, 5.4: TTL, counts, flags, EID-Prefix, locators."""
    ttl, count, length, flags, version = struct.unpack_from("!IBBHH", data, at)
    instance_id, afi, octets, at = read_address(data, at + 10)
    if length > 8 * len(octets):
        raise Malformed("a mask that is longer than its address")
    locators = []
    for _ in range(count):
        values, rest = data[at : at + 4], struct.unpack_from("!H", data, at + 4)[0]
        _, locator_afi, address, at = read_address(data, at + 6)
        packed = struct.pack("!H", locator_afi) + address
        locators.append(Locator(packed, values, bool(rest & 1)))
    prefix = (instance_id, afi, bits(octets)[:length])
    action = 0 if locators else flags >> 13
    told = tuple(sorted(locators, key=lambda one: one.address))
    return Record(prefix, ttl, action, version & 0xFFF, told), at


def read_signed(data: bytes) -> Signed:
    """A Map-Register (RFC 9301, 5.6) or Map-Notify (5.7)."""
    try:
        flags, nonce, key_id, algorithm, length = struct.unpack_from("!IQBBH", data)
        at = 16 + length
        records = []
        for _ in range(flags & 0xFF):
            record, at = read_record(data, at)
            records.append(record)
    except (struct.error, IndexError) as error:
        raise Malformed(str(error)) from error
    has_trailer = (flags >> 28 == 3 and flags >> 25 & 1) or (flags >> 28 == 4 and flags >> 27 & 1)
    if len(data) != at + (24 if has_trailer else 0):
        raise Malformed("its end is not where it says")
    xtr = data[at : at + 16] if has_trailer else None
    site_id = data[at + 16 :] if has_trailer else bytes(8)
    mac = data[16 : 16 + length]
    return Signed(flags, nonce, key_id, algorithm, mac, tuple(records), xtr, site_id)


def is_signed_with(data: bytes, message: Signed, secret: bytes) -> bool:
    """RFC 9301, 5.6: an HMAC over the whole payload, its own field taken as zero."""
    name, lengths = HASHES.get(message.algorithm, ("", ()))
    length = len(message.mac)
    if length not in lengths:
        return False
    key = secret
    if message.algorithm == 3:
        extracted = hmac.digest(SALTS[data[0] >> 4], data[4:12] + secret, hashlib.sha256)
        key = hmac.digest(extracted, b"\x01", hashlib.sha256)
    zeroed = data[:16] + bytes(length) + data[16 + length :]
    return hmac.digest(key, zeroed, name)[:length] == message.mac


def read_reply(data: bytes) -> tuple[int, tuple[Record, ...]]:
    """A Map-Reply: its nonce and records (RFC 9301, 5.4)."""
    word, nonce = struct.unpack_from("!IQ", data)
    at, records = 12, []
    for _ in range(word & 0xFF):
        record, at = read_record(data, at)
        records.append(record)
    if word >> 28 != 2 or at != len(data):
        raise Malformed("no Map-Reply")
    return nonce, tuple(records)
