"""The folded state: rows of the journal go in, the changes that rebuild a store come out.

Each contribution, nonce mark, superseded digest, subscription, owed publication and
entry of the history is one row: the packed change that makes it, with a checksum behind
it.
Deadlines in it are in service time.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from mapsys.change_log import (
    Change,
    DropHistory,
    ForgetNonce,
    Owe,
    Publish,
    Put,
    RaiseNonce,
    RecordHistory,
    Settle,
    Subscribe,
    Supersede,
    Touch,
    Unsubscribe,
    Withdraw,
    opened,
    pack,
    read_changes,
    sealed,
    touched,
    unpack,
)
from mapsys.eid import EidPrefix
from mapsys.net.journal_rows import Row

READ_ROWS: Final = 4096

_REACH: Final = struct.Struct(">Qdd")
_SET: Final = (
    "INSERT INTO held (key, change, until) VALUES (?, ?, ?)"
    " ON CONFLICT (key) DO UPDATE SET change = excluded.change, until = excluded.until"
)


class Folded(NamedTuple):
    """How far the journal is folded, and when its last row was written."""

    seq: int
    wall: float
    service: float


NOTHING_FOLDED: Final = Folded(0, 0.0, 0.0)


class StateTables:
    """The tables of ``state.db`` over an open connection; sqlite3.Error passes through."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._touches: dict[bytes, tuple[float, bytes]] = {}
        """Refreshes not written yet: of several of one contribution, the last is enough."""
        self._nonces: dict[bytes, int] = {}
        """Nonces used towards subscribers and not written yet, likewise."""
        connection.create_function("touched", 3, _touched, deterministic=True)
        connection.create_function("published", 2, _published, deterministic=True)

    def folded(self) -> Folded:
        """How far the tables have come. Raises ValueError where that is damaged."""
        found = self._connection.execute("SELECT reach FROM folded").fetchone()
        if found is None:
            return NOTHING_FOLDED
        octets = opened(found[0])
        if octets is None:
            raise ValueError("the mark of how far the journal is folded does not match")
        return Folded(*_REACH.unpack(octets))

    def read(self) -> Iterator[list[object]]:
        """The sealed changes that rebuild what is held, history in order; a few thousand a time."""
        found = self._connection.execute("SELECT change FROM held ORDER BY key")
        while rows := found.fetchmany(READ_ROWS):
            yield [row for (row,) in rows]

    def fold(self, rows: Sequence[Row]) -> None:
        """Take rows in, and note how far they reach, in the transaction under way.

        rows: in order, at least one. Raises ValueError where a row's octets are no
        packed changes.
        """
        self._touches.clear()
        self._nonces.clear()
        for row in rows:
            for change in read_changes(row.octets):
                self._take_in(change, row.service - row.now)
        self._connection.executemany(
            "UPDATE held SET change = touched(CAST(change AS BLOB), ?, ?) WHERE key = ?",
            [(*stamp, key) for key, stamp in self._touches.items()],
        )
        self._connection.executemany(
            "UPDATE held SET change = published(CAST(change AS BLOB), ?) WHERE key = ?",
            # As octets: SQLite's own numbers end at 63 bits.
            [(nonce.to_bytes(8, "big"), key) for key, nonce in self._nonces.items()],
        )
        last = rows[-1]
        self._connection.execute("DELETE FROM held WHERE until < ?", (last.service,))
        reach = sealed(_REACH.pack(last.seq, last.wall, last.service))
        self._connection.execute("INSERT OR REPLACE INTO folded VALUES (1, ?)", (reach,))

    def _take_in(self, change: Change, shift: float) -> None:
        match change:
            case Touch():
                key = _contribution_key(change.eid, change.registrant)
                self._touches[key] = (change.deadline + shift, change.digest)
            case Put():
                key = _contribution_key(change.eid, change.registrant)
                self._touches.pop(key, None)
                self._set(key, change._replace(deadline=change.deadline + shift))
                self._publish(change.eid, change.published, key)
            case Supersede():
                until = change.until + shift
                self._set(b"s" + change.digest, change._replace(until=until), until)
            case RaiseNonce():
                self._set(b"n" + change.mark, change)
            case ForgetNonce():
                self._drop(b"n" + change.mark)
            case Withdraw():
                key = _contribution_key(change.eid, change.registrant)
                self._touches.pop(key, None)
                self._drop(key)
                if change.published is not None:
                    self._publish(change.eid, change.published, key)
            case RecordHistory():
                self._set(_history_key(change.number), change)
            case DropHistory():
                self._drop(_history_key(change.number))
            case _:
                self._take_in_subscription(change, shift)

    def _take_in_subscription(self, change: Change, shift: float) -> None:
        match change:
            case Subscribe():
                key = _subscription_key(change.eid, change.subscriber)
                self._nonces.pop(key, None)
                self._set(key, change._replace(deadline=change.deadline + shift))
            case Publish():
                key = _subscription_key(change.eid, change.subscriber)
                self._nonces[key] = change.nonce
            case Unsubscribe():
                key = _subscription_key(change.eid, change.subscriber)
                self._nonces.pop(key, None)
                self._drop(key)
            case Owe():
                self._set(b"o" + change.eid.pack(), change)
            case Settle():
                self._drop(b"o" + change.eid.pack())

    def _set(self, key: bytes, change: Change, until: float | None = None) -> None:
        self._connection.execute(_SET, (key, sealed(pack(change)), until))

    def _drop(self, key: bytes) -> None:
        self._connection.execute("DELETE FROM held WHERE key = ?", (key,))

    def _publish(self, eid: EidPrefix, published: bytes, known: bytes) -> None:
        """Have every contribution to a prefix, but the known one, say what is published."""
        first = _contribution_key(eid, b"")
        found = self._connection.execute(
            "SELECT key, change FROM held WHERE key >= ? AND key < ? AND key <> ?",
            (first, first + b"\xff" * 256, known),
        )
        for key, row in found.fetchall():
            packed = opened(row)
            put = unpack(packed) if packed is not None else None
            if isinstance(put, Put) and put.published != published:
                self._set(key, put._replace(published=published))


def _contribution_key(eid: EidPrefix, registrant: bytes) -> bytes:
    return b"p" + eid.pack() + registrant


def _subscription_key(eid: EidPrefix, subscriber: bytes) -> bytes:
    return b"u" + eid.pack() + subscriber


def _history_key(number: int) -> bytes:
    return b"m" + number.to_bytes(8, "big")  # in order of the numbers


def _touched(row: bytes, deadline: float, digest: bytes) -> bytes:
    packed = opened(row)
    return row if packed is None else sealed(touched(packed, deadline, digest))


def _published(row: bytes, nonce: bytes) -> bytes:
    """The row of a subscription with a nonce that has been used since."""
    packed = opened(row)
    held = None if packed is None else unpack(packed)
    number = int.from_bytes(nonce, "big")
    if not isinstance(held, Subscribe) or number <= held.nonce:
        return row
    return sealed(pack(held._replace(nonce=number)))
