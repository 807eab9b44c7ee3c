"""The databases of a state folder: opened, checked, and their faults put into words."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

SCHEMA_VERSION: Final = 1
"""Stored as SQLite's user_version; raised with every change that an older mapsys cannot read."""

APPLICATION_ID: Final = 0x6D617073

BUSY_SECONDS: Final = 10.0
"""How long one process waits for the other's transaction."""

CHANGES_NAME: Final = "journal.db"
CHANGES_SCHEMA: Final = """
CREATE TABLE changes (
    seq INTEGER PRIMARY KEY,
    wall REAL NOT NULL,
    now REAL NOT NULL,
    service REAL NOT NULL,
    crc INTEGER NOT NULL,
    octets BLOB NOT NULL
);
"""
"""Packed changes as they were committed. wall: seconds since 1970; now: the clock that
the deadlines in the octets go by; service: the same instant in service time."""

STATE_NAME: Final = "state.db"
STATE_SCHEMA: Final = """
CREATE TABLE held (key BLOB PRIMARY KEY, change BLOB NOT NULL, until REAL) WITHOUT ROWID;
CREATE INDEX held_until ON held (until) WHERE until IS NOT NULL;
CREATE TABLE folded (only INTEGER PRIMARY KEY CHECK (only = 1), reach BLOB NOT NULL);
"""
"""What the changes so far amount to: a row for each contribution, nonce mark and
superseded digest; and how far that is."""


SITES_NAME: Final = "sites.db"
SITES_SCHEMA: Final = """
CREATE TABLE sites (name TEXT PRIMARY KEY, revision TEXT NOT NULL, document BLOB NOT NULL);
CREATE TABLE answers (
    who TEXT NOT NULL,
    key TEXT NOT NULL,
    digest BLOB NOT NULL,
    at REAL NOT NULL,
    name TEXT NOT NULL,
    revision TEXT NOT NULL,
    document BLOB NOT NULL,
    PRIMARY KEY (who, key)
);
CREATE INDEX answers_at ON answers (at);
"""
"""Sites that came by the API, in JSON with their secrets; and what was answered to orders
that had a key of their sender's."""

_DAMAGE: Final = (
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_CONSTRAINT,
)
"""Result codes that mean damage: our statements are right, so it is the tables that are not."""


class JournalError(Exception):
    """Stored state cannot be read or written; the text says what is wrong and what to do."""


def open_changes(folder: Path) -> sqlite3.Connection:
    """Open or make the journal of a state folder. Raises JournalError."""
    return _open(folder / CHANGES_NAME, CHANGES_SCHEMA)


def open_state(folder: Path) -> sqlite3.Connection:
    """Open or make the tables that the journal is folded into. Raises JournalError."""
    return _open(folder / STATE_NAME, STATE_SCHEMA)


def open_sites(folder: Path) -> sqlite3.Connection:
    """Open or make the sites of a state folder. Raises JournalError."""
    return _open(folder / SITES_NAME, SITES_SCHEMA)


def _open(path: Path, schema: str) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(
            path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
    except sqlite3.Error as error:
        raise in_words(error, path) from error
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA journal_size_limit = 67108864")
        _prepare(connection, path, schema)
        # One flipped bit makes a BLOB a TEXT, which need not be UTF-8. It is the
        # checksums that say what is damaged.
        connection.text_factory = bytes
    except sqlite3.Error as error:
        connection.close()
        raise in_words(error, path) from error
    except JournalError:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, schema: str) -> None:
    connection.execute("BEGIN IMMEDIATE")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if version == application == tables == 0:
        for statement in schema.strip().split(";\n"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    elif application != APPLICATION_ID:
        raise JournalError(
            f"{path} is not a database of mapsys: choose another state folder, or move it away"
        )
    elif version > SCHEMA_VERSION:
        raise JournalError(
            f"{path} was written by a newer mapsys (schema {version}; this one reads up to"
            f" {SCHEMA_VERSION}): start that version, or restore a backup from before"
        )
    connection.execute("COMMIT")


def check(connection: sqlite3.Connection, path: Path) -> None:
    """Raise JournalError where the database's structure is damaged; reads all of it."""
    try:
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        raise in_words(error, path) from error
    if verdict != b"ok":
        raise damaged(path, verdict.decode("utf-8", "replace"))


def damaged(path: Path, detail: str) -> JournalError:
    """The sentence for a database whose content is not what was written."""
    return JournalError(
        f"{path} is damaged ({' '.join(detail.split())}): restore the state folder from a backup,"
        " or move the file away to start without what it held"
    )


def in_words(error: sqlite3.Error, path: Path) -> JournalError:
    """The sentence for a fault that SQLite reports."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in _DAMAGE:
        return damaged(path, str(error))
    what = {
        sqlite3.SQLITE_FULL: "the disk is full; free some space on it",
        sqlite3.SQLITE_IOERR: "the disk reports an error; look at the disk and the system's log",
        sqlite3.SQLITE_READONLY: "it is read-only; make the state folder writable",
        sqlite3.SQLITE_PERM: "it belongs to another user; make the state folder writable",
        sqlite3.SQLITE_CANTOPEN: "it cannot be opened; look at the state folder's permissions",
        sqlite3.SQLITE_BUSY: "another program has it locked; end that program",
    }.get(code, f"{error}; look at the system's log")
    return JournalError(f"{path} cannot be used: {what}")
