"""A site has as many locators as a record may hold, and packets use the best of them.

north registers 32: its own, and 31 of priority 2 that nobody has. The Map-Server takes them all, an
ITR is told all of them, and alpha sends to the one of the best priority. A 33rd is refused, and the
registration stays.
"""

from __future__ import annotations

from typing import Any, Final

from mapsys.lab.itr import locators
from mapsys.lab.scenario import Measured, require
from mapsys.lab.traffic import ping
from mapsys.lab.waiting import wait_for
from mapsys.lab.whole import WholeLab

LIMIT: Final = 32


def run(lab: WholeLab) -> Measured:
    router = lab.topology.router("north")
    own, host = router.rlocs[0], lab.hosts["host-n"].address
    north = lab.routers["north"]
    try:
        configure(lab, LIMIT)
        wait_for(lambda: len(asked(lab)) == LIMIT, f"an ITR to hear {LIMIT} locators")
        told = asked(lab)
        require(ping(lab.hosts["host-a"].namespace, host).received > 0, "north is not reached")
        wait_for(lambda: len(cached(lab)) == LIMIT, f"alpha to have {LIMIT} locators")
        before = sent(lab)
        pinged = ping(lab.hosts["host-a"].namespace, host, count=20)
        require(pinged.received == 20, f"not all were answered: {pinged}")
        others = {rloc for rloc, count in sent(lab).items() if count > before.get(rloc, 0)} - {own}
        strangers = others & set(told)
        require(not strangers, f"packets went to {sorted(strangers)}")
        refused_before = refused(lab)
        configure(lab, LIMIT + 1)
        wait_for(lambda: refused(lab) > refused_before, f"{LIMIT + 1} locators to be refused")
        require(len(asked(lab)) == LIMIT, f"an ITR now hears {asked(lab)}")
    finally:
        north.configure(lab.config("north", (own, 1, 100)))
        north.reload()
        wait_for(lambda: asked(lab) == [own], "one locator again")
    return {
        "locators registered, and told to an ITR": str(len(told)),
        "packets to the one of the best priority": f"{pinged}; none to the others",
        "one more": "refused; the registration stays as it was",
    }


def configure(lab: WholeLab, count: int) -> None:
    """Have north register so many locators."""
    document = lab.config("north", (lab.topology.router("north").rlocs[0], 1, 100))
    document["locators"] += [
        {"address": f"192.0.2.{100 + number}", "priority": 2, "local": False}
        for number in range(count - 1)
    ]
    lab.routers["north"].configure(document)
    lab.routers["north"].reload()


def asked(lab: WholeLab) -> list[str]:
    """The locators that an ITR is told of north."""
    answer = lab.alt.itr.ask(lab.hosts["host-n"].address).answer
    return [] if answer is None else locators(answer)


def cached(lab: WholeLab) -> list[Any]:
    """The locators of north in alpha's map-cache."""
    prefix = lab.topology.site_of(lab.topology.router("north")).prefix
    rows = lab.routers["alpha"].status()["map_cache"]
    return [one for row in rows if row["eid_prefix"] == prefix for one in row["locators"]]


def sent(lab: WholeLab) -> dict[str, int]:
    """Packets that alpha has sent, by locator."""
    counted: dict[str, int] = lab.routers["alpha"].status()["packets_to"]
    return counted


def refused(lab: WholeLab) -> int:
    """Map-Registers of north's site that were refused."""
    site = lab.topology.site_of(lab.topology.router("north"))
    return int(lab.alt.own[site.at].get(f"sites/{site.name}")["refused"])
