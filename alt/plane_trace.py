"""ALT traceroute at a hop: which requests trace, and what the hop tells of itself.

A Map-Request that traces has TRACE_MARK as its Source-EID. The hop at which its
hop limit runs out answers with a Negative Map-Reply (RFC 6836, 5.3), never to be
cached, of three records: the matching prefix, the node's name, what it does with
the prefix. Other requests whose hops run out are dropped as before; a
Map-Resolver gives fresh hops to what it sends on, so no ITR can trace.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from alt.plane_datagram import AltDatagram
from mapsys.eid import WIDTH_BITS, EidPrefix, Family
from mapsys.wire.afi import DistinguishedName
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.errors import WireError
from mapsys.wire.map_reply import MapReply
from mapsys.wire.records import Action, EidRecord

TRACE_MARK: Final = DistinguishedName(b"mapsys alt trace")
_MARKED: Final = b"\0\x11" + TRACE_MARK.name + b"\0"
_SOURCE_EID: Final = 12
"""Where a Map-Request's Source-EID begins (RFC 9301, 5.2)."""

VIA: Final = "via "
NO_ROUTE: Final = "no-route"

_NAME_OCTETS: Final = WIDTH_BITS[Family.NAME] // 8


class Hop(NamedTuple):
    """What one node does with Map-Requests for an EID.

    prefix: the longest match, the EID itself where there is none. does: "via" and
    a tunnel's name, a kind of ``alt.effects.LocalKind``, or NO_ROUTE. Names are
    cut after 30 octets, as an EID-Record has it.
    """

    node: str
    prefix: EidPrefix
    does: str

    @property
    def is_last(self) -> bool:
        """Whether the way ends here."""
        return not self.does.startswith(VIA) and self.does != "moved-hole"


def traces(datagram: AltDatagram) -> bool:
    """Whether a Map-Request asks for this hop, in case its hops are used up here."""
    at = datagram.udp + 8 + _SOURCE_EID
    return datagram.hop_limit <= 1 and datagram.packet.startswith(_MARKED, at)


def hop_report(nonce: int, hop: Hop) -> bytes:
    """The Map-Reply that tells of a hop."""
    address, mask_len = from_eid_prefix(hop.prefix)
    records = (EidRecord(0, address, mask_len), _named(hop.node), _named(hop.does))
    return MapReply(nonce, records).octets()


def read_hop_report(reply: MapReply) -> Hop | None:
    """None where it is another kind of Map-Reply."""
    records = reply.records
    if len(records) != 3 or any(record.rlocs or record.record_ttl_minutes for record in records):
        return None
    matched, node, does = records
    try:
        prefix = matched.eid_prefix
    except WireError:
        return None
    if not isinstance(node.eid, DistinguishedName) or not isinstance(does.eid, DistinguishedName):
        return None
    return Hop(_text(node.eid), prefix, _text(does.eid))


def _named(text: str) -> EidRecord:
    name = text.encode()[:_NAME_OCTETS]
    return EidRecord(0, DistinguishedName(name), 8 * (len(name) + 1), action=Action.NO_ACTION)


def _text(name: DistinguishedName) -> str:
    return name.name.decode("utf-8", "replace")
