"""Two links share traffic 70 to 30, then 50 to 50, then one takes it all.

Site beta has two locators. Only its own registration changes; alpha is solicited, asks anew, and
spreads its flows by the new weights.
"""

from __future__ import annotations

from mapsys.lab.network import socket_in
from mapsys.lab.scenario import Measured, require
from mapsys.lab.traffic import ping
from mapsys.lab.waiting import wait_for
from mapsys.lab.whole import WholeLab

FLOWS = 400


def run(lab: WholeLab) -> Measured:
    beta, alpha = lab.routers["beta"], lab.routers["alpha"]
    first, second = lab.topology.router("beta").rlocs
    measured = {}
    for one, other in ((70, 30), (50, 50)):
        change(lab, (first, 1, one), (second, 1, other))
        share = share_of(lab, first, second)
        require(abs(share - one) <= 10, f"wanted {one} to {other}, measured {share:.0f} %")
        measured[f"{one} to {other}"] = f"{share:.1f} % of {FLOWS} flows take the first"
    change(lab, (first, 1, 100), (second, 2, 100))
    share = share_of(lab, first, second)
    require(share == 100, f"the backup link carries {100 - share:.0f} %")
    measured["first alone, second in reserve"] = f"{share:.0f} % take the first"
    beta.configure(lab.config("beta", (first, 1, 100), (second, 1, 100)))
    beta.reload()
    require(alpha.status()["uncarried"].get("no-locator", 0) == 0, "a packet found no locator")
    return measured


def change(lab: WholeLab, *locators: tuple[str, int, int]) -> None:
    """Give beta other locators, and wait until alpha has them."""
    wanted = [(priority, weight) for _, priority, weight in locators]
    host = lab.hosts["host-a"]
    require(ping(host.namespace, lab.hosts["host-b"].address).received > 0, "beta is not reached")
    lab.routers["beta"].configure(lab.config("beta", *locators))
    lab.routers["beta"].reload()
    wait_for(lambda: cached(lab) == wanted, f"alpha to have {wanted}", found=lambda: cached(lab))


def cached(lab: WholeLab) -> list[tuple[int, int]]:
    """Priority and weight of beta's locators in alpha's map-cache."""
    prefix = lab.topology.site_of(lab.topology.router("beta")).prefix
    rows = lab.routers["alpha"].status()["map_cache"]
    return [
        (one["priority"], one["weight"])
        for row in rows
        if row["eid_prefix"] == prefix
        for one in row["locators"]
    ]


def share_of(lab: WholeLab, first: str, second: str) -> float:
    """Percent of many flows that take the first locator."""
    before = lab.routers["alpha"].status()["packets_to"]
    host, target = lab.hosts["host-a"], lab.hosts["host-b"].address
    with socket_in(host.namespace, host.address, 0) as sender:
        for port in range(20_000, 20_000 + FLOWS):
            sender.sendto(b"flow", (target, port))
    sent = {}

    def all_left() -> bool:
        after = lab.routers["alpha"].status()["packets_to"]
        for rloc in (first, second):
            sent[rloc] = after.get(rloc, 0) - before.get(rloc, 0)
        return sum(sent.values()) >= FLOWS

    wait_for(all_left, "all flows to leave")
    return 100 * sent[first] / sum(sent.values())
