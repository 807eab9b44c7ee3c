"""Two ALT instances on the same nodes, with the same addresses in both."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from mapsys.lab.errors import CheckFailed
from mapsys.lab.itr import locators
from mapsys.lab.lab import Lab, running
from mapsys.lab.topology import load
from mapsys.lab.waiting import wait_for
from tests.alt.lab.report import Check

TOPOLOGY: Final = "two-instances.yaml"
EID: Final = "198.18.2.9"
SITE: Final = "198.18.2.0/24"
SITE_OF: Final = {0: "site-two", 100: "site-two-of-100"}
"""By instance-ID, the site that has SITE in it."""

_WITHOUT_ALT: Final = 7


@contextlib.contextmanager
def instances(keep: Path | None = None) -> Iterator[Lab]:
    """The network with both instances up. Raises LabError, CheckFailed."""
    with running(load(TOPOLOGY), keep=keep) as lab:
        for instance_id in SITE_OF:
            wait_for(
                partial(_is_known_at, lab, "mr1", instance_id),
                f"mr1 to have arin's block in instance-ID {instance_id}",
            )
        yield lab


def _is_known_at(lab: Lab, node: str, instance_id: int) -> bool:
    rows = lab.own[node].rows("routes")
    return any((r["instance_id"], r["eid_prefix"]) == (instance_id, "198.18.0.0/19") for r in rows)


def same_eid_in_both(lab: Lab) -> str:
    found = []
    for instance_id, site in SITE_OF.items():
        asked = lab.itr.ask(EID, instance_id=instance_id)
        rloc = lab.topology.site(site).rloc
        if asked.answer is None or locators(asked.answer) != [rloc]:
            raise CheckFailed(f"instance-ID {instance_id}: {asked}; {site} is at {rloc}")
        keys = {hop.key for hop in lab.capture.hops(asked.nonces[-1])}
        if keys != {instance_id}:
            raise CheckFailed(f"instance-ID {instance_id} went through the keys {keys}")
        found.append(f"[{instance_id}] {asked}")
    return "; ".join(found)


def withdrawn_in_one(lab: Lab) -> str:
    etr = lab.etrs[SITE_OF[100]]
    etr.withdraw()
    try:
        gone = lab.itr.ask(EID, instance_id=100)
        stays = lab.itr.ask(EID, instance_id=0)
    finally:
        etr.register()
        etr.wait_until_settled()
    if gone.answer is None or not gone.answer.is_negative:
        raise CheckFailed(f"[100] {gone}")
    if stays.answer is None or stays.answer.is_negative:
        raise CheckFailed(f"[0] {stays}")
    return f"[100] {gone}; [0] {stays}"


def instance_without_alt(lab: Lab) -> str:
    asked = lab.itr.ask(EID, instance_id=_WITHOUT_ALT, count=1, timeout_seconds=1.0)
    hops = lab.capture.hops(asked.nonces[-1])
    if hops or (asked.answer is not None and not asked.answer.is_negative):
        raise CheckFailed(f"[{_WITHOUT_ALT}] {asked}, {len(hops)} hops")
    return f"[{_WITHOUT_ALT}] {asked}; not on the ALT"


def told_apart_on_the_bridge(lab: Lab) -> str:
    bgp: Counter[int] = Counter()
    lisp: Counter[tuple[int, str]] = Counter()
    for key, kind, instance_id in lab.capture.rows(
        "gre && (bgp || lisp)", "gre.key", "lisp.type", "lisp.lcaf.iid"
    ):
        if kind:
            lisp[int(key, 16), instance_id or "0"] += 1
        else:
            bgp[int(key, 16)] += 1
    found = f"BGP packets by key {dict(bgp)}, Map-Requests by key and instance-ID {dict(lisp)}"
    if bgp.keys() != SITE_OF.keys() or any(str(key) != inside for key, inside in lisp):
        raise CheckFailed(found)
    return found


CHECKS: Final[tuple[Check[Lab], ...]] = (
    Check(
        "I1",
        f"{EID} is asked for in instance-ID 0 and in 100",
        "each answered with the locator of its own site, over tunnels of its own key",
        same_eid_in_both,
    ),
    Check(
        "I2",
        f"the site in instance-ID 100 withdraws {SITE}",
        "denied in 100, and answered as before in 0",
        withdrawn_in_one,
    ),
    Check(
        "I3",
        f"{EID} is asked for in instance-ID {_WITHOUT_ALT}, which has no ALT",
        "no mapping, and no packet on either ALT",
        instance_without_alt,
    ),
    Check(
        "I4",
        "what tshark reads on the bridge",
        "the same addresses under the keys 0 and 100; Map-Requests of 100 say so inside",
        told_apart_on_the_bridge,
    ),
)
