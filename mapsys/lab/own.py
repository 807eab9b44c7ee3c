"""A node of this project in the lab: ``mapsys run``, and what its API says."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

import click

from mapsys.cli.api import api
from mapsys.lab import own_config
from mapsys.lab.errors import CheckFailed, LabError
from mapsys.lab.network import Network, pids_in
from mapsys.lab.programs import Running
from mapsys.lab.topology import Node, Topology
from mapsys.lab.waiting import wait_for


class OwnNode:
    """One daemon; it can be killed and started again over its state."""

    def __init__(self, node: Node, topology: Topology, network: Network, folder: Path) -> None:
        self.node = node
        self._network = network
        self._folder = folder
        self.underlay = network.add_host(node.name, node.rloc)
        self._config = own_config.write(topology, node, network.node_name(node.name), folder)
        self._api = api(folder / "state", None)
        self._daemon: Running | None = None
        self._why_not = ""

    def launch(self) -> None:
        """Start it, and do not wait."""
        command = [sys.executable, "-m", "mapsys.cli.main", "run", "-c", str(self._config)]
        self._daemon = Running(self.underlay, command, self._folder / "mapsys.log")

    def wait_until_serving(self) -> None:
        """Raises LabError, CheckFailed."""
        wait_for(
            self._serves, f"{self.node.name} to serve", found=lambda: self._why_not or "nothing"
        )

    def rows(self, kind: str) -> list[dict[str, Any]]:
        """``mapsys alt KIND``: peers, routes, aggregates, rejected or tunnels.

        Raises CheckFailed where it does not answer.
        """
        try:
            return list(self._api.items(f"/api/v1/alt/{kind}", {}))
        except click.ClickException as error:
            raise CheckFailed(f"{self.node.name}: {error.message}") from error

    def trace(self, eid: str) -> dict[str, Any]:
        """``mapsys alt trace EID``. Raises CheckFailed where it does not answer."""
        try:
            return self._api.get(f"/api/v1/alt/trace/{eid}")
        except click.ClickException as error:
            raise CheckFailed(f"{self.node.name}: {error.message}") from error

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

    def kill(self) -> None:
        """End the daemon without a word."""
        if self._daemon is not None:
            self._daemon.kill()

    def ask_to_end(self) -> None:
        """Begin to end it in order."""
        if self._daemon is not None:
            self._daemon.ask_to_end()

    def end(self) -> None:
        """See to it that it has ended."""
        if self._daemon is not None:
            self._daemon.end()

    def _serves(self) -> bool:
        if self._daemon is None:
            raise LabError(f"{self.node.name} was not started")
        self._daemon.require_running()
        try:
            self.rows("peers")
        except CheckFailed as error:
            self._why_not = str(error)
            return False
        return True
