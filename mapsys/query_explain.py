"""Answers to why an EID is answered as it is, and to what moved before."""

from __future__ import annotations

from typing import Final, Protocol

from mapsys.core.explain import Explanation
from mapsys.core.history import Move, Mover
from mapsys.eid import EidPrefix
from mapsys.query_explain_rows import (
    ExplainQuestion,
    ExplainRow,
    HistoryPage,
    HistoryQuestion,
    MoveRow,
    MoverRow,
    ReasonRow,
)

NEWEST_MOVES: Final = 5
"""Moves that an explanation tells; the history tells the others."""

HISTORY_ROWS_LIMIT: Final = 1_000


class Explaining(Protocol):
    """The part of a ``query_pages.QuerySource`` that these questions need."""

    def explain(self, eid: EidPrefix) -> Explanation:
        """What a Map-Request for the EID would be answered, with all that led to it."""

    def moves(self, eid: EidPrefix) -> list[Move]:
        """Moves of the EID and of prefixes around it, newest first."""


def explained(question: ExplainQuestion, source: Explaining) -> ExplainRow:
    """Everything that decides about one EID."""
    eid, _ = EidPrefix.unpack(question.eid)
    explanation = source.explain(eid)
    return ExplainRow(
        rule=None if explanation.rule is None else explanation.rule.pack(),
        etr=explanation.etr,
        records=list(explanation.records),
        reasons=[ReasonRow(reason.topic.value, reason.text) for reason in explanation.reasons],
        moves=[_move_row(move) for move in source.moves(eid)[:NEWEST_MOVES]],
    )


def history(question: HistoryQuestion, source: Explaining) -> HistoryPage:
    """What is remembered of moves."""
    eid, _ = EidPrefix.unpack(question.eid)
    return HistoryPage([_move_row(move) for move in source.moves(eid)[:HISTORY_ROWS_LIMIT]])


def _move_row(move: Move) -> MoveRow:
    return MoveRow(
        eid=move.eid.pack(),
        at=move.at,
        site=move.site,
        previous=[_mover_row(mover) for mover in move.previous],
        to=_mover_row(move.to),
        merge_conflict=move.merge_conflict,
    )


def _mover_row(mover: Mover) -> MoverRow:
    return MoverRow(mover.registrant, mover.host)
