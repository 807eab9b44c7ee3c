"""Answers to why an EID is answered as it is, and to what happened to it before."""

from __future__ import annotations

from itertools import islice
from typing import Final, Protocol

from mapsys.core.explain import Explanation
from mapsys.core.history import Entry, Happening, Mover, Numbered
from mapsys.eid import EidPrefix
from mapsys.query_explain_rows import (
    ExplainQuestion,
    ExplainRow,
    HistoryPage,
    HistoryQuestion,
    HistoryRow,
    MoverRow,
    ReasonRow,
)

NEWEST_MOVES: Final = 5
"""Moves that an explanation tells; the history tells the others."""

HISTORY_ROWS_LIMIT: Final = 500
"""Entries in one page at most."""


class Explaining(Protocol):
    """The part of a ``query_pages.QuerySource`` that these questions need."""

    def explain(self, eid: EidPrefix) -> Explanation:
        """What a Map-Request for the EID would be answered, with all that led to it."""

    def history(self, eid: EidPrefix, before: int | None = None) -> list[Numbered]:
        """What happened to the EID and to prefixes around it, newest first."""


def explained(question: ExplainQuestion, source: Explaining) -> ExplainRow:
    """Everything that decides about one EID."""
    eid, _ = EidPrefix.unpack(question.eid)
    explanation = source.explain(eid)
    entries = (numbered.entry for numbered in source.history(eid))
    moves = (entry for entry in entries if entry.what is Happening.MOVED)
    return ExplainRow(
        rule=None if explanation.rule is None else explanation.rule.pack(),
        etr=explanation.etr,
        records=list(explanation.records),
        reasons=[ReasonRow(reason.topic.value, reason.text) for reason in explanation.reasons],
        moves=[_history_row(move) for move in islice(moves, NEWEST_MOVES)],
    )


def history(question: HistoryQuestion, source: Explaining) -> HistoryPage:
    """What is remembered, a page of it."""
    eid, _ = EidPrefix.unpack(question.eid)
    limit = max(1, min(question.limit, HISTORY_ROWS_LIMIT))
    found = source.history(eid, question.before)
    rows = [_history_row(numbered.entry) for numbered in found[:limit]]
    return HistoryPage(rows, found[limit - 1].number if len(found) > limit else None)


def _history_row(entry: Entry) -> HistoryRow:
    return HistoryRow(
        eid=entry.eid.pack(),
        at=entry.at,
        what=entry.what.value,
        site=entry.site,
        by=_mover_row(entry.by),
        key_id=entry.key_id,
        previous=[_mover_row(mover) for mover in entry.previous],
        merge_conflict=entry.merge_conflict,
    )


def _mover_row(mover: Mover) -> MoverRow:
    return MoverRow(mover.registrant, mover.host)
