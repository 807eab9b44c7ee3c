"""Locators in one line, as every table shows them."""

from __future__ import annotations

from mapsys.cli.output import Item


def locators(item: Item) -> list[str]:
    """Locators as ``192.0.2.1 1/100``; one that is not reachable says so."""
    return [
        f"{one['rloc']} {one['priority']}/{one['weight']}{'' if one['reachable'] else ' down'}"
        for one in item["locators"]
    ]


def mover(one: Item) -> str:
    """An xTR: the address it signed from, and its xTR-ID where it has one."""
    if one["registrant"] == one["host"]:
        return str(one["host"])
    return f"{one['host']} (xTR {one['registrant']})"
