"""Carries orders about the daemon's own life to it."""

from __future__ import annotations

from typing import Protocol

from mapsys.query_life_rows import ReloadOrder, ReloadRow, StopOrder, StopRow


class LifeDeclined(Exception):
    """The order is not carried out, and nothing was changed.

    reason: "invalid-configuration", "reload-refused" or "nothing-unconfirmed".
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class Living(Protocol):
    """The part of a ``query_pages.QuerySource`` that these orders need."""

    async def reload(self, order: ReloadOrder) -> ReloadRow:
        """Raises LifeDeclined."""

    def stop(self, order: StopOrder) -> StopRow: ...


async def life_answer(order: ReloadOrder | StopOrder, source: Living) -> ReloadRow | StopRow:
    """Carry one out. Raises LifeDeclined."""
    if isinstance(order, StopOrder):
        return source.stop(order)
    return await source.reload(order)
