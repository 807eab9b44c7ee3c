"""``sites.db`` in the state folder: sites that came by the API, with their secrets.

Only the daemon's user can open it. Calls block: they are for one thread, save for
opening and loading.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from mapsys.net.journal_files import SITES_NAME, JournalError, damaged, in_words, open_sites

ANSWERS_LIMIT: Final = 10_000
ANSWERS_SECONDS: Final = 86_400.0
"""How many answers are remembered under the key that somebody gave with the order, and how long."""


class Row(NamedTuple):
    """A site as it is kept. revision: names this state of it and no other. document: JSON."""

    name: str
    revision: str
    document: bytes


class Remembered(NamedTuple):
    """An order under a key of the sender's own, and what came of it.

    who: scopes the key. digest: of the order. at: Unix seconds.
    """

    who: str
    key: str
    digest: bytes
    at: float
    row: Row


class SiteDatabase:
    """An open database; the lock on the state folder is held by whoever opens it."""

    def __init__(self, folder: Path) -> None:
        """Open or make it. Raises JournalError."""
        self._path = folder / SITES_NAME
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.fchmod(descriptor, 0o600)
            os.close(descriptor)
        except OSError as error:
            raise JournalError(
                f"{self._path} cannot be used: {error.strerror}; make the state folder writable"
            ) from error
        self._connection = open_sites(folder)

    def rows(self) -> Iterator[Row]:
        """Every site, by name. Raises JournalError."""
        try:
            for row in self._connection.execute("SELECT * FROM sites ORDER BY name"):
                yield self._row(row)
        except sqlite3.Error as error:
            raise in_words(error, self._path) from error

    def remembered(self, who: str, key: str, now: float) -> Remembered | None:
        """What was ordered under a key. Raises JournalError."""
        try:
            found = self._connection.execute(
                "SELECT digest, at, name, revision, document FROM answers"
                " WHERE who = ? AND key = ? AND at > ?",
                (who, key, now - ANSWERS_SECONDS),
            ).fetchone()
        except sqlite3.Error as error:
            raise in_words(error, self._path) from error
        return (
            None
            if found is None
            else Remembered(who, key, found[0], found[1], self._row(found[2:]))
        )

    def put(self, row: Row, remember: Remembered | None = None) -> None:
        """Keep a site, and with it the answer, durably. Raises JournalError, nothing kept."""
        statements: list[tuple[str, tuple[object, ...]]] = [
            ("INSERT OR REPLACE INTO sites VALUES (?, ?, ?)", row)
        ]
        if remember is not None:
            who, key, digest, at, answer = remember
            statements += [
                (
                    "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (who, key, digest, at, *answer),
                ),
                ("DELETE FROM answers WHERE at <= ?", (at - ANSWERS_SECONDS,)),
                (
                    "DELETE FROM answers WHERE rowid IN"
                    " (SELECT rowid FROM answers ORDER BY at DESC LIMIT -1 OFFSET ?)",
                    (ANSWERS_LIMIT,),
                ),
            ]
        self._carry_out(statements)

    def delete(self, name: str) -> None:
        """Forget a site, durably. Raises JournalError, nothing changed."""
        self._carry_out([("DELETE FROM sites WHERE name = ?", (name,))])

    def _carry_out(self, statements: list[tuple[str, tuple[object, ...]]]) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                for statement, parameters in statements:
                    self._connection.execute(statement, parameters)
                self._connection.execute("COMMIT")
            except sqlite3.Error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise in_words(error, self._path) from error

    def close(self) -> None:
        """Close it."""
        self._connection.close()

    def _row(self, columns: tuple[object, ...]) -> Row:
        match columns:
            case (bytes(name), bytes(revision), bytes(document)):
                with suppress(UnicodeDecodeError):
                    return Row(name.decode(), revision.decode(), document)
        raise damaged(self._path, "a row in it is no site")
