"""A virtual machine moves to another campus with a TCP connection open.

The machine keeps its address and says nothing. The first packet that it sends in its new place has
the router there register it under the key that its home gave out. Its home is told by an
authenticated Map-Notify, sends on what still arrives, and solicits alpha, which asks anew. BGP
hears nothing of it. Then it moves back, and the host's signal is taken instead of its packet.
"""

from __future__ import annotations

import time

from mapsys.lab.scenario import Measured, require
from mapsys.lab.traffic import TcpFlow, UdpStream
from mapsys.lab.waiting import wait_for
from mapsys.lab.whole import WholeLab


def run(lab: WholeLab) -> Measured:
    vm, host = lab.hosts["vm"], lab.hosts["host-a"]
    ends = (host.namespace, host.address), (vm.namespace, vm.address)
    began = time.time()
    measured = {}
    for name, target, signal in (
        ("to the other campus, without a signal", "south", False),
        ("back, with a signal", "north", True),
    ):
        flow, stream = TcpFlow(*ends), UdpStream(*ends)
        flow.start()
        stream.start()
        lab.connect(vm, target)
        if signal:
            lab.routers[target].order("arrived", vm.address)
        flow.wait_for_more()
        router = lab.topology.router(target)
        wait_for(lambda r=router: locators(lab) == r.rlocs, "alpha to have asked anew")
        flow.wait_for_more()
        arrived = stream.stop()
        measured[name] = f"{flow.stop()}; {arrived.lost} of {arrived.sent} datagrams lost"
        time.sleep(3.0)  # SMRs have their pace, and a host that has just left does not come back
    updates = lab.alt.capture.updates(began)
    require(not updates, f"{len(updates)} BGP UPDATEs")
    return {**measured, "BGP UPDATEs meanwhile": "0 in all tunnels"}


def locators(lab: WholeLab) -> list[str]:
    """Where alpha sends the machine's packets to."""
    rows = lab.routers["alpha"].status()["map_cache"]
    prefix = f"{lab.hosts['vm'].address}/32"
    return [one["rloc"] for row in rows if row["eid_prefix"] == prefix for one in row["locators"]]
