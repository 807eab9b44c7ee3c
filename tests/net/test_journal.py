"""What a restart finds: everything committed, with the lifetime it had left."""

from __future__ import annotations

import random
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mapsys.net.fold import fold_once
from mapsys.net.journal import TRIM_SECONDS, Journal
from mapsys.net.journal_files import JournalError
from tests.net.journal_run import DIGEST, RECORD, REGISTRANT, WALL, Run, eid_of, run

OTHER = b"\0" + bytes((192, 0, 2, 2))


def rows_in(folder: Path) -> int:
    with sqlite3.connect(folder / "journal.db") as connection:
        (count,) = connection.execute("SELECT count(*) FROM changes").fetchone()
    connection.close()
    assert isinstance(count, int)
    return count


def test_a_new_folder_is_made_for_its_owner_alone_and_holds_nothing(folder: Path) -> None:
    with run(folder) as first:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert first.mappings() == []
        assert first.journal.findings == ()


def test_what_was_committed_is_there_again_and_what_was_not_is_not(folder: Path) -> None:
    with run(folder) as first:
        first.register(1)
        first.register(2)
        first.register(2, registrant=OTHER, published=b"union")
        first.store.raise_nonce(b"mark", 2**64 - 1)
        first.store.supersede(DIGEST, first.now + 360.0)
        first.commit()
        before = first.mappings()
        first.register(3)
    with run(folder, now=7.0) as second:
        assert second.mappings() == before
        assert second.store.nonce_mark(b"mark") == 2**64 - 1
        assert second.store.is_superseded(DIGEST, second.now + 359.0)
        assert not second.store.is_superseded(DIGEST, second.now + 360.0)
        assert second.store.take_changes()[1] == b""


def test_a_restart_leaves_the_lifetime_that_was_left(folder: Path) -> None:
    with run(folder, now=5000.0) as first:
        first.register(1)
        first.commit()
        first.wait(100.0)
        first.commit()
    with run(folder, now=3.0, wall=WALL + 100.0 + 3000.0) as second:
        assert second.lifetime_left(1) == pytest.approx(80.0)
        second.wait(30.0)
        second.register(2)
        second.commit()
    with run(folder, now=900.0, wall=WALL + 4000.0) as third:
        assert third.lifetime_left(1) == pytest.approx(50.0)
        assert third.lifetime_left(2) == pytest.approx(180.0)
        assert third.store.due(third.now + 60.0, 9) == [(eid_of(1), REGISTRANT)]


def test_a_long_downtime_counts_in_full(folder: Path) -> None:
    with run(folder) as first:
        first.register(1)
        first.register(2, lifetime=86_400.0)
        first.commit()
    with run(folder, now=0.0, wall=WALL + 3601.0) as second:
        assert second.store.due(0.0, 9) == [(eid_of(1), REGISTRANT)]
        assert second.lifetime_left(2) == pytest.approx(86_400.0 - 3601.0)


def test_the_grace_is_a_parameter(folder: Path) -> None:
    with run(folder) as first:
        first.register(1)
        first.commit()
    journal = Journal.open(folder, now=0.0, wall=WALL + 200.0, restart_grace_seconds=100.0)
    journal.close()
    with run(folder, wall=WALL + 200.0) as second:
        assert second.lifetime_left(1) == pytest.approx(180.0)


def test_a_wall_clock_set_back_takes_no_lifetime(folder: Path) -> None:
    with run(folder) as first:
        first.register(1)
        first.commit()
    with run(folder, wall=WALL - 315_000_000.0) as second:
        assert second.lifetime_left(1) == pytest.approx(180.0)


def test_folding_changes_nothing_that_a_restart_finds(folder: Path) -> None:
    with run(folder) as first:
        for number in range(4):
            first.register(number)
        first.register(0, registrant=OTHER, published=b"union")
        first.store.raise_nonce(b"kept", 5)
        first.store.raise_nonce(b"gone", 5)
        first.store.supersede(DIGEST, first.now + 10.0)
        first.commit()
        assert fold_once(folder) == 1
        first.wait(20.0)
        first.store.touch(eid_of(1), REGISTRANT, deadline=first.now + 180.0, digest=bytes(16))
        first.store.withdraw(eid_of(2), REGISTRANT, published=None)
        first.store.withdraw(eid_of(0), REGISTRANT, published=b"union")
        first.store.forget_nonce(b"gone")
        first.register(3, record=b"another", published=b"longer than the record")
        first.commit()
        assert fold_once(folder) == 1
        assert fold_once(folder) == 0
        before = first.mappings()
    with run(folder, now=1.0, wall=WALL + 20.0) as second:
        assert second.mappings() == before
        assert second.store.nonce_mark(b"kept") == 5
        assert second.store.nonce_mark(b"gone") is None
        assert not second.store.is_superseded(DIGEST, second.now)
        assert second.journal.findings == ()


def test_folded_rows_are_trimmed_and_numbers_go_on(folder: Path) -> None:
    with run(folder) as first:
        for number in range(5):
            first.register(number)
            first.commit()
        assert rows_in(folder) == 5
        assert fold_once(folder) == 5
        first.wait(TRIM_SECONDS)
        first.register(5)
        first.commit()
        assert rows_in(folder) == 1
        before = first.mappings()
    fold_once(folder)
    with run(folder, wall=WALL + TRIM_SECONDS) as second:
        assert second.mappings() == before
        second.wait(TRIM_SECONDS)
        second.commit()
        assert rows_in(folder) == 1
        second.register(6)
        second.commit()
        before = second.mappings()
    with run(folder, wall=WALL + 2 * TRIM_SECONDS) as third:
        assert third.mappings() == before
        assert third.journal.findings == ()


def test_many_changes_of_one_commit_come_in_several_rows(folder: Path) -> None:
    with run(folder) as first:
        for number in range(120):
            first.register(number, record=bytes(50_000))
        first.commit()
        assert rows_in(folder) > 1
        assert fold_once(folder) == rows_in(folder)
        before = first.mappings()
    with run(folder) as second:
        assert second.mappings() == before


@pytest.mark.parametrize("seed", range(12))
def test_any_history_of_changes_folds_and_restarts_is_found_again(seed: int, folder: Path) -> None:
    choice = random.Random(seed)
    current = Run(folder)
    for _ in range(150):
        number, registrant = choice.randrange(4), choice.choice((REGISTRANT, OTHER))
        there = current.store.get(eid_of(number))
        match choice.choice(("register", "register", "touch", "withdraw", "nonce", "wait", "end")):
            case "register":
                published = choice.choice((None, b"union"))
                current.register(number, registrant=registrant, published=published)
            case "touch":
                current.store.touch(
                    eid_of(number),
                    registrant,
                    deadline=current.now + 180.0,
                    digest=choice.randbytes(16),
                )
            case "withdraw" if there is not None:
                held = [r.registrant for r in there.registrations]
                left = b"left" if len(held) > 1 else None
                current.store.withdraw(eid_of(number), choice.choice(held), published=left)
            case "nonce":
                current.store.raise_nonce(b"mark", choice.randrange(1000))
            case "wait":
                current.wait(choice.randrange(80) / 8)  # exact in binary
            case "end":
                current.commit()
                if choice.random() < 0.5:
                    fold_once(folder)
                if choice.random() < 0.5:
                    before, mark = current.mappings(), current.store.nonce_mark(b"mark")
                    current.journal.close()
                    now = float(choice.randrange(1_000_000))
                    current = Run(folder, now=now, wall=current.wall)
                    assert current.mappings() == before
                    assert current.store.nonce_mark(b"mark") == mark
    current.journal.close()


def test_a_folder_in_use_names_the_process(folder: Path) -> None:
    with run(folder):
        code = (
            "import sys; from pathlib import Path; from mapsys.net.journal import Journal\n"
            "try: Journal.open(Path(sys.argv[1]), now=0.0, wall=0.0)\n"
            "except Exception as error: print(type(error).__name__, error)\n"
        )
        found = subprocess.run(
            [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True
        )
        holder = (folder / "lock").read_text().strip()
        assert found.stdout.startswith(f"JournalError the state folder {folder} is already used")
        assert f"by process {holder};" in found.stdout
    with run(folder) as again:
        assert again.mappings() == []


def test_a_folder_that_cannot_be_made_is_told(scratch: Path) -> None:
    (scratch / "file").touch()
    with pytest.raises(JournalError, match=r"cannot be written: Not a directory; make it writable"):
        Journal.open(scratch / "file" / "state", now=0.0, wall=0.0)


def test_a_database_that_cannot_be_opened_is_told(folder: Path) -> None:
    (folder / "journal.db").mkdir(parents=True)
    with pytest.raises(JournalError, match=r"journal\.db cannot be used: it cannot be opened"):
        Journal.open(folder, now=0.0, wall=0.0)
    (folder / "journal.db").rmdir()
    (folder / "journal.committed").mkdir()
    with pytest.raises(JournalError, match=r"journal\.committed cannot be written: Is a direc"):
        Journal.open(folder, now=0.0, wall=0.0)
    (folder / "journal.committed").rmdir()
    with run(folder) as after:
        assert after.mappings() == []


@pytest.mark.parametrize("name", ["journal.db", "state.db"])
def test_state_of_a_newer_version_is_refused_in_one_sentence(folder: Path, name: str) -> None:
    with run(folder):
        pass
    connection = sqlite3.connect(folder / name)
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(JournalError) as refused:
        Journal.open(folder, now=0.0, wall=0.0)
    assert str(refused.value) == (
        f"{folder / name} was written by a newer mapsys (schema 2; this one reads up to 1):"
        " start that version, or restore a backup from before"
    )


def test_a_database_of_another_program_is_left_alone(folder: Path) -> None:
    folder.mkdir(parents=True)
    connection = sqlite3.connect(folder / "state.db")
    connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()
    with pytest.raises(JournalError, match=r"state\.db is not a database of mapsys"):
        Journal.open(folder, now=0.0, wall=0.0)


def test_a_locked_database_is_told_not_waited_for_without_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mapsys.net.journal_files.BUSY_SECONDS", 0.1)
    with run(folder) as first:
        other = sqlite3.connect(folder / "journal.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        first.journal._writer().execute("PRAGMA busy_timeout = 100")
        first.register(1)
        _, changes = first.store.take_changes()
        with pytest.raises(JournalError, match="another program has it locked"):
            first.journal.commit(changes, now=first.now, wall=first.wall)
        with pytest.raises(JournalError, match="another program has it locked"):
            first.journal.commit(changes, now=first.now, wall=first.wall)
        other.execute("ROLLBACK")
        other.close()
        first.journal.commit(changes, now=first.now, wall=first.wall)
    with run(folder) as second:
        assert [mapping.eid for mapping in second.mappings()] == [eid_of(1)]


def test_a_commit_that_comes_twice_is_one(folder: Path) -> None:
    """As after a failure that reached the disk all the same."""
    with run(folder) as first:
        first.register(1, record=b"first")
        first.store.withdraw(eid_of(1), REGISTRANT, published=None)
        first.register(1, registrant=OTHER, record=RECORD)
        _, changes = first.store.take_changes()
        for _ in range(2):
            first.journal.commit(changes, now=first.now, wall=first.wall)
        before = first.mappings()
    with run(folder) as second:
        assert second.mappings() == before
        assert second.journal.findings == ()
    assert fold_once(folder) == 2
    with run(folder) as third:
        assert third.mappings() == before
