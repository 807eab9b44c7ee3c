"""A running lab: the nodes of a topology, an ITR, ETRs, and the capture of what they send."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from mapsys.lab.capture import Capture
from mapsys.lab.errors import CheckFailed
from mapsys.lab.etrs import SiteEtr
from mapsys.lab.foreign import KINDS, Bird, ForeignNode, Frr, GoBgp
from mapsys.lab.itr import Itr
from mapsys.lab.leftovers import folder_of, reap
from mapsys.lab.network import Network
from mapsys.lab.own import OwnNode
from mapsys.lab.topology import Topology
from mapsys.lab.waiting import wait_for

ITR_RLOC: Final = "192.0.2.41"

SETTLE_SECONDS: Final = 1.0
"""After a change: many times what an UPDATE would take to follow it."""


class Lab:
    """Everything of one topology. ``own`` and ``foreign`` nodes, and ``etrs`` of sites, by name."""

    def __init__(self, topology: Topology, without: frozenset[str] = frozenset()) -> None:
        """without: names of sites that get no ETR here, since somebody else registers them."""
        self.topology = topology
        self._sites = [site for site in topology.sites if site.name not in without]
        self.network = Network()
        self.folder = folder_of(self.network.tag)
        self.own: dict[str, OwnNode] = {}
        self.foreign: dict[str, ForeignNode] = {}
        self.etrs: dict[str, SiteEtr] = {}
        self._capture: Capture | None = None
        self._itr: Itr | None = None
        self.left_behind: list[str] = []
        """After the end: processes and namespaces that should have been gone."""

    def open(self, prepare: Callable[[Path], None] | None = None) -> None:
        """Start everything, and wait until every session is up.

        prepare: puts further files into the lab's folder, which is named for it.
        Raises LabError, CheckFailed.
        """
        # Programs that gave up root have to reach their files below it.
        self.folder.mkdir(mode=0o711)
        self._capture = Capture(self.network, self.folder)
        hosts = self.network.add_host("hosts", ITR_RLOC, *(s.rloc for s in self._sites))
        for node in self.topology.nodes:
            folder = self.folder / node.name
            folder.mkdir()
            if node.is_own:
                self.own[node.name] = OwnNode(node, self.topology, self.network, folder)
            else:
                kind = KINDS[node.kind]
                self.foreign[node.name] = kind(node, self.topology, self.network, folder)
        if prepare is not None:
            prepare(self.folder)
        for own in self.own.values():
            own.launch()
        for foreign in self.foreign.values():
            foreign.start()
        for own in self.own.values():
            own.wait_until_serving()
        (resolver,) = (node for node in self.topology.nodes if node.map_resolver)
        self._itr = Itr(hosts, ITR_RLOC, resolver.rloc)
        for site in self._sites:
            etr = SiteEtr(site, hosts, self.topology.node(site.at).rloc)
            self.etrs[site.name] = etr
            etr.register()
        for etr in self.etrs.values():
            etr.wait_until_settled()
        wait_for(self.is_up, "every session to be up", found=self.sessions_down)

    @property
    def capture(self) -> Capture:
        """What crosses the bridge. Only after :meth:`open`."""
        assert self._capture is not None
        return self._capture

    @property
    def itr(self) -> Itr:
        """Asks the topology's Map-Resolver. Only after :meth:`open`."""
        assert self._itr is not None
        return self._itr

    def is_up(self) -> bool:
        """Whether every session of this project's nodes is up."""
        return not self.sessions_down()

    def sessions_down(self) -> list[str]:
        """ "node-neighbour" of each session that is not up."""
        return [
            f"{name}-{row['name']}"
            for name, own in self.own.items()
            for row in own.rows("peers")
            if row["state"] != "up"
        ]

    def updates(self) -> dict[str, int]:
        """UPDATEs heard by each node on all its sessions, by its own count."""
        nodes: dict[str, OwnNode | ForeignNode] = {**self.own, **self.foreign}
        return {name: node.updates() for name, node in nodes.items()}

    def quiet_since(self, mark: float, *, but: frozenset[int] = frozenset()) -> int:
        """Tunnels that carried no UPDATE since ``mark``; ``but``: the keys of those that did.

        mark: seconds since 1970. Raises CheckFailed where it is otherwise.
        """
        time.sleep(SETTLE_SECONDS)
        updates = self.capture.updates(mark)
        keys = {int(key, 16) for _, _, key in updates}
        if keys != but:
            raise CheckFailed(
                f"UPDATEs in the tunnels with keys {keys}, not {set(but)}: {updates[:5]}"
            )
        return len(self.topology.tunnels) - len(but)

    def name_of(self, rloc: str) -> str:
        """The node that has this RLOC; the RLOC itself where none has."""
        return next((node.name for node in self.topology.nodes if node.rloc == rloc), rloc)

    def bird(self, name: str) -> Bird:
        """A foreign node that is a BIRD."""
        node = self.foreign[name]
        assert isinstance(node, Bird)
        return node

    def frr(self, name: str) -> Frr:
        """A foreign node that is an FRR."""
        node = self.foreign[name]
        assert isinstance(node, Frr)
        return node

    def gobgp(self, name: str) -> GoBgp:
        """A foreign node that is a GoBGP."""
        node = self.foreign[name]
        assert isinstance(node, GoBgp)
        return node

    def end(self) -> None:
        """End everything in order, and note what is left all the same."""
        for etr in self.etrs.values():
            etr.end()
        nodes: list[OwnNode | ForeignNode] = [*self.own.values(), *self.foreign.values()]
        for node in nodes:
            node.ask_to_end()
        for node in nodes:
            node.end()
        if self._capture is not None:
            self._capture.end()
        self.left_behind = self.network.left_behind()


@contextlib.contextmanager
def running(
    topology: Topology,
    prepare: Callable[[Path], None] | None = None,
    *,
    keep: Path | None = None,
    without: frozenset[str] = frozenset(),
) -> Iterator[Lab]:
    """A lab that is gone afterwards, whatever happens. keep: where its files go to instead."""
    reap()
    lab = Lab(topology, without)
    try:
        lab.open(prepare)
        yield lab
    finally:
        try:
            lab.end()
        finally:
            lab.network.close()
            if keep is None:
                shutil.rmtree(lab.folder, ignore_errors=True)
            else:
                shutil.move(lab.folder, keep)
