"""Hosts that move between sites of one Map-Server are no matter of BGP's."""

from __future__ import annotations

import time
from functools import partial
from typing import Final

from mapsys.lab.errors import CheckFailed
from mapsys.lab.etrs import SiteEtr
from mapsys.lab.itr import locators
from mapsys.lab.lab import SETTLE_SECONDS
from tests.alt.lab.pilot import Pilot
from tests.alt.lab.report import Check

HOSTS: Final = 1_000
QUICK_HOSTS: Final = 200
SETTLE_LOOKS: Final = 30

_INTO_MSPB: Final = "gre.key == 1008 && lisp.type == 1 && frame.time_epoch >= {:.6f}"


def _counted(network: Pilot) -> dict[str, int]:
    """UPDATEs heard by each node on all its sessions, by its own count."""
    counted = network.lab.updates()
    if not all(counted.values()):
        raise CheckFailed(f"some nodes count no UPDATE at all: {counted}")
    return counted


def _settled(network: Pilot) -> dict[str, int]:
    """The same once it stands still: a busy node counts the last change a while after it."""
    counted = _counted(network)
    for _ in range(SETTLE_LOOKS):
        time.sleep(SETTLE_SECONDS)
        before, counted = counted, _counted(network)
        if counted == before:
            return counted
    raise CheckFailed(f"UPDATEs go on although nothing changes: {counted}")


def hosts_move(hosts: int, network: Pilot) -> str:
    """Each host goes from its site to the next, and is asked for at once, at mr1."""
    homes = [etr for etr in network.lab.etrs.values() if etr.site.visitor is not None]
    counted, mark = _settled(network), time.time()
    milliseconds = []
    began = time.monotonic()
    for number in range(hosts):
        home = homes[number % len(homes)]
        visited = network.lab.etrs[home.site.visitor or ""]
        milliseconds.append(_move(network, home, visited, 1 + number // len(homes)))
    seconds = time.monotonic() - began
    quiet = network.lab.quiet_since(mark)
    if (after := _counted(network)) != counted:
        raise CheckFailed(f"UPDATEs counted before {counted}, after {after}")
    crossed = len(network.lab.capture.rows(_INTO_MSPB.format(mark), "frame.number"))
    if crossed < hosts:
        raise CheckFailed(f"only {crossed} of {hosts} Map-Requests came to mspb through the ALT")
    return (
        f"{hosts} moves in {seconds:.1f} s, answered in {sum(milliseconds) / hosts:.1f} ms on"
        f" average; 0 UPDATEs in {quiet} tunnels, and at {', '.join(counted)} by their own count"
    )


def _move(network: Pilot, home: SiteEtr, visited: SiteEtr, last_octet: int) -> float:
    host = f"{home.site.prefix.rpartition('.')[0]}.{last_octet}"
    visited.take_in(home.site, f"{host}/32")
    asked = network.lab.itr.ask(host)
    if asked.answer is None or locators(asked.answer) != [visited.site.rloc]:
        raise CheckFailed(f"{host} moved to {visited.site.rloc}, and yet {asked}")
    return asked.milliseconds


def check(hosts: int) -> Check[Pilot]:
    """The check with so many hosts, up to 1,000."""
    return Check(
        "M",
        f"{hosts} hosts move between sites of mspb's, each asked for at mr1 right after",
        "each answered with its new locator; no UPDATE in any tunnel, none counted by any"
        " node, BIRD, FRR and GoBGP among them",
        partial(hosts_move, hosts),
    )
