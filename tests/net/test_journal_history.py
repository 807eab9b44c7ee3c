"""History across restarts: from rows of the journal, and from the folded tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from mapsys.net import fold
from tests.net.journal_run import eid_of, run


@pytest.mark.parametrize("folds", ["never", "at the end", "between"])
def test_history_outlives_a_restart_in_its_order(folder: Path, folds: str) -> None:
    with run(folder) as first:
        for number in range(300):
            first.store.history.add(eid_of(number % 3), b"%d" % number)
        first.commit()
        if folds != "never":
            fold.fold_once(folder)
        for _ in range(290):
            oldest = first.store.history.oldest()
            assert oldest is not None
            first.store.history.drop(oldest.number)
        first.store.history.add(eid_of(0), b"last")
        first.commit()
        if folds == "at the end":
            fold.fold_once(folder)
    with run(folder, now=5_000.0) as second:
        rows = second.store.history
        assert len(rows) == 11
        assert [one.facts for one in rows.of(eid_of(0))] == [b"last", b"297", b"294", b"291"]
        oldest = rows.oldest()
        assert oldest is not None
        assert oldest.facts == b"290"
        rows.add(eid_of(1), b"after")
        assert next(one.facts for one in rows.of(eid_of(1))) == b"after"
