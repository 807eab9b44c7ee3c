"""The network that a topology file describes."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import yaml

FOLDER: Final = Path(__file__).resolve().parents[2] / "deploy" / "lab-alt"
"""Topologies, and the configurations of the foreign nodes in them."""

Role = Literal["parent", "backup", "child", "peer", "sibling"]

_FIRST_INNER: Final = int(IPv4Address("10.255.0.0"))


class _Part(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """Keys as in the file, unknown ones refused."""


class Node(_Part, frozen=True):
    """One ALT router. kind: "mapsys", or the program that runs instead."""

    name: str
    kind: Literal["mapsys", "bird", "frr", "gobgp"]
    as_number: int = msgspec.field(name="as")
    rloc: str
    router_id: str
    level: str
    blocks: list[str] = []
    backup_blocks: list[str] = []
    map_resolver: bool = False
    max_prefix: int | None = None

    @property
    def is_own(self) -> bool:
        """Whether it is a node of this project."""
        return self.kind == "mapsys"


class Site(_Part, frozen=True):
    """A site that registers at the Map-Server of a node.

    visitor: the site whose ETR may register hosts of this one's prefix.
    """

    name: str
    at: str
    prefix: str
    rloc: str
    instance_id: int = 0
    proxy_reply: bool = False
    visitor: str | None = None


class End(msgspec.Struct, frozen=True):
    """A tunnel as one of its nodes sees it. inner: this end's address in a /31."""

    number: int
    own: Node
    other: Node
    role: Role
    inner: IPv4Address

    @property
    def other_inner(self) -> IPv4Address:
        """The far end's address."""
        return IPv4Address(int(self.inner) ^ 1)


class Tunnel(_Part, frozen=True):
    """A GRE tunnel. first_sees, second_sees: what the other end is to each."""

    number: int
    first: str
    second: str
    first_sees: Role
    second_sees: Role


class Topology(_Part, frozen=True):
    """A whole network. first_key: GRE keys are this plus the tunnel's number; None: the
    instance-ID. delegations: as they stand in every node's configuration.
    """

    hold_time: str
    graceful_restart: str
    instances: list[int]
    nodes: list[Node]
    tunnels: list[Tunnel]
    delegations: list[dict[str, Any]]
    sites: list[Site]
    first_key: int | None = None

    def node(self, name: str) -> Node:
        """Raises KeyError."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    def sites_at(self, name: str) -> list[Site]:
        """Those of one node's Map-Server."""
        return [site for site in self.sites if site.at == name]

    def site(self, name: str) -> Site:
        """Raises KeyError."""
        for site in self.sites:
            if site.name == name:
                return site
        raise KeyError(name)

    def ends(self, name: str) -> list[End]:
        """A node's tunnels, in file order."""
        found = []
        for tunnel in self.tunnels:
            first = IPv4Address(_FIRST_INNER + 2 * tunnel.number)
            if tunnel.first == name:
                other, role, inner = tunnel.second, tunnel.first_sees, first
            elif tunnel.second == name:
                other, role, inner = tunnel.first, tunnel.second_sees, first + 1
            else:
                continue
            found.append(End(tunnel.number, self.node(name), self.node(other), role, inner))
        return found

    def key(self, number: int, instance_id: int) -> int:
        """The GRE key of a tunnel in one instance."""
        return instance_id if self.first_key is None else self.first_key + number


def load(name: str) -> Topology:
    """A topology of FOLDER by its file name. Raises msgspec.ValidationError, OSError."""
    return load_file(FOLDER / name)


def load_file(path: Path) -> Topology:
    """A topology by its path. Raises msgspec.ValidationError, OSError."""
    return msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), Topology)
