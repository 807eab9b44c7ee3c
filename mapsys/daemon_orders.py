"""Orders about the daemon's own life, as the query side hands them on."""

from __future__ import annotations

from mapsys.daemon_ending import Ending
from mapsys.daemon_reload import Reloads
from mapsys.net.log import Event, Logger
from mapsys.query_life_rows import ReloadOrder, ReloadRow, StopOrder, StopRow


class Orders:
    """Implements ``query_life.Living``."""

    def __init__(self, reloads: Reloads, ending: Ending, log: Logger) -> None:
        self._reloads = reloads
        self._ending = ending
        self._log = log

    async def reload(self, order: ReloadOrder) -> ReloadRow:
        """Reload, or decide about what is on trial. Raises LifeDeclined."""
        return await self._reloads.carry_out(order)

    def stop(self, order: StopOrder) -> StopRow:
        """End, as an operator wants it."""
        self._log.info(Event.STOP_ORDER, by=order.by)
        return StopRow(self._ending.ask(order.lameduck_seconds))
