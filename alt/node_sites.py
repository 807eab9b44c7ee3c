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
from mapsys.core.site import LispSite
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
        self._of: dict[str, tuple[EidPrefix, ...]] = {}
        """The EID-Prefixes of each site that the ALT carries."""

    def observe(self, effects: Sequence[Effect]) -> list[OriginateLocal | WithdrawLocal]:
        """What the ALT is to be told of effects that took place."""
        events: list[OriginateLocal | WithdrawLocal] = []
        for effect in effects:
            if isinstance(effect, Registered | Withdrawn | Expired):
                events += self._look_at(effect.eid)
        return events

    def recount(self) -> list[OriginateLocal | WithdrawLocal]:
        """The same after a start, or when other sites are configured."""
        self._of = {site.name: self._prefixes(site) for site in self._engine.sites}
        configured = {prefix for prefixes in self._of.values() for prefix in prefixes}
        live = {prefix for prefix in configured if self._is_live(prefix)}
        return self._now_live(self.live - live, live - self.live)

    def site_changed(
        self, name: str, site: LispSite | None
    ) -> list[OriginateLocal | WithdrawLocal]:
        """The same when one site is another than before; costs what that one is.

        site: None where it was taken out.
        """
        concerned = {*self._of.pop(name, ())}
        if site is not None:
            self._of[name] = self._prefixes(site)
            concerned.update(self._of[name])
        # What came or went inside another site's prefix is, or was, counted with that one.
        concerned |= {above for prefix in concerned if (above := self._above(prefix)) is not None}
        live = {one for one in concerned if self._is_configured(one) and self._is_live(one)}
        return self._now_live((concerned & self.live) - live, live - self.live)

    def _now_live(
        self, gone: set[EidPrefix], new: set[EidPrefix]
    ) -> list[OriginateLocal | WithdrawLocal]:
        self.live -= gone
        self.live |= new
        return [*map(WithdrawLocal, sorted(gone)), *map(OriginateLocal, sorted(new))]

    def _prefixes(self, site: LispSite) -> tuple[EidPrefix, ...]:
        return tuple(rule.prefix for rule in site.rules if self._concerns(rule.prefix))

    def _is_configured(self, prefix: EidPrefix) -> bool:
        match = self._engine.sites.longest_match(prefix)
        return match is not None and match[1].prefix == prefix

    def _above(self, prefix: EidPrefix) -> EidPrefix | None:
        """The longest configured prefix around one, itself left out."""
        if prefix.length == 0:
            return None
        match = self._engine.sites.longest_match(
            EidPrefix.masked(prefix.instance_id, prefix.family, prefix.network, prefix.length - 1)
        )
        return None if match is None else match[1].prefix

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
