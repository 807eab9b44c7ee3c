"""A phone roams over three networks with a TCP connection open.

The phone is a site of its own: each new address is registered and told to whom it talks to. Its
xTR-ID tells the Map-Server that it is the same router each time. There is no home agent: packets go
straight between the two routers, before and after.
"""

from __future__ import annotations

from mapsys.lab.scenario import Measured, require
from mapsys.lab.traffic import TcpFlow
from mapsys.lab.waiting import wait_for
from mapsys.lab.whole import WholeLab


def run(lab: WholeLab) -> Measured:
    phone, host = lab.hosts["phone"], lab.hosts["host-a"]
    router = lab.topology.router("mobile")
    flow = TcpFlow((host.namespace, host.address), (phone.namespace, phone.address))
    flow.start()
    for rloc in (*router.spare, *router.rlocs):
        before = lab.routers["alpha"].status()["packets_to"].get(rloc, 0)
        lab.routers["mobile"].configure(lab.config("mobile", (rloc, 1, 100)))
        lab.routers["mobile"].reload()
        wait_for(
            lambda r=rloc, b=before: lab.routers["alpha"].status()["packets_to"].get(r, 0) > b + 5,
            f"alpha to send to {rloc}",
        )
        flow.wait_for_more()
    flowed = flow.stop()
    its = f"udp.dstport == 4341 && ip.addr == {phone.address}"
    hops = lab.alt.capture.rows(its, "ip.src", "ip.dst")
    ends = {outer for row in hops for outer in (row[0].split(",")[0], row[1].split(",")[0])}
    alpha = set(lab.topology.router("alpha").rlocs)
    stray = ends - alpha - {*router.rlocs, *router.spare}
    require(not stray, f"packets went over {sorted(stray)}")
    return {
        "TCP over two changes and the way back": str(flowed),
        "stretch": f"one: {len(hops)} packets, all between alpha and the phone's addresses",
    }
