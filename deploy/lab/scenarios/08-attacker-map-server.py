"""An attacker replays, overclaims and reflects at a Map-Server, and gains nothing.

It plays back a Map-Register of beta that was captured before beta changed its weights. With another
site's valid key it registers beta's prefix beside that site's own. And it asks for a mapping of 32
locators in the name of a host outside, so that the answers go there; no more than three octets for
one do, beyond the first 2,048.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix
from mapsys.etr import Etr, Transmit
from mapsys.lab.etrs import etr_config
from mapsys.lab.network import socket_in
from mapsys.lab.own import OwnNode
from mapsys.lab.own_config import KEY_ID, secret
from mapsys.lab.scenario import Measured, require
from mapsys.lab.waiting import wait_for
from mapsys.lab.whole import WholeLab
from mapsys.lig import Lig, Question

KEY_HOLDER: Final = "campus-four"
OVERCLAIM: Final = "several-sites"
LOCATORS: Final = 32
REQUESTS: Final = 300
QUIET_SECONDS: Final = 3.0
FIRST_BURST_OCTETS: Final = 2_048
FACTOR: Final = 3


def run(lab: WholeLab) -> Measured:
    return {**play_back(lab), **overclaim(lab), **reflection(lab)}


def play_back(lab: WholeLab) -> Measured:
    router = lab.topology.router("beta")
    site = lab.topology.site_of(router)
    rule = f"lisp.type == 3 && ip.src == {router.rlocs[0]}"
    weights(lab, 60)
    old = bytes.fromhex(lab.alt.capture.rows(rule, "udp.payload")[-1][0])
    weights(lab, 40)
    own = lab.topology.attacker
    server = lab.alt.own[site.at]
    with socket_in(lab.attacker, own, 4_342) as attacker:
        before = refused(server, site.name)
        attacker.sendto(old, (server.node.rloc, 4_342))
        wait_for(lambda: refused(server, site.name) > before, "a refusal")
    refusal = server.get(f"sites/{site.name}")["last_refusal"]
    require(refusal["reason"] == "replayed", f"refused for another reason: {refusal}")
    require(refusal["source"].startswith(own), f"somebody else was refused: {refusal}")
    require(registered_weights(lab) == {40}, f"in force: {registered_weights(lab)}")
    lab.routers["beta"].configure(lab.config("beta", *((r, 1, 100) for r in router.rlocs)))
    lab.routers["beta"].reload()
    wait_for(lambda: registered_weights(lab) == {100}, "beta's weights of before")
    return {
        f"replay of a captured Map-Register, {len(old)} octets": f"refused as {refusal['reason']}"
    }


def weights(lab: WholeLab, weight: int) -> None:
    """Have beta register with this weight, and wait for it to be in force."""
    rlocs = lab.topology.router("beta").rlocs
    lab.routers["beta"].configure(lab.config("beta", *((rloc, 1, weight) for rloc in rlocs)))
    lab.routers["beta"].reload()
    wait_for(lambda: registered_weights(lab) == {weight}, f"beta to register with weight {weight}")


def registered_weights(lab: WholeLab) -> set[int]:
    """The weights in beta's registration."""
    site = lab.topology.site_of(lab.topology.router("beta"))
    rows = registrations(lab, site.at, site.prefix)
    return {one["weight"] for row in rows for one in row["locators"]}


def registrations(lab: WholeLab, node: str, prefix: str) -> list[dict[str, Any]]:
    """What a node has registered for one prefix."""
    rows = lab.alt.own[node].items("registrations")
    return [row for row in rows if row["eid_prefix"] == prefix]


def overclaim(lab: WholeLab) -> Measured:
    site = lab.topology.site_of(lab.topology.router("beta"))
    holder = lab.topology.alt.site(KEY_HOLDER)
    server = lab.alt.own[holder.at]
    own = lab.topology.attacker
    prefixes = [EidPrefix.parse(one.prefix) for one in (holder, site)]
    first, second = (
        etr_config(
            *(server.node.rloc, KEY_ID, secret(KEY_HOLDER, KEY_ID), own, prefix), proxy_reply=True
        )
        for prefix in prefixes
    )
    claim = replace(first, records=first.records + second.records)
    before = server.dropped("MapRegister", OVERCLAIM)
    with socket_in(lab.attacker, own, 4_342) as attacker:
        for effect in Etr(claim, itertools.count(time.time_ns()).__next__).start(0.0):
            if isinstance(effect, Transmit):
                attacker.sendto(effect.data, effect.destination)
        wait_for(lambda: server.dropped("MapRegister", OVERCLAIM) > before, "it to be dropped")
    taken = [row for row in server.items("registrations") if row["source"].startswith(own)]
    require(not taken, f"registered all the same: {taken}")
    return {
        f"{site.prefix} registered under {KEY_HOLDER}'s key, beside its own": (
            f"dropped with both records, as {OVERCLAIM}"
        )
    }


def refused(server: OwnNode, name: str) -> int:
    """How many Map-Registers of a site were refused."""
    return int(server.get(f"sites/{name}")["refused"])


def reflection(lab: WholeLab) -> Measured:
    router = lab.topology.router("north")
    site = lab.topology.site_of(router)
    server = lab.alt.own[site.at]
    victim, own = lab.topology.outside, lab.topology.attacker
    eid = EidPrefix.parse(lab.hosts["host-n"].address)
    with limited(lab, site.at), many_locators(lab):
        sent, arrived = 0, list[int]()
        with (
            socket_in(lab.attacker, own, 0) as attacker,
            socket_in(lab.outside, victim, 4_342) as listener,
        ):
            for number in range(REQUESTS):
                question = Question(
                    eid=eid,
                    map_resolver=Endpoint(server.node.rloc, 4_342),
                    itr_rloc=victim,
                    source_port=4_342,
                    inner_source=victim,
                )
                message = Lig(question, lambda nonce=number + 1: nonce).send(0.0)
                assert message is not None
                attacker.sendto(message, question.map_resolver)
                sent += len(message)
            listener.settimeout(QUIET_SECONDS)
            with contextlib.suppress(TimeoutError):
                while True:
                    arrived.append(len(listener.recv(65_535)))
    bound = FIRST_BURST_OCTETS + FACTOR * sent
    require(arrived != [], "nothing was answered at all")
    require(sum(arrived) <= bound, f"{sum(arrived)} octets for {sent}, more than {bound}")
    return {
        f"{REQUESTS} Map-Requests in a victim's name, {sent:,} octets": (
            f"{len(arrived)} Map-Replies of {max(arrived)} octets, {sum(arrived):,} in all;"
            f" {REQUESTS * max(arrived):,} if each were answered"
        )
    }


@contextlib.contextmanager
def limited(lab: WholeLab, node: str) -> Iterator[None]:
    """The limits that this laboratory has switched off, on again."""

    def change(document: dict[str, Any]) -> None:
        document["map-server"].pop("rate-limits")

    def back(document: dict[str, Any]) -> None:
        document["map-server"]["rate-limits"] = "off"

    server = lab.alt.own[node]
    server.configure(change)
    server.reload()
    try:
        yield
    finally:
        server.configure(back)
        server.reload()


@contextlib.contextmanager
def many_locators(lab: WholeLab) -> Iterator[None]:
    """The site north with as many locators as a record may have."""
    router = lab.topology.router("north")
    site = lab.topology.site_of(router)
    own = lab.config("north", (router.rlocs[0], 1, 100))
    others = [
        {"address": f"192.0.2.{100 + n}", "priority": 2, "local": False}
        for n in range(LOCATORS - 1)
    ]
    north = lab.routers["north"]
    north.configure({**own, "locators": [*own["locators"], *others]})
    north.reload()

    def count() -> int:
        return sum(len(row["locators"]) for row in registrations(lab, site.at, site.prefix))

    wait_for(lambda: count() == LOCATORS, f"{LOCATORS} locators to be registered")
    try:
        yield
    finally:
        north.configure(own)
        north.reload()
        wait_for(lambda: count() == 1, "one locator again")
