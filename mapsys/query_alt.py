"""The ALT as the query socket sees it; a node without one declines."""

from __future__ import annotations

from typing import Protocol

from mapsys.eid import EidPrefix
from mapsys.query_alt_rows import AltPage, AltQuestion, AltTraceQuestion, AltTraceRow

NO_ALT = "no-alt"
"""The reason of ``query_rows.Declined`` where an instance-ID has no ALT here."""


class AltSource(Protocol):
    """The running ALT node. Both raise LookupError where the instance-ID has no ALT here."""

    async def page(self, question: AltQuestion) -> AltPage:
        """Rows of a list. Raises ValueError for a cursor that was not handed out."""

    async def trace(self, eid: EidPrefix) -> AltTraceRow:
        """The way of Map-Requests for an EID. Takes some seconds where hops are silent."""


async def alt_answer(
    question: AltQuestion | AltTraceQuestion, source: AltSource | None
) -> AltPage | AltTraceRow:
    """Raises LookupError, ValueError as the source does."""
    if source is None:
        raise LookupError("this node has no alt: section")
    if isinstance(question, AltQuestion):
        return await source.page(question)
    eid, _ = EidPrefix.unpack(question.eid)
    return await source.trace(eid)
