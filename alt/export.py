"""Export policy: which route each neighbour is told, and with which attributes.

A pure function of the Loc-RIB's choice and the configuration, so that the
Adj-RIB-Out can be computed anew at any time and come out the same.
"""

from __future__ import annotations

from typing import Final

from alt.model import AltConfig, Export, Tunnel
from alt.policy import ImportPolicy
from alt.rib.attributes import BACKUP_COMMUNITY, PathAttributes
from alt.rib.loc_rib import Route
from alt.roles import Role
from mapsys.eid import EidPrefix, Family

_FROM_ABOVE_OR_BESIDE: Final = frozenset({Role.PARENT, Role.BACKUP, Role.PEER})


class ExportPolicy:
    """Decides for one ALT instance.

    Whatever the role: a host route never leaves, a route never goes back to the
    neighbour it came from, nor to one whose AS it has passed.
    """

    def __init__(self, config: AltConfig, imports: ImportPolicy) -> None:
        self._config = config
        self._imports = imports
        self._own_ends = {
            (t.name, family): t.own_address(family) for t in config.tunnels for family in t.families
        }

    def outgoing(self, tunnel: Tunnel, route: Route) -> PathAttributes | None:
        """The attributes a neighbour is told a route with; None: it is not told."""
        if self.withheld(tunnel, route) is not None:
            return None
        internal = tunnel.peer_as == self._config.own_as
        return PathAttributes(
            as_path=route.as_path if internal else (self._config.own_as, *route.as_path),
            next_hop=self._own_ends[tunnel.name, route.prefix.family],
            origin=route.origin,
            communities=route.attributes.communities,
        )

    def withheld(self, tunnel: Tunnel, route: Route) -> str | None:
        """Why a neighbour is not told of a route, from ``alt.reasons.EXPORT_REASONS``."""
        prefix = route.prefix
        if prefix.is_host:
            return "host-route"
        if route.peer == tunnel.name:
            return "came-from-there"
        if tunnel.peer_as in route.as_path:
            return "as-loop"
        if not self._may_leave(tunnel, route):
            return "inside-aggregate" if self._is_stood_for(prefix) else "not-for-role"
        return None if (tunnel.name, prefix.family) in self._own_ends else "no-address"

    def default_route(self, tunnel: Tunnel, family: Family) -> PathAttributes | None:
        """The default route of a child that gets nothing else."""
        if tunnel.role is not Role.CHILD or tunnel.export is not Export.DEFAULT:
            return None
        next_hop = self._own_ends.get((tunnel.name, family))
        return None if next_hop is None else PathAttributes((self._config.own_as,), next_hop)

    def _may_leave(self, tunnel: Tunnel, route: Route) -> bool:
        prefix = route.prefix
        own_block = route.role is Role.LOCAL and prefix in self._config.blocks
        backup_block = route.role is Role.LOCAL and route.attributes.is_backup
        match tunnel.role:
            case Role.PARENT | Role.BACKUP:
                return own_block or self._is_exception_for(tunnel, prefix)
            case Role.PEER:
                return own_block or backup_block or self._is_beside(route, Role.PEER)
            case Role.SIBLING:
                return self._is_component(route)
        match tunnel.export:
            case Export.FULL:
                return True
            case Export.AGGREGATES:
                return own_block or backup_block or self._is_beside(route, *_FROM_ABOVE_OR_BESIDE)
        return False

    def _is_stood_for(self, prefix: EidPrefix) -> bool:
        """Whether an aggregate of this node takes the place of a prefix."""
        blocks = (*self._config.blocks, *self._config.backup_blocks)
        return any(block.covers(prefix) and block != prefix for block in blocks)

    def _is_beside(self, route: Route, *roles: Role) -> bool:
        """An aggregate of this level or a shorter one, from somebody not below."""
        longest = self._config.longest(route.prefix.family)
        return route.role in roles and route.prefix.length <= longest

    def _is_component(self, route: Route) -> bool:
        """A part of an own block that came from below or from the Map-Server here."""
        return (
            route.role in (Role.CHILD, Role.LOCAL)
            and route.prefix not in self._config.blocks
            and self._imports.is_in_own_block(route.prefix)
        )

    def _is_exception_for(self, tunnel: Tunnel, prefix: EidPrefix) -> bool:
        """A registered exception goes to the parents of the block it left, and no further."""
        if not self._imports.is_served_exception(prefix):
            return False
        around = self._imports.delegations.around(prefix)
        return around is not None and tunnel.neighbor in around.providers


def own_attributes(*, is_backup: bool) -> PathAttributes:
    """Attributes of what this node originates; the next hop is set on the way out."""
    return PathAttributes((), "", communities=(BACKUP_COMMUNITY,) if is_backup else ())
