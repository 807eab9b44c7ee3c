"""The ALT as the query socket sees it; a node without one declines."""

from __future__ import annotations

from typing import Final, Protocol

from mapsys.eid import EidPrefix
from mapsys.query_alt_rows import AltPage, AltQuestion, AltTraceQuestion, AltTraceRow

NO_ALT: Final = "no-alt"
NOT_TRACEABLE: Final = "not-traceable"
"""Reasons of ``query_rows.Declined``."""


class AltSource(Protocol):
    """The running ALT node. Both raise LookupError where the instance-ID has no ALT here."""

    async def page(self, question: AltQuestion) -> AltPage:
        """Rows of a list. Raises ValueError for a cursor that was not handed out."""

    async def trace(self, eid: EidPrefix) -> AltTraceRow:
        """The way of Map-Requests for an EID. Takes some seconds where hops are silent.

        Raises ValueError where the ALT cannot carry it, or it cannot be traced from here.
        """


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


async def alt_answer(
    question: AltQuestion | AltTraceQuestion, source: Overlaid
) -> AltPage | AltTraceRow:
    """Raises AltDeclined."""
    alt = source.alt
    if alt is None:
        raise AltDeclined(NO_ALT, "this node has no alt: section")
    try:
        if isinstance(question, AltQuestion):
            return await alt.page(question)
        return await alt.trace(EidPrefix.unpack(question.eid)[0])
    except LookupError as error:
        raise AltDeclined(NO_ALT, str(error)) from error
    except ValueError as error:
        reason = "bad-cursor" if isinstance(question, AltQuestion) else NOT_TRACEABLE
        raise AltDeclined(reason, str(error)) from error
