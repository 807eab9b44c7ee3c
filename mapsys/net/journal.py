"""The journal: what the store went through, kept so that a restart loses nothing acknowledged.

A commit appends packed changes to ``journal.db``; ``net.fold``, in its own process,
folds them into ``state.db``, after which they are trimmed here. A restart reads the
tables, then the rows that are not yet folded. Calls block: they are for one writer
thread (``net.commit_queue``), save for opening and loading.

Deadlines are kept in service time: seconds that the server was up, as its rows tell.
So a registration that had a minute left has a minute left after a restart.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from mapsys.change_log import FRAME_LIMIT, frames
from mapsys.net.journal_files import (
    CHANGES_NAME,
    STATE_NAME,
    JournalError,
    check,
    damaged,
    in_words,
    open_changes,
    open_state,
)
from mapsys.net.journal_lock import FolderLock
from mapsys.net.journal_rows import Row, Witness, append_row, last_row, rows_after
from mapsys.net.journal_tables import Folded, StateTables
from mapsys.store import Store

RESTART_GRACE_SECONDS: Final = 3600.0
"""Downtime that is not counted; a longer one is counted in full."""

HEARTBEAT_SECONDS: Final = 10.0
"""With something registered, the longest time without a row: how far off the last sign of
life can be."""

ROW_LIMIT: Final = 2 * FRAME_LIMIT
"""Octets after which the next frame begins a new row."""

TRIM_SECONDS: Final = 5.0
"""How often to ask how far the rows are folded."""

TRIM_ROWS: Final = 256
"""Folded rows deleted along with one commit."""


class Journal:
    """An open state folder, locked against other processes."""

    def __init__(
        self,
        folder: Path,
        lock: FolderLock,
        changes: sqlite3.Connection,
        state: sqlite3.Connection,
    ) -> None:
        """Use :meth:`open`."""
        self._folder = folder
        self._lock = lock
        self._changes_path = folder / CHANGES_NAME
        self._state_path = folder / STATE_NAME
        self._changes: sqlite3.Connection | None = changes
        self._state = state
        self._tables = StateTables(state)
        self._witness = Witness(folder)
        self._findings: list[str] = []
        self._seq = 0
        self._service_offset = 0.0
        """Service time is the clock of this run plus this."""
        self._trim_through = 0
        self._trim_asked = 0.0

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        now: float,
        wall: float,
        restart_grace_seconds: float = RESTART_GRACE_SECONDS,
    ) -> Journal:
        """Lock a state folder, make or open what is in it, and check it.

        now: the clock of this run's deadlines; wall: seconds since 1970. Downtime
        is counted against lifetimes only where it is longer than
        restart_grace_seconds by the wall clock.

        Raises JournalError where the folder cannot be written, is in use, damaged
        or of a newer version.
        """
        lock = FolderLock(folder)
        connections: list[sqlite3.Connection] = []
        try:
            for opened, name in ((open_changes, CHANGES_NAME), (open_state, STATE_NAME)):
                connections.append(opened(folder))
                check(connections[-1], folder / name)
            journal = cls(folder, lock, *connections)
            journal._begin(now, wall, restart_grace_seconds)
        except JournalError:
            for connection in connections:
                connection.close()
            lock.release()
            raise
        return journal

    def _begin(self, now: float, wall: float, restart_grace_seconds: float) -> None:
        folded = self._folded()
        try:
            row = last_row(self._writer())
        except sqlite3.Error as error:
            raise in_words(error, self._changes_path) from error
        last = folded
        if row is not None and row.seq >= folded.seq:
            last = Folded(row.seq, row.wall, row.service)
        self._seq = last.seq
        self._trim_asked = now
        downtime = max(0.0, wall - last.wall) if last.seq else 0.0
        counted = downtime if downtime > restart_grace_seconds else 0.0
        self._service_offset = last.service + counted - now
        noted = self._witness.read()
        if noted > self._seq:
            self._findings.append(
                f"{self._changes_path} ends at row {self._seq}, although row {noted} was"
                " committed: what came between is lost, and returns as its sites register again"
            )

    def _writer(self) -> sqlite3.Connection:
        """The journal's connection; a new one after a commit that failed."""
        if self._changes is None:
            self._changes = open_changes(self._folder)
            # What failed may have reached the disk all the same. It will come
            # again, which does no harm, but not under the same number.
            row = last_row(self._changes)
            self._seq = max(self._seq, row.seq if row else 0)
        return self._changes

    def _folded(self) -> Folded:
        try:
            return self._tables.folded()
        except sqlite3.Error as error:
            raise in_words(error, self._state_path) from error
        except ValueError as error:
            raise damaged(self._state_path, str(error)) from error

    @property
    def mended(self) -> str | None:
        """What was wrong with the folder and no longer is, in a sentence; None for nothing."""
        if self._lock.was_open is None:
            return None
        return (
            f"{self._folder} was open to others (mode {self._lock.was_open:04o}) and is its owner's"
            " alone now; look who may have read or changed what is in it"
        )

    @property
    def findings(self) -> tuple[str, ...]:
        """Damage that was found, a sentence each; complete after :meth:`load_into`."""
        return tuple(self._findings)

    def load_into(self, store: Store) -> None:
        """Give a store what it held at the last commit; what has expired meanwhile is due.

        Rows that are damaged are left out and told in :attr:`findings`. Raises
        JournalError where the disk fails.
        """
        for _ in self.loading(store):
            pass

    def loading(self, store: Store) -> Iterator[None]:
        """``load_into`` in steps of some ten milliseconds; it is done when they are."""
        try:
            folded = yield from self._load_tables(store)
        except sqlite3.Error as error:
            raise in_words(error, self._state_path) from error
        try:
            yield from self._load_rows(store, folded)
        except sqlite3.Error as error:
            raise in_words(error, self._changes_path) from error

    def _load_tables(self, store: Store) -> Generator[None, None, int]:
        """Returns the last row that the tables hold; both are of one instant."""
        lost = 0
        self._state.execute("BEGIN")
        folded = self._folded()
        for rows in self._tables.read():
            lost += store.apply_sealed(rows, -self._service_offset)
            yield
        self._state.execute("COMMIT")
        if lost:
            self._findings.append(
                f"{self._state_path}: {lost} damaged rows are left out; registrations among"
                " them return as their sites register again"
            )
        return folded.seq

    def _load_rows(self, store: Store, folded: int) -> Iterator[None]:
        writer = self._writer()
        expected = folded + 1
        lost: list[int] = []
        for seq, row in rows_after(writer, folded):
            if row is not None and seq > expected:
                self._findings.append(
                    f"{self._changes_path}: rows {expected} to {seq - 1} are missing; what they"
                    " held returns as its sites register again"
                )
            if row is not None or seq == expected:
                expected = seq + 1
            try:
                if row is None:
                    raise ValueError("the row does not match its checksum")
                store.apply(row.octets, row.service - row.now - self._service_offset)
            except ValueError:
                lost.append(seq)
            yield
        if lost:
            self._findings.append(
                f"{self._changes_path}: {len(lost)} damaged rows are left out, the first is"
                f" row {lost[0]}; what they held returns as its sites register again"
            )
            # Their numbers may be needed again, and nobody can fold them.
            writer.executemany("DELETE FROM changes WHERE seq = ?", [(seq,) for seq in lost])

    def commit(self, changes: bytes, *, now: float, wall: float) -> None:
        """Make packed changes durable; with none, leave a sign of life.

        now, wall: the same clocks as at the opening. Returns when the disk has
        them. Raises JournalError where it has not; nothing of them is kept then,
        and they can be committed again.
        """
        try:
            writer = self._writer()
            folded = self._trimmable(now)
            rows = self._rows(changes, now, wall)
            writer.execute("BEGIN IMMEDIATE")
            for row in rows:
                append_row(writer, row)
            writer.execute(
                "DELETE FROM changes WHERE seq IN"
                " (SELECT seq FROM changes WHERE seq <= ? ORDER BY seq LIMIT ?)",
                (folded, TRIM_ROWS),
            )
            writer.execute("COMMIT")
        except sqlite3.Error as error:
            # Closing takes back what is half done, whatever state that is in.
            if self._changes is not None:
                self._changes.close()
                self._changes = None
            raise in_words(error, self._changes_path) from error
        self._seq = rows[-1].seq
        # What is committed is committed; a note that is missing only says less.
        with suppress(OSError):
            self._witness.note(self._seq)

    def _rows(self, changes: bytes, now: float, wall: float) -> list[Row]:
        service = now + self._service_offset
        return [
            Row(seq, wall, now, service, octets)
            for seq, octets in enumerate(_in_rows(changes), start=self._seq + 1)
        ]

    def _trimmable(self, now: float) -> int:
        """Rows up to this one are in the tables, and can go."""
        if now - self._trim_asked >= TRIM_SECONDS:
            self._trim_through = self._folded().seq
            self._trim_asked = now
        return self._trim_through

    def close(self) -> None:
        """Close the databases and let another process have the folder."""
        self._witness.close()
        if self._changes is not None:
            self._changes.close()
        self._state.close()
        self._lock.release()


def _in_rows(changes: bytes) -> list[bytes]:
    """Packed changes cut between frames into pieces of about ROW_LIMIT; at least one."""
    pieces = [bytearray()]
    for frame in frames(changes):
        if len(pieces[-1]) >= ROW_LIMIT:
            pieces.append(bytearray())
        pieces[-1] += frame
    return [bytes(piece) for piece in pieces]
