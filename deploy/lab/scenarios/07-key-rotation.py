"""A site's key is changed twice, and no Map-Register is lost.

The Map-Server of beta is given a next secret beside the one in use, then beta goes over to it, then
the old one is taken away, each by a reload. After each step beta registers anew. An ITR asks for
beta all the time. In the end a Map-Register under the secret of before is refused.
"""

from __future__ import annotations

import itertools
import time
from typing import Any

from mapsys.eid import EidPrefix
from mapsys.etr import Etr, Transmit
from mapsys.lab.asking import Asking
from mapsys.lab.etrs import etr_config
from mapsys.lab.network import socket_in
from mapsys.lab.own_config import KEY_ID, secret
from mapsys.lab.scenario import Measured, require
from mapsys.lab.waiting import wait_for
from mapsys.lab.whole import WholeLab

OTHER = "the next key of a laboratory"
REGISTERS = "lisp.type == 3 && ip.src == {} && frame.time_epoch >= {:.6f}"
NOTIFIES = "lisp.type == 4 && ip.dst == {} && frame.time_epoch >= {:.6f}"


def run(lab: WholeLab) -> Measured:
    router = lab.topology.router("beta")
    began, rloc = time.time(), router.rlocs[0]
    first = secret(router.site, KEY_ID)
    with Asking(lab.alt.itr, lab.hosts["host-b"].address) as asking:
        for old, new in ((first, OTHER), (OTHER, first)):
            accept(lab, {"secret": old, "next-secret": new})
            register(lab, old)
            register(lab, new)
            accept(lab, {"secret": new})
            register(lab, new)
    require(not asking.unanswered, f"unanswered: {asking.unanswered}")
    require(asking.answers.keys() == {tuple(router.rlocs)}, f"answered {asking.answers}")
    sent, acknowledged = (
        {nonce for (nonce,) in lab.alt.capture.rows(rule.format(rloc, began), "lisp.nonce")}
        for rule in (REGISTERS, NOTIFIES)
    )
    require(len(sent) >= 6, f"only {len(sent)} Map-Registers were captured")
    require(sent <= acknowledged, f"not acknowledged: {sorted(sent - acknowledged)}")
    return {
        "Map-Registers of beta, two rotations": f"{len(sent)}, all of them acknowledged",
        "Map-Requests for beta meanwhile": f"{asking.asked}, all answered with its locators",
        "Map-Register under the secret of before": refused(lab),
    }


def accept(lab: WholeLab, key: dict[str, str]) -> None:
    """Have beta's Map-Server accept these secrets for key-id 1."""
    site = lab.topology.site_of(lab.topology.router("beta"))

    def change(document: dict[str, Any]) -> None:
        (its,) = (one for one in document["sites"] if one["name"] == site.name)
        kept = {name: its["keys"][0][name] for name in ("id", "algorithm")}
        its["keys"] = [{**kept, **key}]

    server = lab.alt.own[site.at]
    server.configure(change)
    server.reload()


def register(lab: WholeLab, its_secret: str) -> None:
    """Have beta register under a secret, and wait until its Map-Server counts it."""
    router = lab.topology.router("beta")
    document = lab.config("beta", *((rloc, 1, 100) for rloc in router.rlocs))
    document["map-servers"][0]["secret"] = its_secret
    before = used(lab)
    lab.routers["beta"].configure(document)
    lab.routers["beta"].reload()
    wait_for(lambda: used(lab) != before, "the Map-Server to take beta's Map-Register")
    lab.routers["beta"].wait_until_registered()


def used(lab: WholeLab) -> list[Any]:
    """Which secrets of beta's site were used, how often and when."""
    site = lab.topology.site_of(lab.topology.router("beta"))
    keys = lab.alt.own[site.at].get(f"sites/{site.name}/keys")["items"]
    return [key["uses"] for key in keys]


def refused(lab: WholeLab) -> str:
    """What becomes of a Map-Register under the secret that was taken away."""
    site = lab.topology.site_of(lab.topology.router("beta"))
    server = lab.alt.own[site.at]
    before = used(lab)
    refusals = server.get(f"sites/{site.name}")["refused"]
    own = lab.topology.attacker
    config = etr_config(
        *(server.node.rloc, KEY_ID, OTHER, own, EidPrefix.parse(site.prefix)), proxy_reply=False
    )
    with socket_in(lab.attacker, own, 4_342) as sender:
        for effect in Etr(config, itertools.count(1).__next__).start(0.0):
            if isinstance(effect, Transmit):
                sender.sendto(effect.data, effect.destination)
        wait_for(
            lambda: server.get(f"sites/{site.name}")["refused"] > refusals,
            "the Map-Server to refuse it",
        )
    require(used(lab) == before, "it was counted as a use of the key")
    reason = server.get(f"sites/{site.name}")["last_refusal"]["reason"]
    require(reason == "authentication-failed", f"refused as {reason}")
    return f"refused: {reason}"
