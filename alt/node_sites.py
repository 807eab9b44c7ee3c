"""Which sites' EID-Prefixes are live: the Map-Server's word to the ALT.

A configured EID-Prefix is live while anything inside it is registered. What moves
or changes below it is no matter of the ALT's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from alt.bgp.events import OriginateLocal, WithdrawLocal
from alt.levels import FAMILIES
from mapsys.core.effects import Effect, Expired, Registered, Withdrawn
from mapsys.core.engine import Engine
from mapsys.eid import EidPrefix
from mapsys.store import Store


class LiveSites:
    """Follows the Map-Server's effects.

    instance_ids: those that have an ALT; read, not copied.
    """

    def __init__(self, engine: Engine, store: Store, instance_ids: Collection[int]) -> None:
        self._engine = engine
        self._store = store
        self._instance_ids = instance_ids
        self.live: set[EidPrefix] = set()

    def observe(self, effects: Sequence[Effect]) -> list[OriginateLocal | WithdrawLocal]:
        """What the ALT is to be told of effects that took place."""
        events: list[OriginateLocal | WithdrawLocal] = []
        for effect in effects:
            if isinstance(effect, Registered | Withdrawn | Expired):
                events += self._look_at(effect.eid)
        return events

    def recount(self) -> list[OriginateLocal | WithdrawLocal]:
        """The same after a start, or when other sites are configured."""
        configured = {
            rule.prefix
            for site in self._engine.sites
            for rule in site.rules
            if self._concerns(rule.prefix)
        }
        live = {prefix for prefix in configured if self._is_live(prefix)}
        gone, new = self.live - live, live - self.live
        self.live = live
        return [*map(WithdrawLocal, sorted(gone)), *map(OriginateLocal, sorted(new))]

    def _look_at(self, eid: EidPrefix) -> list[OriginateLocal | WithdrawLocal]:
        match = self._engine.sites.longest_match(eid) if self._concerns(eid) else None
        if match is None:
            return []
        prefix = match[1].prefix
        is_live = self._is_live(prefix)
        if is_live == (prefix in self.live):
            return []
        if is_live:
            self.live.add(prefix)
            return [OriginateLocal(prefix)]
        self.live.remove(prefix)
        return [WithdrawLocal(prefix)]

    def _concerns(self, eid: EidPrefix) -> bool:
        return eid.family in FAMILIES and eid.instance_id in self._instance_ids

    def _is_live(self, prefix: EidPrefix) -> bool:
        registered = self._store.get(prefix) is not None
        return registered or self._engine.more_specifics_held(prefix) > 0
