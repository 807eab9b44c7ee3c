"""A node of this project in the lab: ``mapsys run`` with an ALT."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from mapsys.lab import own_config
from mapsys.lab.daemon import Daemon
from mapsys.lab.errors import CheckFailed
from mapsys.lab.network import Network, pids_in
from mapsys.lab.topology import Node, Topology


class OwnNode(Daemon):
    """One ALT router."""

    def __init__(self, node: Node, topology: Topology, network: Network, folder: Path) -> None:
        self.node = node
        self._network = network
        self.underlay = network.add_host(node.name, node.rloc)
        config = own_config.write(topology, node, network.node_name(node.name), folder)
        super().__init__(node.name, self.underlay, config, folder / "state")

    def rows(self, kind: str) -> list[dict[str, Any]]:
        """``mapsys alt KIND``: peers, routes, aggregates, rejected or tunnels.

        Raises CheckFailed where it does not answer.
        """
        return self.items(f"alt/{kind}")

    def trace(self, eid: str) -> dict[str, Any]:
        """``mapsys alt trace EID``. Raises CheckFailed where it does not answer."""
        return self.get(f"alt/trace/{eid}")

    def overlay(self, instance_id: int = 0) -> str:
        """The name of its overlay."""
        return self._network.overlay(self.node.name, instance_id)

    def speaker(self, instance_id: int = 0) -> int:
        """ExaBGP's process in the overlay. Raises CheckFailed."""
        found = []
        for pid in pids_in(self.overlay(instance_id)):
            with contextlib.suppress(OSError):  # ended meanwhile
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                if b"server" in words and any(word.endswith(b"/exabgp") for word in words):
                    found.append(pid)
        if len(found) != 1:
            raise CheckFailed(f"{len(found)} ExaBGPs run at {self.node.name}")
        return found[0]
