"""Each router holds what its place takes, and a change below an aggregate stays there.

Regions hold each other's blocks and those of the providers below them, providers the regions' and
what is below themselves, the Map-Resolver the regions' alone. Then a registered site goes and comes
back, and so does one that speaks BGP.
"""

from __future__ import annotations

import time
from typing import Any, Final

from mapsys.lab.scenario import Measured, require
from mapsys.lab.waiting import wait_for
from mapsys.lab.whole import WholeLab

BY_BGP: Final = "etr1"
REGISTERED: Final = "site-three"


def run(lab: WholeLab) -> Measured:
    alt = lab.alt
    speaker = alt.gobgp(BY_BGP)
    (its,) = held_by(lab, BY_BGP)
    speaker.announce(its)
    try:
        measured = {f"held by {name}": held(lab, name) for name in (*alt.own, "apnic", "lacnic")}
        measured[f"{REGISTERED} withdraws, and comes back"] = registered(lab)
        measured[f"{BY_BGP} withdraws {its}, and announces it again"] = by_bgp(lab, its)
    finally:
        speaker.withdraw(its)
    return measured


def held_by(lab: WholeLab, holder: str) -> list[str]:
    """The blocks delegated to somebody."""
    return [d["block"] for d in lab.alt.topology.delegations if d["holder"] == holder]


def expected(lab: WholeLab, name: str) -> set[str]:
    """What a router has to hold by the delegations: no more, and no less."""
    level = lab.alt.topology.node(name).level
    delegations: list[dict[str, Any]] = lab.alt.topology.delegations
    found = {one["block"] for one in delegations if one["level"] == "region"}
    for one in delegations:
        below = name in (one.get("provider"), *one.get("providers", ()))
        if below or (level == "msp" and one["holder"] == name):
            found.add(one["block"])
    return found


def held(lab: WholeLab, name: str) -> str:
    """What a router holds, once it is what is expected of it."""
    alt, wanted = lab.alt, expected(lab, name)
    prefixes = alt.own[name].prefixes if name in alt.own else alt.foreign[name].prefixes
    wait_for(lambda: prefixes() == wanted, f"{name} to have {sorted(wanted)}", found=prefixes)
    lengths = sorted(int(prefix.partition("/")[2]) for prefix in wanted)
    counted = [f"{lengths.count(length)} /{length}" for length in sorted(set(lengths))]
    return f"{len(wanted)} prefixes: {', '.join(counted)}"


def registered(lab: WholeLab) -> str:
    """A site that registers goes, and comes back."""
    etr = lab.alt.etrs[REGISTERED]
    server = lab.alt.own[etr.site.at]
    prefix = etr.site.prefix
    mark = time.time()
    etr.withdraw()
    wait_for(lambda: prefix not in server.prefixes(), f"{prefix} to go")
    denied = lab.alt.itr.ask(prefix.partition("/")[0])
    etr.register()
    etr.wait_until_settled()
    wait_for(lambda: prefix in server.prefixes(), f"{prefix} to come back")
    quiet = lab.alt.quiet_since(mark)
    require(denied.answer is not None and denied.answer.is_negative, f"meanwhile {denied}")
    return f"no UPDATE in {quiet} tunnels; denied meanwhile"


def by_bgp(lab: WholeLab, prefix: str) -> str:
    """A site that speaks BGP withdraws, and announces again."""
    alt = lab.alt
    (end,) = alt.topology.ends(BY_BGP)
    server = alt.own[end.other.name]
    mark = time.time()
    alt.gobgp(BY_BGP).withdraw(prefix)
    wait_for(lambda: prefix not in server.prefixes(), f"{prefix} to go")
    alt.gobgp(BY_BGP).announce(prefix)
    wait_for(lambda: prefix in server.prefixes(), f"{prefix} to come back")
    key = alt.topology.key(end.number, 0)
    quiet = alt.quiet_since(mark, but=frozenset({key}))
    return f"UPDATEs in its own tunnel to {server.name}, none in the other {quiet}"
