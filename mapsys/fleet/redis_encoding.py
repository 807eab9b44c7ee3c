"""How keys, writes and changes look inside a Redis-protocol engine."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, cast

import msgspec

from mapsys.fleet.contract import (
    MARK_SECONDS,
    Ask,
    Changes,
    FleetError,
    ForgetMark,
    Guard,
    Keep,
    Kept,
    Outcome,
    Prolong,
    RaiseMark,
    Status,
    Stored,
    SupersedeDigest,
    Write,
)
from mapsys.fleet.rule import ORDER_TOLERANCE_MS

FORMAT: Final = b"1"
"""Of all that is said here; an engine that holds another one is left alone."""

LOG_LENGTH: Final = 1_000
"""Changes of a partition that can be followed; who is further behind loads it."""

HEAD: Final = struct.Struct(">QQ")
_NUMBER: Final = struct.Struct(">Q")
_TTL: Final = struct.Struct(">I")
_SAFE: Final = 1 << 53


class Keys:
    """Names of keys; all of one partition are in one slot of a cluster."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.format = f"{prefix}:format".encode()
        self.members = f"{prefix}:members".encode()
        self._tags = [f"{prefix}:{{{number}}}".encode() for number in range(256)]

    def seq(self, partition: int) -> bytes:
        return self._tags[partition] + b":seq"

    def log(self, partition: int) -> bytes:
        return self._tags[partition] + b":log"

    def state(self, partition: int, eid: bytes) -> bytes:
        return self._tags[partition] + b"r:" + eid

    def mark(self, partition: int, mark: bytes) -> bytes:
        return self._tags[partition] + b"n:" + mark

    def digest(self, partition: int, digest: bytes) -> bytes:
        return self._tags[partition] + b"d:" + digest

    def pattern(self, partition: int | None) -> bytes:
        """For SCAN: the partition's keys, or all."""
        inside = b"*" if partition is None else str(partition).encode()
        return _escaped(self.prefix) + b":{" + inside + b"}[rnd]:*"

    def parse(self, key: bytes) -> tuple[int, bytes, bytes]:
        """Partition, kind (r, n or d) and the rest of a key. Raises ValueError."""
        tag, closing, rest = key[len(self.prefix) + 2 :].partition(b"}")
        if not closing or rest[1:2] != b":" or not tag.isdigit() or int(tag) > 255:
            raise ValueError("a key of somebody else")
        return int(tag), rest[:1], rest[2:]


def _escaped(prefix: str) -> bytes:
    return "".join(f"\\{c}" if c in "*?[]\\^" else c for c in prefix).encode()


def encode_batch(
    keys: Keys, writer: str, at_ms: int, groups: Sequence[tuple[int, Sequence[Write]]]
) -> list[bytes]:
    """KEYS and ARGV of the script, with their number in front."""
    names: list[bytes] = []
    packed: list[object] = []
    octets: list[bytes] = []
    for partition, writes in groups:
        names += (keys.seq(partition), keys.log(partition))
        floor = 0
        items: list[object] = []
        for write in writes:
            match write:
                case Keep():
                    floor = max(floor, write.version)
                    names.append(keys.state(partition, write.eid))
                    guard: object = False
                    octets.append(write.octets)
                    if write.guard is not None:
                        name, guard = _guard(keys, partition, write.guard)
                        names.append(name)
                    items.append(
                        (
                            1,
                            max(1, write.ttl_ms),
                            write.base,
                            int(write.takes_over),
                            int(write.restores),
                            write.epoch,
                            write.version,
                            guard,
                        )
                    )
                case Prolong():
                    names.append(keys.state(partition, write.eid))
                    items.append((2, write.base, max(1, write.ttl_ms)))
                case Ask():
                    names.append(keys.state(partition, write.eid))
                    items.append((3,))
                case RaiseMark():
                    names.append(keys.mark(partition, write.mark))
                    items.append((4, *_halves(write.nonce), write.at_ms))
                case ForgetMark():
                    names.append(keys.mark(partition, write.mark))
                    items.append((5,))
                case SupersedeDigest():
                    names.append(keys.digest(partition, write.digest))
                    items.append((6, write.until_ms, int(write.kept)))
        packed.append((floor, items))
    message = (writer, at_ms, LOG_LENGTH, MARK_SECONDS * 1_000, ORDER_TOLERANCE_MS, packed)
    return [str(len(names)).encode(), *names, msgspec.msgpack.encode(message), *octets]


def _guard(keys: Keys, partition: int, guard: Guard) -> tuple[bytes, tuple[int, ...]]:
    if guard.digest:
        return keys.digest(partition, guard.digest), (1,)
    return keys.mark(partition, guard.mark), (2, *_halves(guard.nonce), guard.at_ms)


def _halves(nonce: int) -> tuple[int, int]:
    return nonce >> 32, nonce & 0xFFFFFFFF


def decode_outcome(answer: object) -> Outcome:
    """Raises FleetError where it is none."""
    if isinstance(answer, int):
        return Outcome(Status.DONE, answer)
    try:
        code, octets, ttl_ms = cast(tuple[int, bytes, int], answer)
        stored = decode_stored(octets, ttl_ms) if octets else None
        return Outcome(Status(code), 0, stored)
    except (TypeError, ValueError) as error:
        raise FleetError(f"the engine answers with {answer!r:.60}, which is none") from error


def decode_stored(octets: bytes, ttl_ms: int) -> Stored:
    """Raises ValueError where the octets are too short, or name an impossible version."""
    if len(octets) < HEAD.size:
        raise ValueError("a state is cut short")
    version, epoch = HEAD.unpack_from(octets)
    if version >= _SAFE or epoch >= _SAFE:
        raise ValueError("a state has an impossible version")
    return Stored(version, epoch, ttl_ms, octets[HEAD.size :])


def decode_entry(partition: int, entry_id: bytes, fields: Sequence[bytes]) -> Changes:
    """One entry of a log. What cannot be read in it is left out."""
    writer, at_ms = "", 0
    kept: list[Kept] = []
    marks: list[tuple[bytes, int | None]] = []
    superseded: list[tuple[bytes, int]] = []
    for name, octets in zip(fields[::2], fields[1::2], strict=False):
        kind, rest = name[:1], name[1:]
        try:
            if kind == b"r":
                (ttl_ms,) = _TTL.unpack_from(rest)
                kept.append(Kept(rest[_TTL.size :], decode_stored(octets, ttl_ms)))
            elif kind == b"n":
                marks.append((rest, _NUMBER.unpack(octets)[0]))
            elif kind == b"f":
                marks.append((rest, None))
            elif kind == b"s":
                superseded.append((rest, _NUMBER.unpack(octets)[0]))
            elif kind == b"w":
                writer = octets.decode()
            elif kind == b"t":
                at_ms = int(octets)
        except (struct.error, ValueError):
            continue
    seq = int(entry_id.partition(b"-")[0])
    return Changes(partition, seq, writer, at_ms, tuple(kept), tuple(marks), tuple(superseded))


def decode_loaded(kind: bytes, rest: bytes, octets: bytes, ttl_ms: int) -> object:
    """What one key holds: a Kept, a mark with its nonce, a digest with its end; None for none."""
    try:
        if kind == b"r":
            return Kept(rest, decode_stored(octets, ttl_ms))
        number = int(_NUMBER.unpack_from(octets)[0])
    except (struct.error, ValueError):
        return None
    return rest, number
