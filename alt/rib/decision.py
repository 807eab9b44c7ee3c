"""The decision process: the best of several routes to one prefix.

Total and independent of the order of arrival, so that equal tables always make
equal choices: instead of "oldest first" the lowest router ID decides.

Source: RFC 4271, 9.1.2.2; RFC 6836, 4.3 (the AS path is the only metric).
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final

from alt.rib.loc_rib import Route
from alt.roles import Role

LOCAL_PREF: Final[dict[Role, int]] = {
    Role.LOCAL: 200,
    Role.CHILD: 130,
    Role.SIBLING: 120,
    Role.PEER: 110,
    Role.PARENT: 100,
    Role.BACKUP: 90,
}
"""Down before across before up: the way to the holder never takes a detour."""


def best(routes: Sequence[Route]) -> Route | None:
    """The route to use, or None where there is none.

    A stand-in for an aggregate loses to the aggregate itself. MED compares only
    routes of one neighbouring AS, hence first among those, then between them.
    """
    if len(routes) == 1:
        return routes[0]
    of_as: dict[int, Route] = {}
    for route in routes:
        neighbor_as = route.as_path[0] if route.as_path else 0
        held = of_as.get(neighbor_as)
        if held is None or _rank(route, with_med=True) < _rank(held, with_med=True):
            of_as[neighbor_as] = route
    return min(of_as.values(), key=lambda r: _rank(r, with_med=False), default=None)


def _rank(route: Route, *, with_med: bool) -> tuple[int, ...]:
    """Lower is better."""
    attributes = route.attributes
    return (
        -LOCAL_PREF[route.role],
        attributes.is_backup,
        len(attributes.as_path),
        attributes.origin,
        (attributes.med or 0) if with_med else 0,
        route.router_id,
        int(ip_address(attributes.next_hop)) if attributes.next_hop else 0,
    )
