"""Which sites are registered, in part or not at all; looked at again where something changed."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from enum import StrEnum
from itertools import islice
from typing import Final

from mapsys.core.details import Details
from mapsys.core.effects import Effect, Expired, Moved, Registered, Withdrawn
from mapsys.core.site import LispSite
from mapsys.eid import EidPrefix
from mapsys.store import Store

EXAMINED_LIMIT: Final = 1_000
"""Mappings looked at inside one configured EID-Prefix; beyond it lie only other sites' own."""


class SiteState(StrEnum):
    """How much of a site is registered: something in each of its EID-Prefixes, in some, in none."""

    REGISTERED = "registered"
    PARTIAL = "partial"
    UNREGISTERED = "unregistered"


class SiteStates:
    """The state of each configured site; what changes meanwhile is noted by name alone."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._sites: dict[str, LispSite] = {}
        self._states: dict[str, SiteState] = {}
        self._stale: deque[str] = deque()
        self._noted: set[str] = set()

    def replace(self, sites: Iterable[LispSite]) -> None:
        """The sites that are configured now; every one has to be looked at."""
        self._sites = {site.name: site for site in sites}
        self._states = {}
        self._stale = deque(self._sites)
        self._noted = set(self._sites)

    def put(self, name: str, site: LispSite | None) -> None:
        """One site is another now, or (None) is gone."""
        if site is None:
            self._sites.pop(name, None)
            self._states.pop(name, None)
            return
        self._sites[name] = site
        if name not in self._noted:
            self._noted.add(name)
            self._stale.append(name)

    def observe(self, effects: Iterable[Effect], _now: float) -> None:
        """Note which sites what took place concerns."""
        for effect in effects:
            match effect:
                case Registered() | Withdrawn() | Moved() | Expired():
                    if effect.site not in self._noted:
                        self._noted.add(effect.site)
                        self._stale.append(effect.site)

    @property
    def stale(self) -> int:
        """How many sites have to be looked at."""
        return len(self._stale)

    def look_at_one(self) -> None:
        """Bring the state of the site that has waited longest up to date, if one has."""
        if not self._stale:
            return
        name = self._stale.popleft()
        self._noted.discard(name)
        site = self._sites.get(name)
        if site is not None:
            self._states[name] = self._state_of(site)

    def all(self) -> Mapping[str, SiteState]:
        """By the site's name, as far as they have been looked at."""
        return self._states

    def counts(self) -> dict[SiteState, int]:
        """How many sites are in each state."""
        return {**dict.fromkeys(SiteState, 0), **Counter(self._states.values())}

    def _state_of(self, site: LispSite) -> SiteState:
        registered = sum(self._has_inside(rule.prefix, site.name) for rule in site.rules)
        if registered == 0:
            return SiteState.UNREGISTERED
        return SiteState.REGISTERED if registered == len(site.rules) else SiteState.PARTIAL

    def _has_inside(self, prefix: EidPrefix, site: str) -> bool:
        return any(
            Details.unpack(one.details).site == site
            for mapping in islice(self._store.covered(prefix), EXAMINED_LIMIT)
            for one in mapping.registrations
        )
