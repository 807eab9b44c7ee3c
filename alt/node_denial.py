"""When a hole in an aggregate may be denied: once those who could fill it have had their say."""

from __future__ import annotations

from typing import Final

from alt.roles import Role
from alt.router import AltRouter
from mapsys.eid import EidPrefix

SETTLING_SECONDS: Final = 60.0
"""After the start: how long a neighbour may take to come before it counts as away."""


def may_deny_hole(eid: EidPrefix, router: AltRouter, seconds_since_start: float) -> bool:
    """Whether the state of whoever would announce an EID below this node is known.

    While a session is up, after its End-of-RIB; without one, once the neighbour had
    time to come, and its routes are no longer kept for it. What is delegated to
    nobody waits for nobody.

    Source: RFC 4724, 2 and 4.2; RFC 6836, 4.2.
    """
    delegation = router.imports.delegations.best(eid)
    if delegation is None:
        return True
    announcers = {delegation.holder, *delegation.providers}
    for peer in router.peers.values():
        tunnel = peer.tunnel
        is_concerned = tunnel.role is Role.SIBLING or (
            tunnel.role is Role.CHILD and tunnel.neighbor in announcers
        )
        if not is_concerned or eid.family not in tunnel.families:
            continue
        if peer.is_up:
            if eid.family not in peer.complete:
                return False
        elif peer.stale_until is not None or seconds_since_start < SETTLING_SECONDS:
            return False
    return True
