"""A host outside LISP is reached, and reaches a site.

Its address is nowhere in the mapping system: alpha gets a negative answer, keeps it, and sends to
the PETR. What the outside sends to a site, the PITR attracts, resolves and encapsulates.
"""

from __future__ import annotations

from mapsys.lab.scenario import Measured, require
from mapsys.lab.traffic import ping
from mapsys.lab.whole import WholeLab


def run(lab: WholeLab) -> Measured:
    out = ping(lab.hosts["host-a"].namespace, lab.topology.outside, count=10)
    inward = ping(lab.outside, lab.hosts["host-b"].address, count=10)
    require(out.received == 10, f"outwards: {out}")
    require(inward.received == 10, f"inwards: {inward}")
    negative = [row for row in lab.routers["alpha"].status()["map_cache"] if row["action"]]
    require(len(negative) == 1, f"{len(negative)} negative entries")
    (entry,) = negative
    kept = f"{entry['eid_prefix']}, {entry['action']}, for {entry['expires_seconds']:.0f} s"
    packets = lab.proxy.status()["packets"]
    return {
        "site to outside, through the PETR": str(out),
        "outside to site, through the PITR": str(inward),
        "negative entry": kept,
        "packets of the proxy": f"{packets['encapsulated']} in, {packets['decapsulated']} out",
    }
