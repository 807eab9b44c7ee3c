"""What an operator sees: lig, a trace over the ALT, and the poller on every registered site.

lig asks the Map-Resolver from the tunnel router alpha's place. A trace from the Map-Resolver names
each node of ours on the way. Both providers' nodes are given a poller, which asks the Map-Resolver
for each of their sites and compares what is answered with what is registered.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any, Final

from mapsys.lab.errors import CheckFailed
from mapsys.lab.own import OwnNode
from mapsys.lab.programs import ask
from mapsys.lab.scenario import Measured, require
from mapsys.lab.waiting import wait_for
from mapsys.lab.whole import WholeLab

PROVIDERS: Final = ("mspa", "mspb")
SHOWN: Final = ("EID_PREFIX", "LOCATOR_1", "LOCATOR_2", "MAP_REPLIER", "RTT")
TIMEOUT_MILLISECONDS: Final = 20_000


def run(lab: WholeLab) -> Measured:
    eid = lab.hosts["host-b"].address
    resolver = lab.alt.own[lab.topology.resolver]
    measured = {f"lig {eid}": lig(lab, eid, resolver.node.rloc)}
    trace = resolver.trace(eid)
    way = ", ".join(str(hop["node"] or "(silent)") for hop in trace["hops"])
    require(trace["complete"], f"the trace ended at {way}")
    require(trace["hops"][-1]["node"] == "mspb", f"the trace went by {way}")
    measured[f"trace of {eid} from {resolver.name}"] = way
    for name in PROVIDERS:
        measured[f"poller at {name}"] = polled(lab, lab.alt.own[name], resolver.node.rloc)
    return measured


def lig(lab: WholeLab, eid: str, resolver: str) -> str:
    """What lig prints of beta's mapping."""
    words = ["lig", "-t", str(TIMEOUT_MILLISECONDS), "-m", resolver, "-b", eid]
    said = ask(lab.routers["alpha"].underlay, sys.executable, "-m", "mapsys.cli.main", *words)
    missing = [rloc for rloc in lab.topology.router("beta").rlocs if rloc not in said]
    require(not missing, f"lig does not tell of {missing}: {said}")
    told = dict(line.partition("=")[::2] for line in said.splitlines())
    return ", ".join(f"{name} {told[name]}" for name in SHOWN)


def polled(lab: WholeLab, server: OwnNode, resolver: str) -> str:
    """What the poller of a node finds in its first whole cycle."""
    wanted = {site.prefix.partition("/")[0] for site in lab.alt.topology.sites_at(server.name)}

    def begin(document: dict[str, Any]) -> None:
        document["poller"] = {
            "map-resolvers": [resolver],
            "interval": "10s",
            "timeout": f"{TIMEOUT_MILLISECONDS // 1_000}s",
            "slow": f"{TIMEOUT_MILLISECONDS // 2_000}s",
        }

    def end(document: dict[str, Any]) -> None:
        document.pop("poller")

    began = datetime.now(UTC)
    server.configure(begin)
    server.reload()
    try:
        wait_for(lambda: cycle(server, began) != {}, f"the poller of {server.name}")
        results = cycle(server, began)
    finally:
        server.configure(end)
        server.reload()
    require(not results["problems"], f"the poller's own problems: {results['problems']}")
    require({item["eid"] for item in results["items"]} == wanted, f"asked for {results['items']}")
    flagged = {flag: count for flag, count in results["flagged"].items() if count}
    require(not flagged, f"flagged: {flagged}, of {results['items']}")
    return f"{results['eids']} sites asked for, each answered as registered; no flag"


def cycle(server: OwnNode, began: datetime) -> dict[str, Any]:
    """The last cycle of a node's poller; empty where it is older than ``began``."""
    try:
        found = server.get("poller")
    except CheckFailed:
        return {}
    return found if datetime.fromisoformat(found["started_at"]) > began else {}
