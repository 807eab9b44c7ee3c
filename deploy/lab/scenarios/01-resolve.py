"""A host of one provider reaches a host of another.

Nobody has talked before. The tunnel router alpha asks mr1, the Map-Request crosses the ALT by the
regions to the provider of beta, whose router answers straight to alpha. Then packets go from router
to router; the ALT sees none of them.
"""

from __future__ import annotations

from mapsys.lab.scenario import Measured, require
from mapsys.lab.traffic import ping
from mapsys.lab.whole import WholeLab


def run(lab: WholeLab) -> Measured:
    destination = lab.hosts["host-b"].address
    first = ping(lab.hosts["host-a"].namespace, destination, count=1)
    more = ping(lab.hosts["host-a"].namespace, destination, count=10)
    require(first.received == 1, f"the first echo request was not answered: {first}")
    require(more.received == 10, f"not all echo requests were answered: {more}")
    trace = lab.alt.own["mr1"].trace(destination)
    asked = lab.alt.itr.ask(destination)
    require(asked.answer is not None, "the Map-Request of an ITR was not answered")
    hops = lab.alt.capture.hops(asked.nonces[-1])
    require(len(hops) >= 3, f"only {len(hops)} tunnels of the ALT were crossed")
    ends = [hops[0].source, *(hop.destination for hop in hops)]
    way = " to ".join(map(lab.alt.name_of, ends))
    return {
        "first packet, resolution included": str(first),
        "packets after it": str(more),
        "way of the Map-Request": f"{way}, {asked.milliseconds:.1f} ms",
        "nodes in the ALT's own trace": str(len(trace.get("hops", []))),
    }
