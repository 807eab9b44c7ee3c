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
from mapsys.lab.waiting import wait_for


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

    def prefixes(self, instance_id: int = 0) -> set[str]:
        """The prefixes in its Loc-RIB. Raises CheckFailed where it does not answer."""
        rows = self.rows("routes")
        return {row["eid_prefix"] for row in rows if row["instance_id"] == instance_id}

    def refusals(self, peer: str) -> dict[str, str]:
        """Reason by prefix of what it refuses from a neighbour. Raises CheckFailed."""
        rows = self.rows("rejected")
        return {row["eid_prefix"]: row["reason"] for row in rows if row["peer"] == peer}

    def wait_for_refusal(self, peer: str, prefix: str) -> str:
        """Wait until a neighbour's prefix is refused; returns why. Raises CheckFailed."""
        wait_for(
            lambda: prefix in self.refusals(peer),
            f"{self.name} to refuse {prefix} of {peer}",
            found=lambda: self.refusals(peer),
        )
        return self.refusals(peer)[prefix]

    def updates(self) -> int:
        """UPDATEs that it has counted so far on all its sessions. Raises CheckFailed."""
        return sum(row["updates"] for row in self.rows("peers"))

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
