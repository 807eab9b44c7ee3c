"""How fast the ALT's control plane settles.

    python -m benchmarks.alt_convergence [--prefixes 10000 100000]

End to end: a BIRD above announces so many prefixes over real userspace GRE to one
node; the time runs from the session's start to End-of-RIB with all in the Loc-RIB.
It takes root and network namespaces. In process: a region's router with 100
children, each up and announcing its own blocks; the time runs until every
neighbour is told what it is to know.
"""

from __future__ import annotations

import argparse
import ipaddress
import statistics
import time
from datetime import date
from typing import Final

from alt.bgp.events import AltEvent, EndOfRibReceived, OpenReceived, PeerUp, UpdateReceived
from alt.delegation import Delegation
from alt.levels import FAMILIES, Level
from alt.model import AltConfig, Tunnel
from alt.rib.attributes import PathAttributes
from alt.roles import Role
from alt.router import AltRouter
from mapsys.eid import EidPrefix, Family
from tests.alt.lab.check_large import seconds_to_settle

CHILDREN: Final = 100
BLOCKS_EACH: Final = 4
ROUNDS: Final = 5
FIRST_AS: Final = 4_200_000_000
TODAY: Final = date(2027, 1, 31)
REGION: Final = EidPrefix.parse("198.16.0.0/12")
PROTOTYPE: Final = {100_000: 5.9}
"""Seconds end to end, by a prototype."""


def blocks() -> list[EidPrefix]:
    """One /21 after another out of the region's block."""
    first = REGION.network
    count = CHILDREN * BLOCKS_EACH
    return [EidPrefix(0, Family.IPV4, first + (n << 11), 21) for n in range(count)]


def configuration() -> AltConfig:
    """A region's router with its children and one parent's worth of peers: none."""
    given = [Delegation(REGION, Level.REGION, "region")]
    given += [
        Delegation(block, Level.MSP, f"child-{n // BLOCKS_EACH}", ("region",))
        for n, block in enumerate(blocks())
    ]
    tunnels = tuple(
        Tunnel(
            name=f"child-{n}",
            remote=str(ipaddress.IPv4Address("192.0.2.1") + n),
            role=Role.CHILD,
            peer_as=FIRST_AS + n,
            neighbor=f"child-{n}",
            key=1000 + n,
            inner=ipaddress.IPv4Interface((int(ipaddress.IPv4Address("10.255.0.0")) + 2 * n, 31)),
        )
        for n in range(CHILDREN)
    )
    return AltConfig(
        name="region",
        instance_id=0,
        own_as=65101,
        router_id="10.254.0.1",
        level=Level.REGION,
        blocks=(REGION,),
        delegations=tuple(given),
        tunnels=tunnels,
    )


def events() -> list[AltEvent]:
    """Every child comes up and says what it has."""
    said: list[AltEvent] = []
    held = blocks()
    for n in range(CHILDREN):
        name = f"child-{n}"
        families = frozenset(FAMILIES)
        said += [OpenReceived(name, n + 1, families, 60, families), PeerUp(name)]
        attributes = PathAttributes(
            next_hop=f"10.255.{(2 * n + 1) >> 8}.{(2 * n + 1) & 255}", as_path=(FIRST_AS + n,)
        )
        own = tuple(held[n * BLOCKS_EACH : (n + 1) * BLOCKS_EACH])
        said.append(UpdateReceived(name, ((attributes, own),)))
        said += [EndOfRibReceived(name, family) for family in FAMILIES]
    return said


def hundred_children() -> float:
    """Seconds of CPU until 100 neighbours are told everything."""
    router, now = AltRouter(configuration(), TODAY), 1000.0
    router.start(now)
    said = events()
    start = time.process_time()
    accepted = sum(len(router.handle(event, now)) for event in said)
    for _ in range(1_000):
        due = router.next_deadline()
        if due is None or due > now + 1.0:
            break
        now = max(now, due)
        accepted += len(router.expire(now))
    seconds = time.process_time() - start
    if not accepted:
        raise RuntimeError("the router took no notice")
    return seconds


def main() -> None:
    """Print one line for each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prefixes", type=int, nargs="*", default=[10_000, 100_000])
    options = parser.parse_args()
    median = statistics.median(hundred_children() for _ in range(ROUNDS))
    count = CHILDREN * BLOCKS_EACH
    print(f"in process, {CHILDREN} children, {count} blocks: {median:.2f} s of CPU, median of 5")
    for prefixes in options.prefixes:
        seconds = seconds_to_settle(prefixes)
        known = PROTOTYPE.get(prefixes)
        beside = "" if known is None else f" (prototype {known} s)"
        print(f"end to end, {prefixes} prefixes from BIRD: {seconds:.1f} s{beside}")


if __name__ == "__main__":
    main()
