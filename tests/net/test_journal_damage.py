"""Damaged files: told in a sentence, never in silence or as a traceback, the rest kept."""

from __future__ import annotations

import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from mapsys.change_log import RaiseNonce, pack, unpack
from mapsys.eid import EidPrefix
from mapsys.net.fold import fold_once
from mapsys.net.journal_files import JournalError
from mapsys.net.journal_rows import Row, Witness
from tests.net.journal_run import WALL, Run, eid_of, run

COUNT = 12


def fill(folder: Path) -> set[EidPrefix]:
    with run(folder) as first:
        for number in range(COUNT):
            first.register(number)
            first.commit()
    return everything()


def everything() -> set[EidPrefix]:
    return {eid_of(number) for number in range(COUNT)}


def alter(folder: Path, name: str, statement: str, *values: object) -> None:
    connection = sqlite3.connect(folder / name)
    with connection:
        assert connection.execute(statement, values).rowcount > 0
    connection.close()


def found_in(folder: Path) -> tuple[set[EidPrefix], tuple[str, ...]]:
    with run(folder) as after:
        return {mapping.eid for mapping in after.mappings()}, after.journal.findings


@pytest.mark.parametrize(
    "change",
    [
        "octets = substr(octets, 1, 20) || x'00' || substr(octets, 22)",
        "octets = x''",
        "octets = 'text'",
        "wall = CAST(x'ff' AS TEXT)",
        "octets = 7",
        "wall = wall + 1",
        "now = now + 1",
        "service = 0.5",
        "crc = crc + 1",
    ],
)
def test_a_damaged_row_is_left_out_alone_and_told(folder: Path, change: str) -> None:
    fill(folder)
    alter(folder, "journal.db", f"UPDATE changes SET {change} WHERE seq = 5")
    held, findings = found_in(folder)
    assert held == everything() - {eid_of(4)}
    assert len(findings) == 1
    assert "1 damaged rows are left out, the first is row 5" in findings[0]
    with run(folder) as after:
        after.register(4)
        after.commit()
    assert found_in(folder)[0] == everything()


def test_a_damaged_last_row_is_left_out_and_its_number_used_again(folder: Path) -> None:
    fill(folder)
    alter(folder, "journal.db", "UPDATE changes SET octets = x'01' WHERE seq = ?", COUNT)
    with run(folder) as after:
        assert len(after.mappings()) == COUNT - 1
        assert any(f"first is row {COUNT}" in finding for finding in after.journal.findings)
        after.register(COUNT - 1)
        after.commit()
    assert found_in(folder) == (everything(), ())


def test_a_row_under_a_wrong_number_is_told_as_damaged_and_missing(folder: Path) -> None:
    fill(folder)
    alter(folder, "journal.db", "UPDATE changes SET seq = ? WHERE seq = 5", 2**63 - 1)
    held, findings = found_in(folder)
    assert held == everything() - {eid_of(4)}
    assert any("rows 5 to 5 are missing" in finding for finding in findings)
    assert any(f"first is row {2**63 - 1}" in finding for finding in findings)
    with run(folder) as after:
        after.register(4)
        after.commit()
    assert found_in(folder)[0] == everything()


def test_missing_rows_are_told(folder: Path) -> None:
    fill(folder)
    alter(folder, "journal.db", "DELETE FROM changes WHERE seq BETWEEN 3 AND 4")
    held, findings = found_in(folder)
    assert held == everything() - {eid_of(2), eid_of(3)}
    assert "rows 3 to 4 are missing" in findings[0]


def test_missing_last_rows_are_told_by_the_note_outside(folder: Path) -> None:
    fill(folder)
    alter(folder, "journal.db", "DELETE FROM changes WHERE seq > 10")
    held, findings = found_in(folder)
    assert len(held) == 10
    assert f"ends at row 10, although row {COUNT} was committed" in findings[0]


@pytest.mark.parametrize("note", [b"", b"\0\0", b"\xff" * 12])
def test_a_damaged_note_says_nothing(folder: Path, note: bytes) -> None:
    fill(folder)
    (folder / "journal.committed").write_bytes(note)
    assert found_in(folder) == (everything(), ())


def test_a_row_whose_octets_are_of_another_version_is_left_out_and_told(folder: Path) -> None:
    fill(folder)
    row = Row(5, WALL, 100.0, 0.0, b"\x02 of a version to come")
    alter(
        folder,
        "journal.db",
        "UPDATE changes SET wall = ?, now = ?, service = ?, octets = ?, crc = ? WHERE seq = 5",
        *row[1:],
        row.crc,
    )
    with pytest.raises(JournalError, match="cannot be folded: packed changes are of version 2"):
        fold_once(folder)
    held, findings = found_in(folder)
    assert held == everything() - {eid_of(4)}
    assert "first is row 5" in findings[0]
    assert fold_once(folder) == COUNT - 1


def test_folding_leaves_a_damaged_row_out_and_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(folder)
    alter(folder, "journal.db", "UPDATE changes SET octets = x'01' WHERE seq = 5")
    assert fold_once(folder) == COUNT - 1
    assert "row 5 is damaged and left out" in capsys.readouterr().err
    assert found_in(folder) == (everything() - {eid_of(4)}, ())


@pytest.mark.parametrize(
    "change", ["substr(change, 1, 9) || x'00' || substr(change, 11)", "NULL+7"]
)
def test_a_damaged_row_of_the_tables_stays_damaged_and_is_told(folder: Path, change: str) -> None:
    fill(folder)
    fold_once(folder)
    key = b"p" + eid_of(4).pack()
    statement = f"UPDATE held SET change = {change.replace('NULL+7', '7')} WHERE hex(key) LIKE ?"
    alter(folder, "state.db", statement, key.hex().upper() + "%")
    with run(folder) as after:
        assert len(after.mappings()) == COUNT - 1
        assert "state.db: 1 damaged rows are left out" in after.journal.findings[0]
    with run(folder) as later:
        later.store.put(
            eid_of(4),
            b"\0other",
            record=b"r",
            details=b"",
            digest=bytes(16),
            deadline=300.0,
            published=b"r",
        )
        later.commit()
    fold_once(folder)
    assert found_in(folder)[0] == everything()


def test_a_refresh_does_not_mend_a_damaged_row(folder: Path) -> None:
    with run(folder) as first:
        first.register(1)
        first.commit()
        fold_once(folder)
        alter(folder, "state.db", "UPDATE held SET change = x'00112233445566778899'")
        registrant = first.mappings()[0].registrations[0].registrant
        first.store.touch(eid_of(1), registrant, deadline=500.0, digest=bytes(16))
        first.commit()
        fold_once(folder)
    held, findings = found_in(folder)
    assert held == set()
    assert "1 damaged rows" in findings[0]


def test_a_damaged_mark_of_how_far_is_folded_is_refused(folder: Path) -> None:
    fill(folder)
    fold_once(folder)
    alter(folder, "state.db", "UPDATE folded SET reach = x'00'")
    with pytest.raises(JournalError, match=r"state\.db is damaged \(the mark of how far"):
        Run(folder)
    with pytest.raises(JournalError, match="cannot be folded: the mark of how far"):
        fold_once(folder)


@pytest.mark.parametrize("name", ["journal.db", "state.db"])
def test_a_file_that_is_no_database_is_refused(folder: Path, name: str) -> None:
    fill(folder)
    (folder / name).write_bytes(b"not a database " * 1000)
    with pytest.raises(JournalError, match=r"is damaged .* restore the state folder from a backup"):
        Run(folder)


def test_a_packed_change_with_something_behind_it_is_no_change() -> None:
    packed = pack(RaiseNonce(b"mark", 1))
    assert unpack(packed) == RaiseNonce(b"mark", 1)
    for octets in (packed + b"\0", packed[:-1], b"", b"?"):
        with pytest.raises(ValueError, match="packed change"):
            unpack(octets)


def copy_of_open(folder: Path, target: Path) -> Path:
    """A folder as a power cut would leave it: with its write-ahead log."""
    with run(folder) as first:
        for number in range(COUNT):
            first.register(number)
            first.commit()
            if number == COUNT // 2:
                fold_once(folder)
        assert (folder / "journal.db-wal").stat().st_size > 0
        shutil.copytree(folder, target)
    for leftover in target.glob("*-shm"):
        leftover.unlink()
    return target


def held_or_told(folder: Path) -> int:
    """How many are there; where it is not all of them, somebody has been told."""
    try:
        held, findings = found_in(folder)
    except JournalError as error:
        held, findings = set(), (str(error),)
    assert held == everything() or any(str(folder) in finding for finding in findings)
    return len(held)


@pytest.mark.parametrize("name", ["journal.db-wal", "journal.db", "state.db", "state.db-wal"])
def test_no_flipped_bit_takes_anything_in_silence(scratch: Path, name: str) -> None:
    pristine = copy_of_open(scratch / "state", scratch / "pristine")
    octets = (pristine / name).read_bytes()
    choice = random.Random(name)
    for number in range(40):
        damaged = bytearray(octets)
        for _ in range(choice.choice((1, 1, 20))):
            damaged[choice.randrange(len(damaged))] ^= 1 << choice.randrange(8)
        folder = scratch / f"damaged-{number}"
        shutil.copytree(pristine, folder)
        (folder / name).write_bytes(damaged)
        held_or_told(folder)
        shutil.rmtree(folder)


def test_a_log_cut_anywhere_loses_only_what_lies_behind_the_cut(scratch: Path) -> None:
    pristine = copy_of_open(scratch / "state", scratch / "pristine")
    octets = (pristine / "journal.db-wal").read_bytes()
    held = []
    for size in range(0, len(octets) + 1, len(octets) // 60):
        folder = scratch / f"cut-{size}"
        shutil.copytree(pristine, folder)
        (folder / "journal.db-wal").write_bytes(octets[:size])
        held.append(held_or_told(folder))
        shutil.rmtree(folder)
    assert held == sorted(held)
    assert held[-1] >= COUNT - 1


def test_the_note_outside_is_only_a_note(folder: Path) -> None:
    folder.mkdir(parents=True)
    witness = Witness(folder)
    assert witness.read() == 0
    witness.note(41)
    assert witness.read() == 41
    witness.close()
