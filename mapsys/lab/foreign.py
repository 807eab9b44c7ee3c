"""The foreign nodes: their tunnels, and BIRD, FRR or GoBGP in the overlay behind them."""

from __future__ import annotations

import json
import re
import shutil
import sys
from abc import ABC, abstractmethod
from dataclasses import asdict
from pathlib import Path
from typing import Final

from alt.tunnel.base import TunnelSpec
from mapsys.lab.errors import LabError
from mapsys.lab.network import Network
from mapsys.lab.programs import Running, ask, program
from mapsys.lab.topology import FOLDER, Node, Topology
from mapsys.lab.waiting import wait_for


class ForeignNode(ABC):
    """One foreign node. Its program can be killed and started again; the tunnels stay."""

    forwards = False
    """Whether its kernel forwards what the program routes."""

    def __init__(self, node: Node, topology: Topology, network: Network, folder: Path) -> None:
        self.node = node
        self.folder = folder
        self.underlay = network.add_host(node.name, node.rloc)
        self.overlay = network.overlay(node.name)
        # Some of the programs give up root before they read it.
        for path in FOLDER.glob(f"{node.name}.*"):
            shutil.copy(path, folder)
        specs = [
            TunnelSpec(
                end.other.name,
                node.rloc,
                end.other.rloc,
                topology.key(end.number, topology.instances[0]),
                inner4=f"{end.inner}/31",
            )
            for end in topology.ends(node.name)
        ]
        self._gre = Running(
            self.underlay,
            [
                *(sys.executable, "-m", "mapsys.lab.gre_end", self.overlay),
                str(int(self.forwards)),
                json.dumps([asdict(spec) for spec in specs]),
            ],
            folder / "gre.log",
            talks=True,
        )
        self._programs: list[Running] = []

    def start(self) -> None:
        """Have its tunnels up and its program run. Raises LabError."""
        if not self._programs:
            self._gre.line()
        self._programs = self._start()
        wait_for(self._answers, f"{self.node.kind} at {self.node.name} to answer")

    def _answers(self) -> bool:
        for running in self._programs:
            running.require_running()
        try:
            self.prefixes()
        except LabError:
            return False
        return True

    def kill(self) -> None:
        """End its program without a word."""
        for running in self._programs:
            running.kill()

    def ask_to_end(self) -> None:
        """Begin to end everything in order."""
        for running in (*self._programs, self._gre):
            running.ask_to_end()

    def end(self) -> None:
        """See to it that everything has ended."""
        for running in (*self._programs, self._gre):
            running.end()

    @abstractmethod
    def _start(self) -> list[Running]: ...

    @abstractmethod
    def prefixes(self) -> set[str]:
        """What it has a route for, in CIDR form."""

    @abstractmethod
    def updates(self) -> int:
        """UPDATEs that it has counted so far on all its sessions."""


class Bird(ForeignNode):
    """BIRD 2, by ``<name>.bird.conf``."""

    forwards = True

    def _start(self) -> list[Running]:
        conf, control = self.folder / f"{self.node.name}.bird.conf", self.folder / "bird.ctl"
        command = [program("bird"), "-f", "-c", str(conf), "-s", str(control)]
        return [Running(self.overlay, command, self.folder / "bird.log")]

    def configure(self, kind: str) -> None:
        """Go over to ``<name>.<kind>.conf``. Raises LabError."""
        self.control("configure", f'"{self.folder / self.node.name}.{kind}.conf"')

    def control(self, *words: str) -> str:
        """What ``birdc`` says to a command."""
        return ask(self.overlay, program("birdc"), "-s", str(self.folder / "bird.ctl"), *words)

    def prefixes(self) -> set[str]:
        return set(re.findall(r"^(\S+/\d+)\s", self.control("show", "route"), re.MULTILINE))

    def routes(self, prefix: str) -> str:
        """Everything it knows of one prefix."""
        return self.control("show", "route", "for", prefix, "all")

    def updates(self) -> int:
        shown = self.control("show", "protocols", "all")
        counts = re.findall(r"Import (?:updates|withdraws): +(\d+)", _sessions(shown))
        return sum(map(int, counts))

    def said(self) -> list[str]:
        """The lines of its log, each beginning with the time."""
        return (self.folder / "bird.log").read_text(encoding="utf-8").splitlines()


def _sessions(shown: str) -> str:
    """The parts of ``show protocols all`` about BGP."""
    parts = re.split(r"^(?=\S)", shown, flags=re.MULTILINE)
    return "".join(part for part in parts if part.split()[1:2] == ["BGP"])


class Frr(ForeignNode):
    """FRR, by ``<name>.zebra.conf`` and ``<name>.bgpd.conf``."""

    forwards = True

    def _start(self) -> list[Running]:
        # They become this user before they make their sockets and files.
        shutil.chown(self.folder, "frr", "frr")
        folder = str(self.folder)
        common = ["--vty_socket", folder, "--vty_port", "0"]
        zserv = self.folder / "zserv"
        started = []
        for name in ("zebra", "staticd", "bgpd"):
            conf, pid = self.folder / f"{self.node.name}.{name}.conf", f"{folder}/{name}.pid"
            command = [program(name), *common, "-z", str(zserv), "-i", pid, "-f", str(conf)]
            started.append(Running(self.overlay, command, self.folder / f"{name}.log"))
            # The others do not find zebra soon where they come before it.
            wait_for(zserv.exists, f"zebra of {self.node.name} to serve")
        return started

    def prefixes(self) -> set[str]:
        return set(json.loads(self._show("bgp ipv4 unicast json"))["routes"])

    def updates(self) -> int:
        neighbors = json.loads(self._show("bgp neighbors json"))
        return sum(each["messageStats"]["updatesRecv"] for each in neighbors.values())

    def _show(self, what: str) -> str:
        command = [program("vtysh"), "--vty_socket", str(self.folder), "-d", "bgpd"]
        return ask(self.overlay, *command, "-c", f"show {what}")


class GoBgp(ForeignNode):
    """GoBGP, by ``<name>.gobgpd.toml``."""

    def _start(self) -> list[Running]:
        conf = self.folder / f"{self.node.name}.gobgpd.toml"
        command = [program("gobgpd"), "-f", str(conf), "--api-hosts", "127.0.0.1:50051"]
        return [Running(self.overlay, command, self.folder / "gobgpd.log")]

    def announce(self, *prefixes: str) -> None:
        """Originate prefixes."""
        for prefix in prefixes:
            self.control("global", "rib", "add", prefix)

    def withdraw(self, *prefixes: str) -> None:
        """Take them back."""
        for prefix in prefixes:
            self.control("global", "rib", "del", prefix)

    def prefixes(self) -> set[str]:
        shown = json.loads(self.control("global", "rib", "-j") or "{}")
        return set(shown)

    def updates(self) -> int:
        neighbors = json.loads(self.control("neighbor", "-j"))
        return sum(each["state"]["messages"]["received"].get("update", 0) for each in neighbors)

    def control(self, *words: str) -> str:
        """What ``gobgp`` says to a command."""
        return ask(self.overlay, program("gobgp"), *words)


KINDS: Final[dict[str, type[ForeignNode]]] = {"bird": Bird, "frr": Frr, "gobgp": GoBgp}
"""By a node's ``kind``."""
