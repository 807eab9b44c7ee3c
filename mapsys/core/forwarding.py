"""Passing a Map-Request on to an ETR: which one, and in what packet (RFC 9301, 8.3)."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

from mapsys.core.details import Details
from mapsys.core.effects import Endpoint
from mapsys.core.notify import CONTROL_PORT
from mapsys.core.publish import forwarding_host, read_record
from mapsys.core.questions import LocalAddresses, Question, is_unicast
from mapsys.core.verdict import split
from mapsys.eid import EidPrefix, Family
from mapsys.store import Mapping
from mapsys.wire.address import Ipv4, Ipv6
from mapsys.wire.ip import build_ip_udp
from mapsys.wire.map_request import MapRequestRecord


def etr_host(mapping: Mapping, question: Question, local: LocalAddresses) -> str | None:
    """A reachable locator of a live registration, the best priority first.

    A protected question goes only to an ETR that can sign its answer.
    """
    over_loopback = ipaddress.ip_address(question.local.host).is_loopback
    protected = question.protection is not None
    return best_etr_host(mapping, local, over_loopback=over_loopback, protected=protected)


def best_etr_host(
    mapping: Mapping, local: LocalAddresses, *, over_loopback: bool, protected: bool
) -> str | None:
    """The same for any question. over_loopback: it came that way, so it may go on that way."""
    families = local.families
    best: tuple[int, str] | None = None
    for registration in split(mapping)[0]:
        if protected and not Details.unpack(registration.details).security_capable:
            continue
        for rloc in read_record(registration.record).rlocs:
            host = forwarding_host(rloc, families)
            if host is None or not is_unicast(host, loopback=over_loopback):
                continue
            if Endpoint(host, CONTROL_PORT) in local.endpoints:
                continue
            if best is None or rloc.priority < best[0]:
                best = (rloc.priority, host)
    return None if best is None else best[1]


def inner_packet(
    question: Question, record: MapRequestRecord, eid: EidPrefix, local: LocalAddresses
) -> bytes:
    """An IP packet with the Map-Request for one record, for where none came with it.

    Its destination is the EID, its source an ITR-RLOC of the same family, else an
    own address of that family; the reply follows the ITR-RLOC list in any case. An
    EID that is no IP address gets our own address in its place.
    """
    request = replace(question.request, records=(record,))
    hosts = [a.text for a in request.itr_rlocs if isinstance(a, Ipv4 | Ipv6)]
    destination = question.local.host
    if eid.family in (Family.IPV4, Family.IPV6):
        destination = str(ipaddress.ip_address(eid.network_octets()))
    version = ipaddress.ip_address(destination).version
    candidates = [*hosts, question.local.host, *(e.host for e in local.endpoints)]
    source = next((h for h in candidates if ipaddress.ip_address(h).version == version), None)
    if source is None:
        # No address of the EID's family at hand: the ETR reads the EID in the message.
        destination = question.local.host
        source = next(
            h
            for h in candidates
            if ipaddress.ip_address(h).version == ipaddress.ip_address(destination).version
        )
    return build_ip_udp(source, destination, question.reply_port, CONTROL_PORT, request.octets())
