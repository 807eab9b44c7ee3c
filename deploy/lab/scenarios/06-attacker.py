"""An attacker forges and floods, and no mapping changes.

It registers beta's prefix under a wrong key, sends alpha a Map-Notify that has a host elsewhere, an
unasked Map-Reply, SMRs by the hundred, and encapsulated packets: for a host that is not alpha's,
which alpha drops, and for one of alpha's in the name of a host of beta's. Such a packet reaches the
host, as any with a forged source does on the Internet; the answer goes to beta all the same.
"""

from __future__ import annotations

import itertools
import socket
from typing import Final

from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix
from mapsys.etr import Etr, Transmit
from mapsys.lab.etrs import etr_config
from mapsys.lab.lisp_site import LispSite
from mapsys.lab.network import socket_in
from mapsys.lab.scenario import Measured, require
from mapsys.lab.traffic import ping
from mapsys.lab.waiting import PATIENCE_SECONDS, wait_for
from mapsys.lab.whole import WholeLab
from mapsys.wire.address import ip_address
from mapsys.wire.auth import Key
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.ip import build_ip_udp
from mapsys.wire.map_notify import MapNotify
from mapsys.wire.map_reply import MapReply
from mapsys.wire.records import EidRecord, RlocRecord
from mapsys.xtr.lisp_header import LispHeader
from mapsys.xtr.soliciting import solicit_map_request

SMRS: Final = 200
PORT: Final = 7_008


def run(lab: WholeLab) -> Measured:
    alpha, beta = lab.routers["alpha"], lab.routers["beta"]
    host, target = lab.hosts["host-a"], lab.hosts["host-b"].address
    own = lab.topology.attacker
    site = lab.topology.site_of(lab.topology.router("beta"))
    require(ping(host.namespace, target).received > 0, "beta is not reached to begin with")
    before = alpha.status()
    prefix = EidPrefix.parse(site.prefix)
    locator = RlocRecord(ip_address(own), 1, 100, 255, 0)
    record = EidRecord(1_440, *from_eid_prefix(prefix), rlocs=(locator,))
    with socket_in(lab.attacker, own, 4_342) as attacker:
        server = lab.topology.alt.node(site.at).rloc
        claim = etr_config(server, 1, "guessed", own, prefix, proxy_reply=True)
        etr = Etr(claim, itertools.count(1).__next__)
        for effect in etr.start(0.0):
            if isinstance(effect, Transmit):
                attacker.sendto(effect.data, effect.destination)
        victim = Endpoint(alpha.rlocs[0], 4_342)
        notify = MapNotify(7, 1, 2, bytes(32), (record,))
        attacker.sendto(Key(b"guessed").sign(notify.octets()), victim)
        attacker.sendto(MapReply(1, (record,)).octets(), victim)
        for number in range(SMRS):
            attacker.sendto(solicit_map_request(prefix, own, number), victim)
        forged = forge(lab, attacker)
        for reason in ("unauthenticated", "unknown-nonce", "not-an-own-eid"):
            wait_for(lambda r=reason: counted(alpha, r) > 0, f"alpha to count {reason}")
    asked = lab.alt.itr.ask(target)
    require(asked.answer is not None and own not in str(asked), f"the mapping is now {asked}")
    require(ping(host.namespace, target, count=5).received == 5, "beta is no longer reached")
    after = alpha.status()
    require(own not in after["packets_to"], "a packet went to the attacker")
    require(beta.status()["away"] == [], "beta believes that a host left")
    ignored = counted(alpha, "smr-too-soon") - before["uncarried"].get("smr-too-soon", 0)
    return {
        "forged Map-Register": f"refused; an ITR still hears {asked}",
        "forged Map-Notify, unasked Map-Reply": "counted, and nothing else",
        f"{SMRS} SMRs": f"{ignored} not even asked about; one question in three seconds at most",
        "encapsulated packet for another router's host": "dropped as not-an-own-eid",
        "packet in the name of a host of beta's": forged,
        "packets that went to the attacker": "0",
    }


def forge(lab: WholeLab, attacker: socket.socket) -> str:
    """Send alpha packets in the name of a host of beta's; returns where the answer went."""
    alpha = (lab.routers["alpha"].rlocs[0], 4_341)
    host, claimed, other = (lab.hosts[name] for name in ("host-a", "host-b", "host-n"))
    header = LispHeader().octets()
    with (
        socket_in(host.namespace, host.address, PORT) as victim,
        socket_in(claimed.namespace, claimed.address, PORT) as answered,
    ):
        victim.settimeout(PATIENCE_SECONDS)
        answered.settimeout(PATIENCE_SECONDS)
        for destination in (other.address, host.address):
            packet = build_ip_udp(claimed.address, destination, PORT, PORT, b"forged")
            attacker.sendto(header + packet, alpha)
        octets, source = victim.recvfrom(64)
        victim.sendto(b"answer", source)
        require(octets == b"forged", f"the host got {octets!r}")
        require(answered.recv(64) == b"answer", "the answer did not come to beta's host")
    return f"reaches the host; the answer goes to {claimed.address} behind beta"


def counted(router: LispSite, reason: str) -> int:
    """How often a router has counted something."""
    return int(router.status()["uncarried"].get(reason, 0))
