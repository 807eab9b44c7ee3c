"""A disk that takes no more: nothing is acknowledged, nothing is lost, and it goes on by itself."""

from __future__ import annotations

import os
import re
import resource
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from mapsys.net.fold import fold_once
from mapsys.net.journal_files import JournalError, in_words
from tests.net.journal_run import run


class SmallDisk(NamedTuple):
    """A folder on it; fill it up; make room again."""

    folder: Path
    fill: Callable[[], None]
    empty: Callable[[], None]


def _tmpfs(mount_point: Path) -> Iterator[SmallDisk]:
    filler = mount_point / "filler"

    def fill() -> None:
        room = os.statvfs(mount_point)
        filler.write_bytes(bytes(room.f_bavail * room.f_frsize))

    yield SmallDisk(mount_point / "state", fill, filler.unlink)
    # Lazily, so that a test that fails with a file open leaves nothing behind.
    subprocess.run(["umount", "--lazy", str(mount_point)], check=True)


def _limited(folder: Path) -> Iterator[SmallDisk]:
    """Without the right to mount: no file of this process may grow."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))

    def lift() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    yield SmallDisk(folder / "state", limit, lift)
    lift()


@pytest.fixture(params=["tmpfs", "limit"])
def disk(request: pytest.FixtureRequest, scratch: Path) -> Iterator[SmallDisk]:
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(scratch)]
    if request.param == "tmpfs" and subprocess.run(command, check=False).returncode == 0:
        yield from _tmpfs(scratch)
    else:
        yield from _limited(scratch)


def test_a_full_disk_fails_the_commit_and_takes_it_later(disk: SmallDisk) -> None:
    with run(disk.folder) as first:
        first.register(0)
        first.commit()
        before = first.mappings()
        disk.fill()
        for number in range(1, 50):
            first.register(number, record=bytes(4000))
        _, changes = first.store.take_changes()
        with pytest.raises(JournalError, match=r"journal\.db cannot be used: the disk"):
            first.journal.commit(changes, now=first.now, wall=first.wall)
        disk.empty()
    with run(disk.folder) as second:
        assert second.mappings() == before
        second.store.apply(changes, 0.0)
        disk.fill()
        with pytest.raises(JournalError, match=r"journal\.db cannot be used: the disk"):
            second.journal.commit(changes, now=second.now, wall=second.wall)
        disk.empty()
        second.journal.commit(changes, now=second.now, wall=second.wall)
        before = second.mappings()
        assert len(before) == 50
    with run(disk.folder) as third:
        assert third.mappings() == before
        assert third.journal.findings == ()


def test_a_full_disk_stops_folding_only_until_there_is_room(disk: SmallDisk) -> None:
    with run(disk.folder) as first:
        for number in range(50):
            first.register(number, record=bytes(4000))
        first.commit()
        disk.fill()
        with pytest.raises(JournalError, match="cannot be used: the disk"):
            fold_once(disk.folder)
        disk.empty()
        assert fold_once(disk.folder) == 1
        before = first.mappings()
    with run(disk.folder) as second:
        assert second.mappings() == before
        assert second.journal.findings == ()


def test_a_folder_on_a_full_disk_is_refused_in_one_sentence(disk: SmallDisk) -> None:
    disk.folder.mkdir()
    disk.fill()
    try:
        with pytest.raises(JournalError, match=r"the disk|No space"), run(disk.folder):
            pass
    finally:
        disk.empty()
    with run(disk.folder) as later:
        assert later.mappings() == []


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (sqlite3.SQLITE_FULL, "cannot be used: the disk is full; free some space on it"),
        (sqlite3.SQLITE_IOERR_FSYNC, "cannot be used: the disk reports an error; look at"),
        (sqlite3.SQLITE_READONLY, "cannot be used: it is read-only; make the state folder"),
        (sqlite3.SQLITE_PERM, "cannot be used: it belongs to another user; make the state"),
        (sqlite3.SQLITE_NOMEM, "cannot be used: what SQLite says; look at the system's log"),
        (sqlite3.SQLITE_CORRUPT, r"is damaged \(what SQLite says\): restore the state folder"),
    ],
)
def test_each_fault_has_its_sentence(code: int, sentence: str) -> None:
    error = sqlite3.OperationalError("what SQLite says")
    error.sqlite_errorcode = code
    assert re.match(
        f"/state/journal.db {sentence}", str(in_words(error, Path("/state/journal.db")))
    )
