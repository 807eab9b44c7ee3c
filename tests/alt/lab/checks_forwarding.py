"""Checks 1 to 5, and T: how Map-Requests cross the ALT, and what of it is seen on the bridge."""

from __future__ import annotations

from collections import Counter
from typing import Final

from mapsys.eid import EidPrefix
from mapsys.lab.capture import Hop
from mapsys.lab.errors import CheckFailed
from mapsys.lab.itr import Asked
from mapsys.lab.lab import ITR_RLOC
from mapsys.lab.waiting import wait_for
from mapsys.wire.records import Action
from tests.alt.lab.pilot import REGIONS, Pilot
from tests.alt.lab.report import Check

_SITES: Final = ("198.18.2.9", "198.18.3.17", "198.18.33.7", "198.18.34.70")
_SILENCE_SECONDS: Final = 1.0


def way_of(network: Pilot, asked: Asked, nodes: int) -> list[Hop]:
    """The hops of the last Map-Request of a question, once ``nodes`` are in the capture."""
    found: list[Hop] = []

    def is_captured() -> bool:
        found[:] = network.lab.capture.hops(asked.nonces[-1])
        return len(found) >= nodes - 1

    wait_for(is_captured, f"{nodes} nodes on the way of {asked}", found=lambda: found)
    return found


def names_on(network: Pilot, hops: list[Hop]) -> list[str]:
    """The nodes that hops went by, both ends included."""
    return [network.lab.name_of(rloc) for rloc in (hops[0].source, *(h.destination for h in hops))]


def across_four_hops(network: Pilot) -> str:
    asked = network.require_answer("198.18.1.5")
    hops = way_of(network, asked, 5)
    names = names_on(network, hops)
    ttls = [hop.ttl for hop in hops]
    keys = [hop.key for hop in hops]
    found = f"{asked.milliseconds:.1f} ms, {' '.join(names)}, TTL {ttls}, keys {keys}"
    if names != ["mr1", "apnic", "arin", "mspa", "etr1"] or keys != [1010, 1001, 1006, 1011]:
        raise CheckFailed(found)
    if ttls != [ttls[0] - number for number in range(len(ttls))]:
        raise CheckFailed(found)
    if {(hop.inner_source, hop.inner_destination) for hop in hops} != {(ITR_RLOC, "198.18.1.5")}:
        raise CheckFailed(f"{found}; the inner addresses change: {hops}")
    return found


def to_the_map_servers(network: Pilot) -> str:
    found = []
    for eid in _SITES:
        asked = network.require_answer(eid)
        assert asked.answer is not None
        site = network.site_of(eid)
        map_server = network.lab.topology.node(site.at).rloc
        if site.proxy_reply:
            by, through = asked.answer.map_replier.host, "answered by"
        else:
            by, through = network.lab.etrs[site.name].arrived[-1].source, "passed on by"
        if by != map_server:
            raise CheckFailed(f"{eid} was {through} {network.lab.name_of(by)}, not {site.at}")
        found.append(f"{eid} {through} {site.at} in {asked.milliseconds:.1f} ms")
    return "; ".join(found)


def hole_of_an_msp(network: Pilot) -> str:
    asked = network.lab.itr.ask("198.18.5.1")
    answer = asked.answer
    if answer is None or not answer.is_negative:
        raise CheckFailed(str(asked))
    by = network.lab.name_of(answer.map_replier.host)
    record = answer.record
    found = f"{asked} ({by}), TTL {record.record_ttl_minutes} min"
    inside = EidPrefix.parse("198.18.0.0/21").covers(record.eid_prefix)
    if (by, record.action, inside) != ("mspa", Action.NATIVELY_FORWARD, True):
        raise CheckFailed(found)
    way_of(network, asked, 4)
    return found


def nowhere(network: Pilot) -> str:
    lost = network.lab.itr.ask("198.18.100.1", count=1, timeout_seconds=_SILENCE_SECONDS)
    if lost.answer is not None:
        raise CheckFailed(f"in lacnic's hole: {lost}")
    names = names_on(network, way_of(network, lost, 3))
    if names != ["mr1", "apnic", "lacnic"]:
        raise CheckFailed(f"198.18.100.1 went {' '.join(names)}")
    denied = network.lab.itr.ask("198.18.200.1")
    if denied.answer is None or not denied.answer.is_negative:
        raise CheckFailed(f"nowhere: {denied}")
    by = network.lab.name_of(denied.answer.map_replier.host)
    prefix = denied.answer.record.eid_prefix
    if by != "mr1" or any(_touches(prefix, EidPrefix.parse(text)) for text in REGIONS):
        raise CheckFailed(f"nowhere: {denied} ({by})")
    return f"198.18.100.1: {' '.join(names)}, then {lost}; 198.18.200.1: {denied} ({by})"


def _touches(one: EidPrefix, other: EidPrefix) -> bool:
    return one.covers(other) or other.covers(one)


def traced(network: Pilot) -> str:
    found = []
    for start, names in (
        ("mspa", ["mspa", "arin", "mspb"]),
        ("mr1", ["mr1", None, "ripe", "mspb"]),
    ):
        trace = network.lab.own[start].trace("198.18.33.7")
        hops = trace["hops"]
        way = ", ".join(f"{hop['node'] or '?'} {hop['eid_prefix'] or ''}".strip() for hop in hops)
        found.append(f"from {start}: {way}")
        named = [hop["node"] for hop in hops] == names
        if (
            not named
            or not trace["complete"]
            or not all(h["eid_prefix"] for h in hops if h["node"])
        ):
            raise CheckFailed(found[-1])
    return "; ".join(found)


def on_the_bridge(network: Pilot) -> str:
    capture = network.lab.capture
    ends = {
        (end.own.rloc, end.other.rloc): network.lab.topology.key(end.number, 0)
        for node in network.lab.topology.nodes
        for end in network.lab.topology.ends(node.name)
    }
    bgp: Counter[tuple[str, str]] = Counter()
    lisp: Counter[tuple[str, str]] = Counter()
    for sources, destinations, key, protocol, kind in capture.rows(
        "gre && (bgp || lisp)", "ip.src", "ip.dst", "gre.key", "gre.proto", "lisp.type"
    ):
        way = sources.split(",")[0], destinations.split(",")[0]
        if ends.get(way) != int(key, 16) or protocol != "0x0800":
            raise CheckFailed(f"{way} with key {key} and protocol {protocol} is no tunnel")
        (lisp if kind else bgp)[way] += 1
    without = [way for way in ends if not bgp[way]]
    if without:
        raise CheckFailed(f"no BGP seen from and to {without}")
    inside = len(capture.rows("gre && lisp.type == 2", "frame.number"))
    outside = len(capture.rows("!gre && lisp.type == 2", "frame.number"))
    found = (
        f"BGP in {len(bgp) // 2} tunnels ({bgp.total()} packets), {lisp.total()} Map-Requests"
        f" in {len(lisp)} directions; Map-Replies: {outside} outside the ALT, {inside} in it"
    )
    if inside or not outside:
        raise CheckFailed(found)
    return found


CHECKS: Final[tuple[Check[Pilot], ...]] = (
    Check(
        "1",
        "a Map-Request at mr1 for 198.18.1.5, which etr1 announces by BGP",
        "mr1 apnic arin mspa etr1; keys 1010 1001 1006 1011; source and EID unchanged, TTL one"
        " less each hop; etr1 answers",
        across_four_hops,
    ),
    Check(
        "2",
        "for 198.18.2.9, 198.18.3.17, 198.18.33.7, 198.18.34.70, which register",
        "delivered at mspa, mspa, mspb, mspb, and answered with the site's locator",
        to_the_map_servers,
    ),
    Check(
        "3",
        "for 198.18.5.1, a hole of mspa's",
        "mspa answers natively-forward over the underlay, for space inside its block",
        hole_of_an_msp,
    ),
    Check(
        "4",
        "for 198.18.100.1, a hole at lacnic (FRR), and 198.18.200.1, which is nowhere",
        "the first ends at lacnic in silence; the second is denied by mr1 itself, for space that"
        " touches no region",
        nowhere,
    ),
    Check(
        "T",
        "a trace of 198.18.33.7, from mspa and from mr1",
        "every node of ours on the way by name, with its matching prefix; BIRD keeps silent",
        traced,
    ),
    Check(
        "5",
        "what tshark reads on the bridge",
        "GRE with key 1000+N and protocol 0x0800 in all 12 tunnels, BGP and Map-Requests in it;"
        " Map-Replies only outside",
        on_the_bridge,
    ),
)
