"""Map-Servers and the ALT carry no packet of a host.

After all the other scenarios: every packet that crossed the underlay was captured, and an
independent dissector looks for data in the wrong places, and for anything malformed.
"""

from __future__ import annotations

from mapsys.lab.scenario import Measured, require
from mapsys.lab.whole import WholeLab


def run(lab: WholeLab) -> Measured:
    capture = lab.alt.capture
    nodes = " || ".join(f"ip.addr == {node.rloc}" for node in lab.topology.alt.nodes)
    data = capture.rows("udp.dstport == 4341", "frame.number")
    at_nodes = capture.rows(f"udp.dstport == 4341 && ({nodes})", "frame.number")
    in_tunnels = capture.rows("gre && udp.port == 4341", "frame.number")
    malformed = capture.rows("_ws.malformed", "frame.number")
    require(not at_nodes, f"{len(at_nodes)} data packets came to Map-Servers or ALT routers")
    require(not in_tunnels, f"{len(in_tunnels)} data packets in tunnels of the ALT")
    require(not malformed, f"{len(malformed)} malformed packets")
    return {
        "encapsulated packets between tunnel routers": str(len(data)),
        "of them at Map-Servers and ALT routers": "0",
        "of them in tunnels of the ALT": "0",
        "malformed, by tshark": "0",
    }
