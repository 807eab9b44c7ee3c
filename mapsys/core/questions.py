"""One Map-Request as the servers see it: what is asked, and where an answer may go."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from mapsys.core.effects import Endpoint
from mapsys.core.lisp_sec import Protection
from mapsys.eid import EidPrefix
from mapsys.wire.address import Address, Ipv4, Ipv6
from mapsys.wire.map_request import MapRequest
from mapsys.wire.records import Action

_IP: Final = (Ipv4, Ipv6)


@dataclass(frozen=True, slots=True)
class AltHole:
    """What the ALT knows of an EID that nobody announces there.

    prefix: the largest around the EID that holds nothing else.
    """

    prefix: EidPrefix
    action: Action
    ttl_minutes: int


@dataclass(frozen=True, slots=True)
class Question:
    """A Map-Request on its way through the servers.

    asker: who sent the datagram, for budgets and for silence.
    local: our address that it came to.
    reply_port: the Map-Request's own UDP source port (RFC 9301, 5 and 5.5).
    octets: the size of the datagram that it came in.
    packet: the inner IP packet with the Map-Request, to be passed on as it is;
    None where it came without one.
    over_alt: it came over the ALT, so it is not to be sent there again. hole: the
    ALT has brought it here as to the aggregator of a hole.
    security: the ECM's authentication data as received. protection: what came out
    of it, where LISP-SEC is in use; the answer is to be protected with it.
    """

    request: MapRequest
    asker: Endpoint
    local: Endpoint
    reply_port: int
    octets: int
    packet: bytes | None = None
    over_alt: bool = False
    security: bytes | None = None
    protection: Protection | None = None
    hole: AltHole | None = None


@dataclass(frozen=True, slots=True)
class LocalAddresses:
    """The addresses this server answers from, one or more of each family it can use."""

    endpoints: tuple[Endpoint, ...]

    @property
    def families(self) -> frozenset[int]:
        """The IP versions that can be sent: 4, 6 or both."""
        return frozenset(ip_version(e.host) for e in self.endpoints)

    def source_towards(self, host: str, asked: Endpoint) -> Endpoint | None:
        """The address to answer a host from: the one asked, if it is of the same family."""
        version = ip_version(host)
        if ip_version(asked.host) == version:
            return asked
        same = [e for e in self.endpoints if ip_version(e.host) == version]
        fitting = [e for e in same if is_loopback(e.host) == is_loopback(host)]
        return next(iter(fitting or same), None)


def usable_itr_rloc(
    rlocs: Iterable[Address], question_came_to: Endpoint, port: int, local: LocalAddresses
) -> str | None:
    """The first ITR-RLOC that a Map-Reply can and may be sent to.

    Never a multicast, broadcast or unspecified address, nor one of our own
    sockets; a loopback address only where the question came over loopback.
    """
    over_loopback = is_loopback(question_came_to.host)
    for rloc in rlocs:
        if not isinstance(rloc, _IP):
            continue
        host = rloc.text
        if (
            is_unicast(host, loopback=over_loopback)
            and Endpoint(host, port) not in local.endpoints
            and local.source_towards(host, question_came_to) is not None
        ):
            return host
    return None


@lru_cache(maxsize=65_536)
def is_unicast(host: str, *, loopback: bool) -> bool:
    """Whether a host address can be a destination at all; loopback: whether that counts."""
    ip = ipaddress.ip_address(host)
    if ip.is_multicast or ip.is_unspecified or host == "255.255.255.255":
        return False
    return loopback or not ip.is_loopback


@lru_cache(maxsize=65_536)
def ip_version(host: str) -> int:
    """4 or 6."""
    return ipaddress.ip_address(host).version


@lru_cache(maxsize=65_536)
def is_loopback(host: str) -> bool:
    """Whether a host address never leaves this host."""
    return ipaddress.ip_address(host).is_loopback
