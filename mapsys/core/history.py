"""The history of moves: which xTR an EID-Prefix went from and to, and when.

Kept in the store within bounds: so many for each EID-Prefix, so many in all, none
older than the operator wants to keep. It says where people were, so it can be
switched off, and what was kept goes then.
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass
from typing import Final, NamedTuple

from mapsys.eid import EidPrefix
from mapsys.store import Store

MOVES_PER_EID: Final = 16
MOVES: Final = 50_000
RETENTION_SECONDS: Final = 30 * 86_400

PREVIOUS_LIMIT: Final = 8
"""Former xTRs that are named in one move; there is mostly one."""

DROP_SLICE: Final = 256
"""Moves that one call of ``expire`` forgets at most."""

_HEAD: Final = struct.Struct(">Q?BB")
"""Seconds since 1970, whether merging had been asked for, xTRs named, octets of the site's name."""


_NONE: Final[tuple[int | None, float | None]] = (None, None)


@dataclass(frozen=True, slots=True)
class HistoryLimits:
    """moves_per_eid, moves: at least 1. retention_seconds: by the wall clock."""

    moves_per_eid: int = MOVES_PER_EID
    moves: int = MOVES
    retention_seconds: int = RETENTION_SECONDS


class Mover(NamedTuple):
    """An xTR: its registrant octets (``store.Registration``), and the address it signed from."""

    registrant: bytes
    host: str


class Move(NamedTuple):
    """One move; at: seconds since 1970. previous: up to PREVIOUS_LIMIT of the former xTRs."""

    eid: EidPrefix
    at: int
    site: str
    previous: tuple[Mover, ...]
    to: Mover
    merge_conflict: bool

    def pack(self) -> bytes:
        """Octets for the store, the EID-Prefix left out."""
        name = self.site.encode()
        movers = (self.to, *self.previous)
        head = _HEAD.pack(self.at, self.merge_conflict, len(movers), len(name))
        return head + name + b"".join(map(_pack_mover, movers))

    @classmethod
    def unpack(cls, eid: EidPrefix, octets: bytes) -> Move:
        """From the store. Raises ValueError where the octets are damaged."""
        try:
            at, merge_conflict, count, name_octets = _HEAD.unpack_from(octets)
            offset = _HEAD.size + name_octets
            site = octets[_HEAD.size : offset].decode()
            movers = []
            for _ in range(count):
                mover, offset = _read_mover(octets, offset)
                movers.append(mover)
            return cls(eid, at, site, tuple(movers[1:]), movers[0], merge_conflict)
        except (struct.error, IndexError, ValueError) as error:
            raise ValueError(f"a damaged move: {error}") from error


def _pack_mover(mover: Mover) -> bytes:
    host = ipaddress.ip_address(mover.host).packed
    return bytes((len(mover.registrant), len(host))) + mover.registrant + host


def _read_mover(octets: bytes, offset: int) -> tuple[Mover, int]:
    middle = offset + 2 + octets[offset]
    end = middle + octets[offset + 1]
    if end > len(octets):
        raise ValueError("it is cut short")
    host = str(ipaddress.ip_address(octets[middle:end]))
    return Mover(octets[offset + 2 : middle], host), end


class History:
    """Records moves in a store and forgets them again."""

    def __init__(self, store: Store, limits: HistoryLimits | None, wall_offset: float) -> None:
        """limits: None keeps no history, and forgets what there is.

        wall_offset: seconds since 1970 minus the core's clock.
        """
        self._store = store
        self._limits = limits
        self._wall_offset = wall_offset
        self._deadline = _NONE
        """Which move ends next, and when: asked for after every batch of datagrams."""

    def record(
        self,
        eid: EidPrefix,
        site: str,
        previous: tuple[Mover, ...],
        to: Mover,
        *,
        merge_conflict: bool,
        now: float,
    ) -> None:
        """An EID-Prefix has moved. The oldest ones give way where a bound is reached."""
        limits = self._limits
        if limits is None:
            return
        moves = self._store.moves
        at = int(now + self._wall_offset)
        move = Move(eid, at, site, previous[:PREVIOUS_LIMIT], to, merge_conflict)
        moves.add(eid, move.pack())
        if moves.count(eid) > limits.moves_per_eid:
            moves.drop(next(moves.of(eid)).number)
        self._forget(limits.moves, at)

    def of(self, eid: EidPrefix, now: float) -> list[Move]:
        """The moves of every EID-Prefix that covers the EID, newest first."""
        if self._limits is None:
            return []
        oldest = now + self._wall_offset - self._limits.retention_seconds
        numbered = [
            (recorded.number, Move.unpack(recorded.eid, recorded.facts))
            for length in range(eid.length, -1, -1)
            for recorded in self._store.moves.of(eid.truncated(length))
        ]
        return [move for _, move in sorted(numbered, reverse=True) if move.at >= oldest]

    def next_deadline(self) -> float | None:
        """When there is something to forget."""
        moves = self._store.moves
        if self._limits is None or len(moves) > self._limits.moves:
            return 0.0 if len(moves) else None
        number = moves.oldest_number
        if number != self._deadline[0]:
            oldest = moves.oldest()
            self._deadline = _NONE
            if oldest is not None:
                at = Move.unpack(oldest.eid, oldest.facts).at
                ends = at + self._limits.retention_seconds - self._wall_offset
                self._deadline = number, ends
        return self._deadline[1]

    def expire(self, now: float) -> None:
        """Forget what is too old or too much, a slice at a time."""
        limit = 0 if self._limits is None else self._limits.moves
        self._forget(limit, now + self._wall_offset)

    def _forget(self, limit: int, wall: float) -> None:
        moves = self._store.moves
        retention = 0 if self._limits is None else self._limits.retention_seconds
        for _ in range(DROP_SLICE):
            oldest = moves.oldest()
            if oldest is None:
                return
            too_old = Move.unpack(oldest.eid, oldest.facts).at + retention <= wall
            if not too_old and len(moves) <= limit:
                return
            moves.drop(oldest.number)
