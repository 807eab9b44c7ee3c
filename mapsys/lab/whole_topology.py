"""The description of a whole network: an ALT, and what is around it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
import yaml

from mapsys.lab.topology import Site, Topology, load_file

FILE: Final = Path(__file__).resolve().parents[2] / "deploy" / "lab" / "topology.yaml"
"""What ``mapsys lab`` builds, unless it is told otherwise."""


class _Part(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """Keys as in the file, unknown ones refused."""


class Router(_Part, frozen=True):
    """A site's tunnel router. gateway: its address inside the site, with the length."""

    name: str
    site: str
    rlocs: list[str]
    gateway: str
    spare: list[str] = []


class Proxy(_Part, frozen=True):
    """A PITR and PETR in one. routes: what it attracts from outside LISP."""

    name: str
    rloc: str
    routes: list[str]


class HostPlace(_Part, frozen=True):
    """A host behind a router."""

    name: str
    router: str
    interface: str


class AroundAlt(_Part, frozen=True):
    """Everything but the ALT. resolver: the node that all routers ask."""

    resolver: str
    routers: list[Router]
    proxy: Proxy
    outside: str
    attacker: str
    hosts: list[HostPlace]


class WholeTopology(AroundAlt, frozen=True, kw_only=True):
    """Everything."""

    alt: Topology

    def router(self, name: str) -> Router:
        """Raises KeyError."""
        for router in self.routers:
            if router.name == name:
                return router
        raise KeyError(name)

    def site_of(self, router: Router) -> Site:
        """Whose prefix and key a router has. Raises KeyError."""
        return self.alt.site(router.site)

    def visits(self, router: Router) -> list[Site]:
        """Sites whose hosts a router may take in."""
        return [site for site in self.alt.sites if site.visitor == router.site]


def load_whole(path: Path = FILE) -> WholeTopology:
    """A whole topology. Raises msgspec.ValidationError, OSError, KeyError."""
    tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    alt = load_file(path.parent / tree.pop("alt"))
    around = msgspec.convert(tree, AroundAlt)
    return WholeTopology(alt=alt, **msgspec.structs.asdict(around))
