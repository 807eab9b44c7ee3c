"""The Loc-RIB: per prefix the candidates that policy accepted, and the one in use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from alt.rib.attributes import Origin, PathAttributes
from alt.roles import Role
from mapsys.eid import EidPrefix
from mapsys.table import PrefixTable


@dataclass(frozen=True, slots=True)
class Route:
    """One accepted way to a prefix.

    peer: the tunnel it came through; None for what this node originates.
    router_id: the neighbour's, as a number; the decision's last tie but one.
    """

    prefix: EidPrefix
    peer: str | None
    role: Role
    attributes: PathAttributes
    router_id: int = 0

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


class LocRib:
    """Candidates per prefix, and which of them is in use."""

    def __init__(self) -> None:
        self._candidates: dict[EidPrefix, dict[str | None, Route]] = {}
        self._best: PrefixTable[Route] = PrefixTable()

    def offer(self, route: Route) -> None:
        """Hold a candidate, in place of an earlier one of the same neighbour."""
        self._candidates.setdefault(route.prefix, {})[route.peer] = route

    def retract(self, prefix: EidPrefix, peer: str | None) -> None:
        """Forget a neighbour's candidate; nothing happens where there is none."""
        candidates = self._candidates.get(prefix)
        if candidates is None:
            return
        candidates.pop(peer, None)
        if not candidates:
            del self._candidates[prefix]

    def candidates(self, prefix: EidPrefix) -> tuple[Route, ...]:
        """Every accepted route to exactly this prefix."""
        return tuple(self._candidates.get(prefix, {}).values())

    def choose(self, prefix: EidPrefix, route: Route | None) -> bool:
        """Put a route into use, or none; False where it is in use already."""
        if self._best.get(prefix) == route:
            return False
        if route is None:
            self._best.remove(prefix)
        else:
            self._best.put(prefix, route)
        return True

    def best(self, prefix: EidPrefix) -> Route | None:
        """The route in use to exactly this prefix."""
        return self._best.get(prefix)

    def covered(self, prefix: EidPrefix) -> Iterator[Route]:
        """The routes in use inside a prefix (itself counts), in table order."""
        return (route for _, route in self._best.covered(prefix))

    def after(self, prefix: EidPrefix | None) -> Iterator[Route]:
        """The routes in use behind a prefix in table order; None: from the first on."""
        return (route for _, route in self._best.items(prefix))

    def __iter__(self) -> Iterator[Route]:
        return (route for _, route in self._best.items())
