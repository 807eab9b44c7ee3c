"""Rows of the journal: packed changes with their place in time, each with its checksum."""

from __future__ import annotations

import os
import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple
from zlib import crc32

from mapsys.net.journal_files import JournalError

_STAMP: Final = struct.Struct(">Qddd")
_WITNESS: Final = struct.Struct(">QI")

_COLUMNS: Final = "seq, wall, now, service, octets, crc"

WITNESS_NAME: Final = "journal.committed"


class Row(NamedTuple):
    """One commit, or a part of it.

    seq: counts from 1 without gaps. wall: seconds since 1970. now: the clock that
    deadlines in the octets go by. service: the same instant in service time, which
    stands still while the server is down. octets: packed changes; empty for a mere
    sign of life.
    """

    seq: int
    wall: float
    now: float
    service: float
    octets: bytes

    @property
    def crc(self) -> int:
        """What the row's own checksum has to be."""
        return crc32(self.octets, crc32(_STAMP.pack(self.seq, self.wall, self.now, self.service)))


def append_row(connection: sqlite3.Connection, row: Row) -> None:
    """Write a row, in the transaction under way."""
    connection.execute(
        f"INSERT INTO changes ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)", (*row, row.crc)
    )


def rows_after(connection: sqlite3.Connection, seq: int) -> Iterator[tuple[int, Row | None]]:
    """(seq, row) in order, with gaps where rows are missing; None for a damaged row."""
    found = connection.execute(f"SELECT {_COLUMNS} FROM changes WHERE seq > ? ORDER BY seq", (seq,))
    for *fields, crc in found:
        row = Row(*fields)
        yield row.seq, _checked(row, crc)


def last_row(connection: sqlite3.Connection) -> Row | None:
    """The last row that is whole."""
    found = connection.execute(f"SELECT {_COLUMNS} FROM changes ORDER BY seq DESC")
    whole = (_checked(Row(*fields), crc) for *fields, crc in found)
    return next((row for row in whole if row is not None), None)


def _checked(row: Row, crc: object) -> Row | None:
    """The row, where each of its values is of the kind written and the checksum is right."""
    kinds = (int, float, float, float, bytes)
    if not all(isinstance(value, kind) for value, kind in zip(row, kinds, strict=True)):
        return None
    return row if row.crc == crc else None


class Witness:
    """The last seq that was committed, noted outside the database.

    SQLite drops a damaged tail of its log in silence; a seq noted here and not
    found there tells. It is not flushed: after a power cut it may be old, which
    only makes it say less.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / WITNESS_NAME
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise JournalError(
                f"{path} cannot be written: {error.strerror}; make it writable, or remove it"
            ) from error

    def read(self) -> int:
        """The seq noted last; 0 where there is none that can be read."""
        octets = os.pread(self._file, _WITNESS.size, 0)
        if len(octets) < _WITNESS.size:
            return 0
        seq, crc = _WITNESS.unpack(octets)
        return int(seq) if crc32(octets[:8]) == crc else 0

    def note(self, seq: int) -> None:
        """The database has committed this seq."""
        octets = seq.to_bytes(8, "big")
        os.pwrite(self._file, octets + crc32(octets).to_bytes(4, "big"), 0)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._file)
