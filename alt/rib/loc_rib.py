"""The Loc-RIB: per prefix the candidates that policy accepted, and the one in use."""

from __future__ import annotations

from dataclasses import dataclass

from alt.rib.attributes import Origin, PathAttributes
from alt.roles import Role
from mapsys.eid import EidPrefix


@dataclass(frozen=True, slots=True)
class Route:
    """One accepted way to a prefix.

    peer: the tunnel it came through; None for what this node originates.
    router_id: the neighbour's, as a number; the decision's last tie but one.
    stale: kept from a session that is down (RFC 4724, 4.2).
    """

    prefix: EidPrefix
    peer: str | None
    role: Role
    attributes: PathAttributes
    router_id: int = 0
    stale: bool = False

    @property
    def as_path(self) -> tuple[int, ...]:
        """AS numbers, the neighbour's first."""
        return self.attributes.as_path

    @property
    def next_hop(self) -> str:
        """The BGP next hop, an address of the tunnel."""
        return self.attributes.next_hop

    @property
    def origin(self) -> Origin:
        """How the route entered BGP."""
        return self.attributes.origin
