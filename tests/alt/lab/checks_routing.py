"""Checks 6, 7, 14 and 15: what becomes of a change, and of what must not be announced."""

from __future__ import annotations

import time
from typing import Any, Final

from mapsys.lab.errors import CheckFailed
from mapsys.lab.lab import SETTLE_SECONDS
from mapsys.lab.waiting import wait_for
from tests.alt.lab.pilot import ALT_SITE, Pilot
from tests.alt.lab.report import Check


def site_below_an_aggregate(network: Pilot) -> str:
    etr = network.lab.etrs["site-three"]
    mark = time.time()
    etr.withdraw()
    seconds = wait_for(
        lambda: etr.site.prefix not in network.routes("mspa"), f"{etr.site.prefix} to go"
    )
    quiet = network.lab.quiet_since(mark)
    denied = network.lab.itr.ask("198.18.3.17")
    etr.register()
    etr.wait_until_settled()
    wait_for(lambda: etr.site.prefix in network.routes("mspa"), f"{etr.site.prefix} to come back")
    if denied.answer is None or not denied.answer.is_negative:
        raise CheckFailed(f"meanwhile: {denied}")
    return (
        f"gone at mspa after {seconds * 1000:.0f} ms; no UPDATE in {quiet} tunnels;"
        f" meanwhile {denied}"
    )


def site_by_bgp(network: Pilot) -> str:
    etr1 = network.lab.gobgp("etr1")
    mark = time.time()
    etr1.withdraw(ALT_SITE)
    seconds = wait_for(lambda: ALT_SITE not in network.routes("mspa"), f"{ALT_SITE} to go")
    quiet = network.lab.quiet_since(mark, but=frozenset({1011}))
    etr1.announce(ALT_SITE)
    wait_for(lambda: ALT_SITE in network.routes("mspa"), f"{ALT_SITE} to come back")
    return f"gone at mspa {seconds * 1000:.0f} ms later; no UPDATE in the other {quiet} tunnels"


def undelegated(network: Pilot) -> str:
    etr1 = network.lab.gobgp("etr1")
    strangers = ("198.18.7.0/24", "203.0.113.0/24")
    inside = "198.18.1.128/26"
    mark = time.time()
    etr1.announce(*strangers, inside)
    try:
        mspa = network.lab.own["mspa"]
        reasons = [mspa.wait_for_refusal("etr1", prefix) for prefix in strangers]
        wait_for(lambda: inside in network.routes("mspa"), f"mspa to accept {inside}")
        quiet = network.lab.quiet_since(mark, but=frozenset({1011}))
    finally:
        etr1.withdraw(*strangers, inside)
    return f"{', '.join(reasons)}; {inside} accepted, and no UPDATE in the other {quiet} tunnels"


def leaks_of_a_peer(network: Pilot) -> str:
    apnic = network.lab.bird("apnic")
    apnic.configure("leaks")
    try:
        reasons = {
            network.lab.own[node].wait_for_refusal("apnic", "198.18.70.0/24")
            for node in ("arin", "ripe")
        }
        time.sleep(SETTLE_SECONDS)
        told = network.lab.frr("lacnic").prefixes() | network.routes("mspa")
    finally:
        apnic.configure("bird")
    if reasons != {"more-specific-on-horizontal"} or "198.18.70.0/24" in told:
        raise CheckFailed(f"198.18.70.0/24: {reasons}, known elsewhere: {sorted(told)}")
    _wait_for_acceptance(network, "arin", "apnic", "198.18.70.0/24")
    return "more-specific-on-horizontal at arin and ripe; nobody else hears of it"


def block_of_another(network: Pilot) -> str:
    apnic = network.lab.bird("apnic")
    apnic.configure("leaks")
    try:
        reason = network.lab.own["arin"].wait_for_refusal("apnic", "198.18.0.0/19")
    finally:
        apnic.configure("bird")
    if reason != "own-block":
        raise CheckFailed(f"198.18.0.0/19 at arin: {reason}")
    # What apnic passes on of ripe's own, it passes on with a longer path.
    candidates = _candidates(network, "arin", "198.18.32.0/19")
    paths = {row["peer"]: row["as_path"] for row in candidates}
    used = [row["peer"] for row in candidates if row["in_use"]]
    if used != ["ripe"] or not len(paths["ripe"]) < len(paths.get("apnic", [])):
        raise CheckFailed(f"198.18.32.0/19 at arin: {paths}, in use by {used}")
    return f"198.18.0.0/19: own-block; 198.18.32.0/19: {paths}, and ripe's own is the best"


def _candidates(network: Pilot, node: str, prefix: str) -> list[dict[str, Any]]:
    rows = network.lab.own[node].rows("routes")
    return [row for row in rows if row["eid_prefix"] == prefix]


def _wait_for_acceptance(network: Pilot, node: str, peer: str, prefix: str) -> None:
    wait_for(
        lambda: prefix not in network.lab.own[node].refusals(peer),
        f"{node} to hear no more of {prefix} of {peer}",
    )


CHECKS: Final[tuple[Check[Pilot], ...]] = (
    Check(
        "6",
        "site-three withdraws 198.18.3.16/28 at mspa",
        "gone at mspa; no UPDATE in any tunnel",
        site_below_an_aggregate,
    ),
    Check(
        "7",
        "etr1 withdraws 198.18.1.0/24 by BGP",
        "gone at mspa; no UPDATE in any other tunnel",
        site_by_bgp,
    ),
    Check(
        "7a",
        "etr1 announces what it was not given: 198.18.7.0/24, 203.0.113.0/24; and 198.18.1.128/26",
        "the first two refused, the third accepted; nothing of it above mspa",
        undelegated,
    ),
    Check(
        "14",
        "apnic announces 198.18.70.0/24 to other regions",
        "refused as more-specific-on-horizontal, and passed on by nobody",
        leaks_of_a_peer,
    ),
    Check(
        "15",
        "apnic announces arin's block 198.18.0.0/19, and passes on ripe's",
        "the first refused at arin as own-block; the second only an alternative with a longer path",
        block_of_another,
    ),
)
