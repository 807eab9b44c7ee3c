"""Subscriptions across restarts: from rows of the journal, and from the folded tables."""

from __future__ import annotations

from math import inf
from pathlib import Path

import pytest

from mapsys.net import fold
from mapsys.subscriptions import Subscription
from tests.net.journal_run import Run, eid_of, run

XTR, OTHER_XTR = bytes(15) + b"\1", bytes(15) + b"\2"


def change_everything(held: Run) -> None:
    """One of every kind of change, over three commits."""
    subscriptions = held.store.subscriptions
    subscriptions.put(eid_of(1), XTR, nonce=2**64 - 9, deadline=inf, details=b"one")
    subscriptions.put(eid_of(2), XTR, nonce=5, deadline=held.now + 900, details=b"two")
    subscriptions.put(eid_of(3), XTR, nonce=5, deadline=inf, details=b"gone")
    subscriptions.put(eid_of(4), OTHER_XTR, nonce=50, deadline=inf, details=b"before")
    subscriptions.owe(eid_of(1))
    subscriptions.owe(eid_of(2))
    held.commit()
    subscriptions.raise_nonce(eid_of(1), XTR, 2**64 - 8)
    subscriptions.raise_nonce(eid_of(1), XTR, 2**64 - 7)
    subscriptions.raise_nonce(eid_of(3), XTR, 6)
    subscriptions.raise_nonce(eid_of(4), OTHER_XTR, 60)
    held.commit()
    subscriptions.put(eid_of(4), OTHER_XTR, nonce=3, deadline=inf, details=b"after")
    subscriptions.remove(eid_of(3), XTR)
    subscriptions.settle(eid_of(1))
    held.commit()


@pytest.mark.parametrize("folds", ["never", "at the end", "between"])
def test_subscriptions_outlive_a_restart(folder: Path, folds: str) -> None:
    with run(folder) as first:
        change_everything(first)
        if folds != "never":
            fold.fold_once(folder)
        first.store.subscriptions.raise_nonce(eid_of(2), XTR, 8)
        first.store.subscriptions.raise_nonce(eid_of(9), XTR, 8)
        first.commit()
        if folds == "at the end":
            fold.fold_once(folder)
    with run(folder, now=5_000.0) as second:
        held = second.store.subscriptions
        assert held.get(eid_of(1), XTR) == Subscription(eid_of(1), XTR, inf, 2**64 - 7, b"one")
        assert held.get(eid_of(2), XTR) == Subscription(eid_of(2), XTR, 5_900.0, 8, b"two")
        assert held.get(eid_of(3), XTR) is None
        assert held.get(eid_of(4), OTHER_XTR) == Subscription(
            eid_of(4), OTHER_XTR, inf, 3, b"after"
        )
        assert (len(held), held.owed()) == (3, [eid_of(2)])
        assert second.journal.findings == ()
