"""What a neighbour was not given is refused, and told to nobody.

The region apnic announces a more-specific of its own block to the other regions, which is a back
door past the aggregate, and another region's block. The site etr1 announces what is not its own.
Each is refused by name, and everything else goes on.
"""

from __future__ import annotations

import time
from typing import Final

from mapsys.lab.scenario import Measured, require
from mapsys.lab.traffic import ping
from mapsys.lab.waiting import wait_for
from mapsys.lab.whole import WholeLab

LEAKER: Final = "apnic"
MORE_SPECIFIC: Final = "198.18.70.0/24"
BLOCK_OF_ARIN: Final = "198.18.0.0/19"
STRANGERS: Final = ("198.18.7.0/24", "203.0.113.0/24")


def run(lab: WholeLab) -> Measured:
    return {**by_a_region(lab), **by_a_site(lab)}


def by_a_region(lab: WholeLab) -> Measured:
    alt = lab.alt
    leaker = alt.bird(LEAKER)
    arin, ripe = alt.own["arin"], alt.own["ripe"]
    leaker.configure("leaks")
    try:
        reasons = {node.wait_for_refusal(LEAKER, MORE_SPECIFIC) for node in (arin, ripe)}
        stolen = arin.wait_for_refusal(LEAKER, BLOCK_OF_ARIN)
        answered = ping(lab.hosts["host-a"].namespace, lab.hosts["host-b"].address, count=5)
        told = alt.frr("lacnic").prefixes() | alt.own["mspa"].prefixes()
    finally:
        leaker.configure("bird")
    require(reasons == {"more-specific-on-horizontal"}, f"{MORE_SPECIFIC}: {reasons}")
    require(stolen == "own-block", f"{BLOCK_OF_ARIN}: {stolen}")
    require(MORE_SPECIFIC not in told, f"{MORE_SPECIFIC} was passed on")
    require(answered.received == 5, f"hosts meanwhile: {answered}")
    wait_for(
        lambda: not {MORE_SPECIFIC, BLOCK_OF_ARIN} & arin.refusals(LEAKER).keys(),
        f"arin to hear no more of it from {LEAKER}",
    )
    return {
        f"{MORE_SPECIFIC} from {LEAKER}": f"{reasons.pop()}, at arin and at ripe; told to nobody",
        f"{BLOCK_OF_ARIN} from {LEAKER}": f"{stolen}, at arin",
    }


def by_a_site(lab: WholeLab) -> Measured:
    alt = lab.alt
    site = alt.gobgp("etr1")
    (end,) = alt.topology.ends("etr1")
    server = alt.own[end.other.name]
    mark = time.time()
    site.announce(*STRANGERS)
    try:
        reasons = {one: server.wait_for_refusal("etr1", one) for one in STRANGERS}
        key = alt.topology.key(end.number, 0)
        quiet = alt.quiet_since(mark, but=frozenset({key}))
    finally:
        site.withdraw(*STRANGERS)
    measured = {f"{prefix} from etr1": why for prefix, why in reasons.items()}
    return {**measured, "UPDATEs of it beyond its own tunnel": f"0 in the other {quiet}"}
