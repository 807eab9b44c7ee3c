"""Negative Map-Replies for holes in what this node aggregates (RFC 6836, 4.2 and 5.3)."""

from __future__ import annotations

import ipaddress
from typing import Final, NamedTuple

from alt.effects import LocalKind
from alt.plane_effects import SendNegative
from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix
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


def negative_map_reply(
    request: MapRequest,
    source_port: int,
    hole: EidPrefix,
    answer: HoleAnswer,
    underlay_versions: frozenset[int],
) -> SendNegative | None:
    """The answer to a Map-Request, for the first of its ITR-RLOCs that can be reached.

    source_port: where the request came from and the answer goes, 1..65535.
    underlay_versions: the IP versions this node has underlay addresses of.
    None where no ITR-RLOC can be reached.

    Source: RFC 9301, 5.4; RFC 6836, 5.2: never over the ALT.
    """
    host = _first_reachable(request.itr_rlocs, underlay_versions)
    if host is None or source_port == 0:
        return None
    eid, mask_len = from_eid_prefix(hole)
    record = EidRecord(answer.ttl_minutes, eid, mask_len, action=answer.action)
    reply = MapReply(request.nonce, (record,))
    return SendNegative(reply.octets(), Endpoint(host, source_port), hole, answer.action)


def _first_reachable(itr_rlocs: tuple[Address, ...], versions: frozenset[int]) -> str | None:
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
