"""Moves across restarts: from rows of the journal, and from the folded tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from mapsys.net import fold
from tests.net.journal_run import eid_of, run


@pytest.mark.parametrize("folds", ["never", "at the end", "between"])
def test_moves_outlive_a_restart_in_their_order(folder: Path, folds: str) -> None:
    with run(folder) as first:
        for number in range(300):
            first.store.moves.add(eid_of(number % 3), b"%d" % number)
        first.commit()
        if folds != "never":
            fold.fold_once(folder)
        for _ in range(290):
            oldest = first.store.moves.oldest()
            assert oldest is not None
            first.store.moves.drop(oldest.number)
        first.store.moves.add(eid_of(0), b"last")
        first.commit()
        if folds == "at the end":
            fold.fold_once(folder)
    with run(folder, now=5_000.0) as second:
        moves = second.store.moves
        assert len(moves) == 11
        assert [one.facts for one in moves.of(eid_of(0))] == [b"291", b"294", b"297", b"last"]
        oldest = moves.oldest()
        assert oldest is not None
        assert oldest.facts == b"290"
        moves.add(eid_of(1), b"after")
        assert [one.facts for one in moves.of(eid_of(1))][-1] == b"after"
