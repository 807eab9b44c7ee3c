"""The folding process: ``python -m mapsys.net.fold STATE_DIR [--once]``.

Takes committed rows of the journal into the tables that a restart reads, so that
restarting does not take longer the longer the server was up. It runs apart so that
its work stops neither the loop nor the journal's writer.
"""

from __future__ import annotations

import argparse
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Final

from mapsys.net.journal_files import (
    CHANGES_NAME,
    STATE_NAME,
    JournalError,
    in_words,
    open_changes,
    open_state,
)
from mapsys.net.journal_rows import Row, rows_after
from mapsys.net.journal_tables import StateTables
from mapsys.net.process_guard import guard_memory

FOLD_SECONDS: Final = 30.0
"""Between one fold and the next."""

SLICE_OCTETS: Final = 4 << 20
"""Packed changes taken in with one transaction."""

SLICE_ROWS: Final = 4096


def fold_once(folder: Path) -> int:
    """Fold everything committed so far; returns how many rows that were.

    Damaged rows are left out, and told on standard error. Raises JournalError
    where the databases cannot be read or written.
    """
    if not (folder / CHANGES_NAME).exists():
        raise JournalError(f"{folder} holds no {CHANGES_NAME}: give the folder of a mapsys server")
    count = 0
    with closing(open_changes(folder)) as changes, closing(open_state(folder)) as state:
        tables = StateTables(state)
        try:
            while done := _fold_slice(changes, state, tables):
                count += done
        except sqlite3.Error as error:
            raise in_words(error, folder / STATE_NAME) from error
        except ValueError as error:
            raise JournalError(
                f"{folder} cannot be folded: {error};"
                " restart the server, which leaves out what is damaged and says so"
            ) from error
    return count


def _fold_slice(changes: sqlite3.Connection, state: sqlite3.Connection, tables: StateTables) -> int:
    """One transaction; returns how many rows it took in."""
    with state:
        # Reading how far it is folded belongs to the transaction: another folding
        # process may be about to end.
        state.execute("BEGIN IMMEDIATE")
        rows = _next_rows(changes, tables.folded().seq)
        if rows:
            tables.fold(rows)
    return len(rows)


def _next_rows(changes: sqlite3.Connection, seq: int) -> list[Row]:
    rows: list[Row] = []
    octets = 0
    for number, row in rows_after(changes, seq):
        if row is None:
            print(f"{CHANGES_NAME}: row {number} is damaged and left out", file=sys.stderr)
            continue
        rows.append(row)
        octets += len(row.octets)
        if octets >= SLICE_OCTETS or len(rows) >= SLICE_ROWS:
            break
    return rows


def run(folder: Path) -> None:
    """Fold every FOLD_SECONDS until SIGTERM or SIGINT comes.

    A fault is told on standard error, and folding tried again at the next turn.
    """
    ending = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ending)
    while signal.sigtimedwait(ending, FOLD_SECONDS) is None:
        try:
            fold_once(folder)
        except JournalError as error:
            print(error, file=sys.stderr, flush=True)


def main() -> int:
    """Exit code 0, or 1 where ``--once`` failed."""
    parser = argparse.ArgumentParser(
        prog="python -m mapsys.net.fold",
        description="Fold a state folder's journal into its tables.",
    )
    parser.add_argument("state_dir", type=Path, help="the server's state folder")
    parser.add_argument("--once", action="store_true", help="fold what there is, and end")
    arguments = parser.parse_args()
    if not arguments.once:
        guard_memory()
        run(arguments.state_dir)
        return 0
    try:
        count = fold_once(arguments.state_dir)
    except JournalError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{count} rows folded")
    return 0


if __name__ == "__main__":
    sys.exit(main())
