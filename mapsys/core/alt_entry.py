"""Where the ALT meets the servers: Map-Requests that go onto it, and those that arrive by it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final

from mapsys.core.effects import Endpoint
from mapsys.core.notify import CONTROL_PORT
from mapsys.core.questions import AltHole, LocalAddresses, Question, is_unicast
from mapsys.eid import EidPrefix
from mapsys.wire.address import Ipv4, Ipv6
from mapsys.wire.ip import build_ip_udp, parse_ip_udp

ALT_HOP_LIMIT: Final = 32
"""Of a Map-Request that enters the ALT: far more hops than a hierarchy of three levels has."""


@dataclass(frozen=True, slots=True)
class AltArrival:
    """A Map-Request for which this node is the last hop.

    data: the UDP payload, a Map-Request or LISP-SEC's ECM. source: the RLOC and
    port it came from. packet: all of it, from its IP header on. hole: where the
    EID is one that this node aggregates and nobody announces.
    """

    data: bytes
    source: Endpoint
    packet: bytes
    hole: AltHole | None = None


def onto_the_alt(
    question: Question, eid: EidPrefix, packet: bytes, local: LocalAddresses
) -> bytes | None:
    """The ALT datagram for a Map-Request that came in an IP packet: its UDP payload as it was.

    It comes from the ITR-RLOC of the EID's family, else from where the ITR says,
    else from here; the answer goes by the ITR-RLOCs in any case. None where no
    address of that family is at hand.

    Source: RFC 6836, 3 and 5.1; RFC 9301, 8.4.
    """
    header, payload = parse_ip_udp(packet)
    rlocs = [rloc.text for rloc in question.request.itr_rlocs if isinstance(rloc, Ipv4 | Ipv6)]
    own = [question.local.host, *(endpoint.host for endpoint in local.endpoints)]
    destination = ipaddress.ip_address(eid.network_octets())
    version = destination.version
    source = next((h for h in (*rlocs, header.source, *own) if _is_source(h, version)), None)
    if source is None:
        return None
    return build_ip_udp(
        source,
        str(destination),
        header.source_port,
        CONTROL_PORT,
        payload,
        hop_limit=ALT_HOP_LIMIT,
    )


def address_towards(source: Endpoint, local: LocalAddresses) -> Endpoint | None:
    """The underlay address that speaks for this node to whoever asked over the ALT.

    Of the asker's family if there is one; never a loopback address.
    """
    version = ipaddress.ip_address(source.host).version
    own = [e for e in local.endpoints if not ipaddress.ip_address(e.host).is_loopback]
    same = [e for e in own if ipaddress.ip_address(e.host).version == version]
    return next(iter(same or own), None)


def _is_source(host: str, version: int) -> bool:
    return ipaddress.ip_address(host).version == version and is_unicast(host, loopback=False)
