"""Negative Map-Replies for holes in what this node aggregates (RFC 6836, 4.2 and 5.3)."""

from __future__ import annotations

import ipaddress
from typing import Final, NamedTuple

from alt.effects import LocalKind
from mapsys.core.questions import AltHole
from mapsys.wire.address import Address, Ipv4, Ipv6
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.map_reply import MapReply
from mapsys.wire.map_request import MapRequest
from mapsys.wire.records import Action, EidRecord


class HoleAnswer(NamedTuple):
    """What a hole is answered with.

    ttl_minutes: how long the ITR keeps it.
    """

    action: Action
    ttl_minutes: int


HOLE_ANSWERS: Final[dict[LocalKind, HoleAnswer]] = {
    "aggregate-hole": HoleAnswer(Action.NATIVELY_FORWARD, 15),
    "non-lisp-hole": HoleAnswer(Action.NATIVELY_FORWARD, 15),
    "delegated-hole": HoleAnswer(Action.DROP, 1),
}
"""Nothing there: forward natively, 15 minutes. Delegated, but away: drop, for a
minute only (RFC 6836, 4.2; RFC 9301, 8.3 and 8.4 for the times).
"""


def negative_map_reply(request: MapRequest, hole: AltHole) -> bytes:
    """The answer to a Map-Request (RFC 9301, 5.4)."""
    eid, mask_len = from_eid_prefix(hole.prefix)
    record = EidRecord(hole.ttl_minutes, eid, mask_len, action=hole.action)
    return MapReply(request.nonce, (record,)).octets()


def first_reachable(itr_rlocs: tuple[Address, ...], versions: frozenset[int]) -> str | None:
    """The ITR-RLOC that an answer goes to, over the underlay alone (RFC 6836, 5.2).

    versions: the IP versions this node has underlay addresses of. None where no
    ITR-RLOC can be reached.
    """
    for rloc in itr_rlocs:
        if not isinstance(rloc, Ipv4 | Ipv6):
            continue
        address = ipaddress.ip_address(rloc.packed)
        # Link-local ones mean nothing beyond the ITR's own link.
        if address.version in versions and not (
            address.is_loopback
            or address.is_multicast
            or address.is_unspecified
            or address.is_link_local
        ):
            return str(address)
    return None
