"""The ALT as the query socket sees it; a node without one declines."""

from __future__ import annotations

from typing import Final, Protocol

from mapsys.eid import EidPrefix
from mapsys.query_alt_rows import (
    AltOperationQuestion,
    AltOperationRow,
    AltOrder,
    AltPage,
    AltQuestion,
    AltTraceQuestion,
    AltTraceRow,
)

NO_ALT: Final = "no-alt"
NOT_TRACEABLE: Final = "not-traceable"
ORDER_REFUSED: Final = "order-refused"
NO_OPERATION: Final = "no-operation"
"""Reasons of ``query_rows.Declined``."""


class AltSource(Protocol):
    """The running ALT node. LookupError is raised where the instance-ID has no ALT here."""

    async def page(self, question: AltQuestion) -> AltPage:
        """Rows of a list. Raises ValueError for a cursor that was not handed out."""

    async def trace(self, eid: EidPrefix) -> AltTraceRow:
        """The way of Map-Requests for an EID. Takes some seconds where hops are silent.

        Raises ValueError where the ALT cannot carry it, or it cannot be traced from here.
        """

    async def order(self, order: AltOrder) -> AltOperationRow:
        """Begin an operation, or plan it; it goes on by itself.

        Raises ValueError where it cannot be, or the order cannot be written down.
        """

    def operation(self) -> AltOperationRow | None:
        """The last operation that was begun; None where there was none."""


class Overlaid(Protocol):
    """The part of a ``query_pages.QuerySource`` that these questions need."""

    @property
    def alt(self) -> AltSource | None:
        """None where there is no ``alt:`` section."""


class AltDeclined(Exception):
    """reason: of ``query_rows.Declined``; the text is its detail."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


AltAsked = AltQuestion | AltTraceQuestion | AltOrder | AltOperationQuestion


async def alt_answer(
    question: AltAsked, source: Overlaid
) -> AltPage | AltTraceRow | AltOperationRow:
    """Raises AltDeclined."""
    alt = source.alt
    if alt is None:
        raise AltDeclined(NO_ALT, "this node has no alt: section")
    try:
        match question:
            case AltQuestion():
                return await alt.page(question)
            case AltTraceQuestion(eid):
                return await alt.trace(EidPrefix.unpack(eid)[0])
            case AltOrder():
                return await alt.order(question)
    except LookupError as error:
        raise AltDeclined(NO_ALT, str(error)) from error
    except ValueError as error:
        raise AltDeclined(_REASONS[type(question)], str(error)) from error
    operation = alt.operation()
    if operation is None:
        raise AltDeclined(NO_OPERATION, "no operation was begun since the start")
    return operation


_REASONS: Final[dict[type, str]] = {
    AltQuestion: "bad-cursor",
    AltTraceQuestion: NOT_TRACEABLE,
    AltOrder: ORDER_REFUSED,
}
"""Of a ValueError, by what was asked."""
