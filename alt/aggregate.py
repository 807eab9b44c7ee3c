"""Aggregates: when a block is announced, and what a hole in it means.

Source: RFC 6836, 4.2; RFC 9301, 8.2.
"""

from __future__ import annotations

from alt.delegation import Delegation
from alt.effects import Local, Via
from alt.model import AltConfig, AnnounceWhen
from alt.policy import ImportPolicy
from alt.rib.loc_rib import LocRib
from alt.roles import Role
from mapsys.eid import EidPrefix

_FROM_BELOW = frozenset({Role.CHILD, Role.SIBLING, Role.LOCAL})


class Aggregates:
    """Reads the Loc-RIB; changes nothing.

    sites: the prefixes that the Map-Server here serves; read, not copied.
    """

    def __init__(
        self, config: AltConfig, imports: ImportPolicy, loc_rib: LocRib, sites: set[EidPrefix]
    ) -> None:
        self._config = config
        self._imports = imports
        self._loc_rib = loc_rib
        self._sites = sites
        self._components: dict[EidPrefix, tuple[EidPrefix, Delegation]] = {
            delegation.block: (block, delegation)
            for block in (*config.backup_blocks, *config.blocks)
            for delegation in imports.delegations.components(block)
        }

    @property
    def hole_prefixes(self) -> set[EidPrefix]:
        """Every prefix that has a meaning here even while there is no route to it."""
        config = self._config
        return {*config.blocks, *config.backup_blocks, *config.non_lisp, *self._components}

    def is_announced(self, block: EidPrefix) -> bool:
        """Whether an own block is announced now."""
        return self._config.announce is AnnounceWhen.ALWAYS or self._has_component(block)

    def stands_in(self, block: EidPrefix) -> bool:
        """Whether a backup block is announced now: its primary is gone, a component is there."""
        primary = any(
            route.peer is not None and not route.attributes.is_backup
            for route in self._loc_rib.candidates(block)
        )
        return not primary and self._has_component(block)

    def target(self, prefix: EidPrefix) -> Via | Local | None:
        """Where Map-Requests for a prefix go, judged by the route in use to it or by its hole."""
        route = self._loc_rib.best(prefix)
        if route is None:
            return self._hole(prefix)
        if route.peer is not None:
            return Via(route.peer)
        return Local("site" if prefix in self._sites else "aggregate-hole")

    def _hole(self, prefix: EidPrefix) -> Local | None:
        if prefix in self._config.non_lisp:
            return Local("non-lisp-hole")
        if prefix in self._config.blocks:
            return Local("aggregate-hole")
        block, delegation = self._components.get(prefix, (None, None))
        if block is None or delegation is None:
            return None
        if block not in self._config.blocks and not self.stands_in(block):
            return None
        if self._imports.is_moved(delegation):
            return Local("moved-hole")
        return Local("delegated-hole") if delegation.is_valid(self._imports.today) else None

    def _has_component(self, block: EidPrefix) -> bool:
        return block in self._sites or any(
            route.prefix != block and route.role in _FROM_BELOW
            for route in self._loc_rib.covered(block)
        )
