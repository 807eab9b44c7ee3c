"""The pilot network ready to be checked: its sites, and the site that speaks BGP, in place."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from mapsys.eid import EidPrefix
from mapsys.lab.errors import CheckFailed
from mapsys.lab.etrs import AltEtr
from mapsys.lab.itr import Asked, locators
from mapsys.lab.lab import Lab, running
from mapsys.lab.programs import ask, program
from mapsys.lab.topology import Site, load
from mapsys.lab.waiting import wait_for

TOPOLOGY: Final = "topology.yaml"
ALT_SITE: Final = "198.18.1.0/24"
"""What etr1 announces by BGP."""

REGIONS: Final = ("198.18.0.0/19", "198.18.32.0/19", "198.18.64.0/19", "198.18.96.0/19")

_LOC_RIBS: Final = {
    "mr1": REGIONS,
    "arin": (*REGIONS, "198.18.0.0/21", "198.18.32.0/21"),
    "mspa": (*REGIONS, "198.18.0.0/21", ALT_SITE, "198.18.2.0/24", "198.18.3.16/28"),
}
"""What some of the nodes have in the end: their own blocks, what is above, and what is below."""


class Pilot:
    """The lab and the ETR that has a place on the ALT itself."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        etr1 = lab.gobgp("etr1")
        ask(etr1.overlay, program("ip"), "route", "add", "local", ALT_SITE, "dev", "lo")
        self.alt_etr = AltEtr(etr1.overlay, etr1.underlay, etr1.node.rloc, ALT_SITE)
        etr1.announce(ALT_SITE)

    def wait_until_settled(self) -> None:
        """Wait for the state that the topology leads to. Raises CheckFailed."""
        wait_for(self.lab.is_up, "every session to be up", found=self.lab.sessions_down)
        for name in ("apnic", "lacnic"):
            self._wait_for_prefixes(name, self.lab.foreign[name].prefixes, REGIONS)
        for name, wanted in _LOC_RIBS.items():
            self._wait_for_prefixes(name, partial(self.routes, name), wanted)

    def _wait_for_prefixes(
        self, name: str, prefixes: Callable[[], set[str]], wanted: Collection[str]
    ) -> None:
        wait_for(
            lambda: prefixes() == set(wanted), f"{name} to have {sorted(wanted)}", found=prefixes
        )

    def routes(self, node: str, instance_id: int = 0) -> set[str]:
        """The prefixes in a node's Loc-RIB."""
        return self.lab.own[node].prefixes(instance_id)

    def require_answer(self, eid: str) -> Asked:
        """Ask for an EID; it has to lead to its site's locator. Raises CheckFailed."""
        is_of_etr1 = EidPrefix.parse(ALT_SITE).covers(EidPrefix.parse(eid))
        topology = self.lab.topology
        wanted = topology.node("etr1").rloc if is_of_etr1 else self.site_of(eid).rloc
        asked = self.lab.itr.ask(eid)
        if asked.answer is None or locators(asked.answer) != [wanted]:
            raise CheckFailed(f"{eid}: {asked}; its site is at {wanted}")
        return asked

    def site_of(self, eid: str) -> Site:
        """The site that has registered the prefix around an EID."""
        host = EidPrefix.parse(eid)
        sites = self.lab.topology.sites
        return next(site for site in sites if EidPrefix.parse(site.prefix).covers(host))

    def end(self) -> None:
        """End the ETR."""
        self.alt_etr.end()


@contextlib.contextmanager
def pilot(keep: Path | None = None) -> Iterator[Pilot]:
    """The whole network, settled. Raises LabError, CheckFailed."""
    with running(load(TOPOLOGY), keep=keep) as lab:
        network = Pilot(lab)
        try:
            network.wait_until_settled()
            yield network
        finally:
            network.end()
