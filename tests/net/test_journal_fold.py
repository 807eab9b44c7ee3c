"""The folding process as the daemon runs it, and as an operator may."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mapsys.net import fold
from mapsys.net.journal_files import JournalError, open_state
from mapsys.net.journal_tables import StateTables
from tests.net.journal_run import run

PATIENCE_SECONDS = 60.0


def folded_through(folder: Path) -> int:
    connection = open_state(folder)
    seq = StateTables(connection).folded().seq
    connection.close()
    return seq


def fold_process(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "mapsys.net.fold", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def test_folding_once_says_how_much_and_ends(folder: Path) -> None:
    with run(folder) as first:
        for number in range(3):
            first.register(number)
            first.commit()
    process = fold_process(str(folder), "--once")
    output, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, output, errors) == (0, "3 rows folded\n", "")
    assert folded_through(folder) == 3


def test_a_folder_without_a_journal_is_told(folder: Path) -> None:
    process = fold_process(str(folder), "--once")
    output, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, output) == (1, "")
    assert errors == f"{folder} holds no journal.db: give the folder of a mapsys server\n"


def test_a_killed_fold_is_done_by_the_next(folder: Path) -> None:
    choice = random.Random(3)
    with run(folder) as first:
        for number in range(6000):
            first.register(number % 2000)
        first.commit()
        for _ in range(4):
            process = fold_process(str(folder), "--once")
            time.sleep(choice.uniform(0.0, 0.5))
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=PATIENCE_SECONDS)
        fold.fold_once(folder)
        before = first.mappings()
    with run(folder) as second:
        assert second.mappings() == before
        assert second.journal.findings == ()


def test_two_at_once_fold_each_row_once(folder: Path) -> None:
    with run(folder) as first:
        for number in range(300):
            first.register(number)
            first.commit()
    processes = [fold_process(str(folder), "--once") for _ in range(2)]
    outputs = [process.communicate(timeout=PATIENCE_SECONDS) for process in processes]
    assert [errors for _, errors in outputs] == ["", ""]
    assert sum(int(output.split()[0]) for output, _ in outputs) == 300
    with run(folder) as second:
        assert len(second.mappings()) == 300


def test_it_takes_many_rows_in_several_transactions(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fold, "SLICE_ROWS", 3)
    monkeypatch.setattr(fold, "SLICE_OCTETS", 10_000)
    with run(folder) as first:
        for number in range(10):
            first.register(number, record=bytes(20_000 if number == 4 else 10))
            first.commit()
        assert fold.fold_once(folder) == 10
        before = first.mappings()
    with run(folder) as second:
        assert second.mappings() == before


def test_digests_are_dropped_from_the_tables_when_their_time_is_over(folder: Path) -> None:
    with run(folder) as first:
        for number in range(5):
            first.store.supersede(bytes((number,)) * 16, first.now + 10.0 * number + 5.0)
        first.commit()
        fold.fold_once(folder)
        first.wait(30.0)
        first.commit()
        fold.fold_once(folder)
    connection = open_state(folder)
    (held,) = connection.execute("SELECT count(*) FROM held").fetchone()
    connection.close()
    assert held == 2


def test_the_process_folds_again_and_again_and_ends_when_told(
    folder: Path,
) -> None:
    code = (
        "import sys; from pathlib import Path; from mapsys.net import fold\n"
        "fold.FOLD_SECONDS = 0.05\n"
        "fold.run(Path(sys.argv[1]))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    assert "holds no journal.db" in process.stderr.readline()
    with run(folder) as first:
        for number in range(1, 3):
            first.register(number)
            first.commit()
            until = time.monotonic() + PATIENCE_SECONDS
            while folded_through(folder) < number and time.monotonic() < until:
                time.sleep(0.02)
            assert folded_through(folder) == number
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0


def test_a_journal_that_cannot_be_folded_into_is_told(folder: Path) -> None:
    with run(folder) as first:
        first.register(1)
        first.commit()
    connection = open_state(folder)
    connection.execute("DROP TABLE held")
    connection.close()
    with pytest.raises(
        JournalError, match=r"state\.db is damaged \(no such table: held\): restore"
    ):
        fold.fold_once(folder)
