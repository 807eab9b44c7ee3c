"""What is nowhere is asked for once, and is found when it is somewhere.

A host of alpha's sends to an address in a hole of a provider's block. The Map-Server says that it
is no EID, and alpha asks no more, however many packets come. Then it sends to a site that has
withdrawn. That is denied for a minute only; the site registers again, and alpha finds it when the
minute is over.
"""

from __future__ import annotations

import time
from typing import Any, Final

from mapsys.eid import EidPrefix
from mapsys.lab.scenario import Measured, require
from mapsys.lab.traffic import ping
from mapsys.lab.waiting import wait_for
from mapsys.lab.whole import WholeLab

HOLE: Final = "198.18.5.1"
ABSENT: Final = "campus-four"
PACKETS: Final = 20
PATIENCE_SECONDS: Final = 240.0
QUESTIONS: Final = (
    "lisp.type == 8 && ip.src == {} && lisp.mreq.record.prefix.ipv4 == {}"
    " && frame.time_epoch >= {:.6f}"
)


def run(lab: WholeLab) -> Measured:
    return {**in_a_hole(lab), **absent(lab)}


def in_a_hole(lab: WholeLab) -> Measured:
    began = time.time()
    send(lab, HOLE, PACKETS)
    wait_for(lambda: entry(lab, HOLE) is not None, f"alpha to be told of {HOLE}")
    send(lab, HOLE, PACKETS)
    kept = entry(lab, HOLE)
    require(kept is not None and not kept["locators"], f"alpha has {kept}")
    assert kept is not None
    asked = questions(lab, HOLE, began)
    require(asked == 1, f"{asked} Map-Requests for {HOLE}")
    said = f"{kept['eid_prefix']} {kept['action']}, for {kept['expires_seconds']:.0f} s"
    return {f"{2 * PACKETS} packets into a hole": f"one Map-Request; kept: {said}"}


def absent(lab: WholeLab) -> Measured:
    etr = lab.alt.etrs[ABSENT]
    eid = etr.site.prefix.rpartition(".")[0] + ".1"
    etr.withdraw()
    try:
        wait_for(lambda: lab.alt.itr.ask(eid).answer is not None, f"{eid} to be denied")
        send(lab, eid, 1)
        wait_for(lambda: entry(lab, eid) is not None, f"alpha to be told of {eid}")
        denied = entry(lab, eid)
        assert denied is not None
        require(not denied["locators"], f"alpha has {denied}")
    finally:
        etr.register()
        etr.wait_until_settled()
    began = time.monotonic()

    def found() -> bool:
        send(lab, eid, 1)
        kept = entry(lab, eid)
        return kept is not None and [one["rloc"] for one in kept["locators"]] == [etr.site.rloc]

    wait_for(found, f"alpha to find {eid}", PATIENCE_SECONDS, found=lambda: entry(lab, eid))
    return {
        f"{ABSENT} while it is withdrawn": (
            f"{denied['eid_prefix']} {denied['action']}, for {denied['expires_seconds']:.0f} s"
        ),
        f"{ABSENT} registers again": f"found {time.monotonic() - began:.1f} s later",
    }


def send(lab: WholeLab, destination: str, count: int) -> None:
    """Packets of a host of alpha's that nobody answers."""
    ping(lab.hosts["host-a"].namespace, destination, count=count, wait_seconds=0.1)


def entry(lab: WholeLab, eid: str) -> dict[str, Any] | None:
    """The longest match for an EID in alpha's map-cache."""
    host = EidPrefix.parse(eid)
    rows = [
        row
        for row in lab.routers["alpha"].status()["map_cache"]
        if EidPrefix.parse(row["eid_prefix"]).covers(host)
    ]
    return max(rows, key=lambda row: EidPrefix.parse(row["eid_prefix"]).length, default=None)


def questions(lab: WholeLab, eid: str, since: float) -> int:
    """Map-Requests of alpha's for an EID."""
    rule = QUESTIONS.format(lab.topology.router("alpha").rlocs[0], eid, since)
    return len(lab.alt.capture.rows(rule, "frame.number"))
