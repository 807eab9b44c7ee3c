"""One ALT router from the written rules alone: who is believed, which way is best, who is told.

Sessions either are there or not, and no route flaps so often that it is damped. Sources:
RFC 6836, 4.2 and 4.3; RFC 4271, 9.1.2; docs/alt.md. Nothing of the project is imported.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

Block = tuple[int, str]
"""AFI, and the bits."""

WIDTH = {1: 32, 2: 128}
LONGEST = {
    ("region", 1): 19, ("region", 2): 38,
    ("msp", 1): 21, ("msp", 2): 40,
    ("site", 1): 28, ("site", 2): 64,
}  # fmt: skip
PREFERENCE = {"local": 0, "child": 1, "sibling": 2, "peer": 3, "parent": 4, "backup": 5}
ABOVE = ("parent", "backup")


class Way(NamedTuple):
    """A route: from which neighbour (None: this node), its AS path, whether it stands in."""

    peer: str | None
    role: str
    path: tuple[int, ...] = ()
    backup: bool = False


def covers(outer: Block, inner: Block) -> bool:
    return outer[0] == inner[0] and inner[1].startswith(outer[1])


def within(blocks: Iterable[Block], prefix: Block) -> bool:
    return any(covers(block, prefix) for block in blocks)


class AltReference:
    """node: a dictionary as ``tests.simulation.alt_side`` writes it."""

    def __init__(self, node: dict[str, Any]) -> None:
        self.node = node
        self.own, self.backups = node["blocks"], node["backup_blocks"]
        self.rows = {row["block"]: row for row in node["delegations"]}
        self.here = {node["name"], *node["siblings"]}
        self.up: set[str] = set()
        self.heard: dict[str, dict[Block, tuple[tuple[int, ...], bool]]] = {}
        self.sites: set[Block] = set()
        self.served = [b for b, r in self.rows.items() if self.is_exception(r)]
        self.served = [b for b in self.served if node["name"] in self.rows[b]["providers"]]

    # Delegations.

    def best_row(self, prefix: Block) -> dict[str, Any] | None:
        fitting = [block for block in self.rows if covers(block, prefix)]
        return self.rows[max(fitting, key=lambda b: len(b[1]))] if fitting else None

    def around(self, block: Block) -> dict[str, Any] | None:
        larger = [b for b in self.rows if covers(b, block) and b != block]
        return self.rows[max(larger, key=lambda b: len(b[1]))] if larger else None

    def left(self, row: dict[str, Any]) -> dict[str, Any] | None:
        """The row around one that went to another provider."""
        around = self.around(row["block"])
        if around is None or not row["providers"] or around["holder"] in row["providers"]:
            return None
        return around if around["holder"] in row["lineage"] else None

    def is_exception(self, row: dict[str, Any]) -> bool:
        left = self.left(row)
        if left is None:
            return False
        rivals = [r for r in self.rows.values() if self.left(r) is left]
        return bool(rivals.index(row) < left["cap"])

    # Who is believed.

    def believes(self, role: str, neighbor: str, prefix: Block) -> bool:
        afi, text = prefix
        if len(text) == WIDTH[afi]:
            return False
        if not text:
            return role in ABOVE
        if within(self.node["non_lisp"], prefix):
            return False
        if any(covers(prefix, remote) for remote in self.node["remotes"]):
            return False
        row = self.best_row(prefix)
        if role in ABOVE:
            return not within(self.own, prefix) and not within(self.served, prefix)
        holds_own = any(covers(prefix, block) for block in self.own)
        if role == "local":
            if row and row["holder"] in self.here:
                return self.fits(row, prefix)
            if (not within(self.own, prefix) and not within(self.served, prefix)) or row is None:
                return False
            elsewhere = row["providers"] and self.node["name"] not in row["providers"]
            return not elsewhere and self.fits(row, prefix)
        if row is None or not self.fits(row, prefix):
            return False
        if role == "peer":
            level = self.node["level"]
            fitting = row["level"] == level and len(text) <= LONGEST[level, afi]
            return fitting and not (
                holds_own or within(self.own, prefix) or within(self.served, prefix)
            )
        aggregated = [*self.own, *self.backups]
        left = self.left(row)
        parent_of_left = (
            left is not None
            and left["holder"] not in self.here
            and within(aggregated, left["block"])
        )
        if role == "sibling":
            if holds_own or not within(self.own, prefix) or row["holder"] in self.here:
                return False
        else:
            if any(covers(prefix, block) for block in aggregated):
                return False
            if not within(aggregated, prefix) and not within(self.served, prefix):
                return False
            if neighbor not in (row["providers"] if parent_of_left else [row["holder"]]):
                return False
        if left is not None:
            if not self.is_exception(row):
                return False
            if parent_of_left:
                return bool(prefix == row["block"])
        return not row["providers"] or bool(set(row["providers"]) & self.here)

    def fits(self, row: dict[str, Any], prefix: Block) -> bool:
        return bool(row["valid"]) and len(prefix[1]) <= LONGEST[row["level"], prefix[0]]

    # Which way is best.

    def ways(self) -> dict[Block, Way]:
        """The route in use to each prefix."""
        found: dict[Block, list[Way]] = {}
        for name in self.up:
            tunnel = self.node["tunnels"][name]
            for prefix, (path, backup) in self.heard.get(name, {}).items():
                if self.node["as"] in path or path[:1] != (tunnel["as"],):
                    continue
                if self.believes(tunnel["role"], tunnel["neighbor"], prefix):
                    found.setdefault(prefix, []).append(Way(name, tunnel["role"], path, backup))
        for prefix in self.sites:
            if self.believes("local", "", prefix):
                found.setdefault(prefix, []).append(Way(None, "local"))
        for block in sorted({*self.own, *self.backups}, key=lambda b: -len(b[1])):
            stands_in = block in self.backups and not any(
                way.peer and not way.backup for way in found.get(block, [])
            )
            always = block in self.own and self.node["always"]
            if always or ((stands_in or block in self.own) and self.has_part(block, found)):
                local = Way(None, "local", backup=stands_in)
                found[block] = [local, *(w for w in found.get(block, []) if w.peer)]
        return {prefix: min(ways, key=self.rank) for prefix, ways in found.items()}

    def has_part(self, block: Block, found: dict[Block, list[Way]]) -> bool:
        below = ("child", "sibling", "local")
        return (block in self.sites and self.believes("local", "", block)) or any(
            prefix != block and covers(block, prefix) and any(way.role in below for way in ways)
            for prefix, ways in found.items()
        )

    def rank(self, way: Way) -> tuple[Any, ...]:
        router_id = self.node["tunnels"][way.peer]["as"] if way.peer else 0
        return PREFERENCE[way.role], way.backup, len(way.path), router_id

    # Who is told.

    def told(self, name: str) -> dict[Block, tuple[int, ...]]:
        """The AS path under which a neighbour hears of each prefix."""
        tunnel = self.node["tunnels"][name]
        told = {
            prefix: (self.node["as"], *way.path)
            for prefix, way in self.ways().items()
            if self.may_leave(name, tunnel, prefix, way)
        }
        if tunnel["role"] == "child" and tunnel["export"] == "default":
            told.update({(afi, ""): (self.node["as"],) for afi in WIDTH})
        return told

    def may_leave(self, name: str, tunnel: dict[str, Any], prefix: Block, way: Way) -> bool:
        afi, text = prefix
        if len(text) == WIDTH[afi] or way.peer == name or tunnel["as"] in way.path:
            return False
        own = way.role == "local" and (prefix in self.own or way.backup)
        short = len(text) <= LONGEST.get((self.node["level"], afi), WIDTH[afi] - 1)
        match tunnel["role"]:
            case "parent" | "backup":
                around = self.around(prefix)
                exception = prefix in self.served and around is not None
                served = exception and tunnel["neighbor"] in around["providers"]  # type: ignore[index]
                return (own and not way.backup) or served
            case "peer":
                return own or (way.role == "peer" and short)
            case "sibling":
                part = prefix not in self.own and within(self.own, prefix)
                return way.role in ("child", "local") and part
        if tunnel["export"] == "aggregates":
            return own or (way.role in (*ABOVE, "peer") and short)
        return bool(tunnel["export"] == "full")
