"""A state folder in one file: copied while it is in use, checked before it is put back."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec

import mapsys
from mapsys.net.journal_files import CHANGES_NAME, STATE_NAME
from mapsys.net.journal_lock import LOCK_NAME, FolderLock
from mapsys.net.journal_rows import WITNESS_NAME

FORMAT: Final = 1
"""Raised with every change that an older mapsys cannot read."""

MANIFEST_NAME: Final = "manifest.json"
MANIFEST_OCTETS_LIMIT: Final = 1024 * 1024

_SQLITE: Final = b"SQLite format 3\0"
_LEFT_OUT: Final = frozenset({LOCK_NAME, WITNESS_NAME})
"""Of the process that uses the folder; the witness speaks of the very journal beside it."""

_LEFT_OUT_ENDINGS: Final = ("-wal", "-shm", "-journal", ".sock", ".new")


class BackupError(Exception):
    """It cannot be done, and nothing was changed; the text says what to do."""


class FileRow(msgspec.Struct, frozen=True):
    """One file. name: its path in the state folder."""

    name: str
    octets: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What a backup holds."""

    format: int
    version: str
    taken_at: float
    files: list[FileRow]


def back_up(state: Path, target: Path) -> Manifest:
    """Copy a state folder, in use or not, into a new file of mode 0600. Raises BackupError.

    The journal is copied before the tables that it is folded into: what is folded and
    trimmed in between is in the tables then, so that nothing falls out between them.
    """
    if not (state / CHANGES_NAME).is_file():
        raise BackupError(f"{state} is no state folder; name it with --state")
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise BackupError(f"{target} cannot be made: {error.strerror}; name a new file") from error
    try:
        with open(descriptor, "wb") as out, tempfile.TemporaryDirectory(dir=target.parent) as work:
            copies = [(name, _copied(state, name, Path(work))) for name in _names(state)]
            manifest = Manifest(
                FORMAT, mapsys.__version__, time.time(), [_row(*copy) for copy in copies]
            )
            with tarfile.open(fileobj=out, mode="w:gz") as bundle:
                _add(bundle, MANIFEST_NAME, msgspec.json.encode(manifest))
                for name, copy in copies:
                    bundle.add(copy, name)
            out.flush()
            os.fsync(descriptor)
    except (OSError, sqlite3.Error) as error:
        target.unlink(missing_ok=True)
        raise BackupError(f"{state} cannot be backed up: {error}") from error
    return manifest


def restore(source: Path, state: Path, *, force: bool) -> Manifest:
    """Put a backup into a state folder that nobody uses. Raises BackupError, JournalError.

    Everything is checked before anything is changed. With force, what the folder held is
    kept in a folder inside it.
    """
    lock = FolderLock(state)
    try:
        held = [path for path in state.iterdir() if path.name != LOCK_NAME]
        if held and not force:
            raise BackupError(
                f"{state} is not empty; --force moves what it holds aside, or name another one"
            )
        with tempfile.TemporaryDirectory(dir=state) as work:
            manifest = _unpacked(source, Path(work))
            if held:
                aside = state / f"replaced-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
                aside.mkdir(mode=0o700)
                for path in held:
                    path.rename(aside / path.name)
            for row in manifest.files:
                target = state / row.name
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                (Path(work) / row.name).rename(target)
    except OSError as error:
        raise BackupError(f"{source} cannot be restored into {state}: {error}") from error
    finally:
        lock.release()
    return manifest


def _names(state: Path) -> list[str]:
    """Files to copy: the journal first, then the tables, then the rest."""
    found = sorted(
        str(path.relative_to(state))
        for path in state.rglob("*")
        if path.is_file()
        and not path.is_symlink()
        and path.name not in _LEFT_OUT
        and not path.name.endswith(_LEFT_OUT_ENDINGS)
        and not path.relative_to(state).parts[0].startswith(("replaced-", "tmp"))
    )
    first = [name for name in (CHANGES_NAME, STATE_NAME) if name in found]
    return [*first, *(name for name in found if name not in first)]


def _copied(state: Path, name: str, work: Path) -> Path:
    copy = work / name
    copy.parent.mkdir(parents=True, exist_ok=True)
    with (state / name).open("rb") as file:
        is_database = file.read(len(_SQLITE)) == _SQLITE
    if not is_database:
        shutil.copyfile(state / name, copy)
        return copy
    with closing(sqlite3.connect(state / name)) as held, closing(sqlite3.connect(copy)) as copied:
        held.backup(copied)
    return copy


def _row(name: str, path: Path) -> FileRow:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileRow(name, path.stat().st_size, digest)


def _add(bundle: tarfile.TarFile, name: str, octets: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(octets)
    member.mode = 0o600
    bundle.addfile(member, io.BytesIO(octets))


def _unpacked(source: Path, work: Path) -> Manifest:
    """Every file of a backup, compared with its manifest."""
    try:
        with tarfile.open(source, "r:gz") as bundle:
            members = iter(bundle)
            manifest = _manifest(bundle, next(members, None))
            wanted = {row.name: row for row in manifest.files}
            for member in members:
                row = wanted.pop(member.name, None)
                if row is None or not member.isfile() or member.size != row.octets:
                    raise BackupError(f"{source} is damaged: {member.name} is not as listed")
                target = work / row.name
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                opened = bundle.extractfile(member)
                assert opened is not None
                with target.open("xb") as out:
                    os.chmod(target, 0o600)
                    shutil.copyfileobj(opened, out)
                    out.flush()
                    os.fsync(out.fileno())
                if _row(row.name, target) != row:
                    raise BackupError(f"{source} is damaged: {row.name} has another checksum")
    except (tarfile.TarError, EOFError, OSError, msgspec.DecodeError) as error:
        raise BackupError(f"{source} is no backup, or damaged: {error}") from error
    if wanted:
        raise BackupError(f"{source} is damaged: {min(wanted)} is missing")
    return manifest


def _manifest(bundle: tarfile.TarFile, member: tarfile.TarInfo | None) -> Manifest:
    if member is None or member.name != MANIFEST_NAME or member.size > MANIFEST_OCTETS_LIMIT:
        raise BackupError("it is no backup of mapsys: it begins with no manifest")
    opened = bundle.extractfile(member)
    assert opened is not None
    octets = opened.read()
    manifest = msgspec.json.decode(octets, type=Manifest)
    if manifest.format > FORMAT:
        raise BackupError(
            f"it was taken by mapsys {manifest.version} in format {manifest.format}; this one"
            f" reads up to {FORMAT}"
        )
    for name in _strangers(manifest):
        raise BackupError(f"it is no backup of mapsys: it lists {name!r}")
    return manifest


def _strangers(manifest: Manifest) -> Iterator[str]:
    """Names that would leave the folder, or come twice."""
    seen = set()
    for row in manifest.files:
        path = PurePosixPath(row.name)
        if path.is_absolute() or ".." in path.parts or not path.parts or row.name in seen:
            yield row.name
        seen.add(row.name)
