"""Which locator a flow takes: the best priority that can be used, by weight (RFC 9301, 5.4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from mapsys.wire.address import Ipv4, Ipv6
from mapsys.wire.records import RlocRecord

NOT_FOR_UNICAST: Final = 255


def chosen_locator(
    rlocs: Sequence[RlocRecord],
    flow_hash: int,
    may_use: Callable[[int, str], bool],
) -> str | None:
    """The address to encapsulate to; None where none can be used.

    may_use: is asked with a locator's place in the record and its address. Packets of
    one flow_hash take the same locator while the set stays; locators without any
    weight share alike.
    """
    usable = [
        (rloc, rloc.rloc.text)
        for place, rloc in enumerate(rlocs)
        if isinstance(rloc.rloc, Ipv4 | Ipv6)
        and rloc.priority != NOT_FOR_UNICAST
        and rloc.reachable
        and may_use(place, rloc.rloc.text)
    ]
    if not usable:
        return None
    best = min(rloc.priority for rloc, _ in usable)
    candidates = [(rloc.weight, host) for rloc, host in usable if rloc.priority == best]
    total = sum(weight for weight, _ in candidates)
    if not total:
        return candidates[flow_hash % len(candidates)][1]
    left = flow_hash % total
    for weight, host in candidates:
        if left < weight:
            return host
        left -= weight
    raise AssertionError("a hash below the sum of weights falls into one of them")


def unicast_hosts(rlocs: Sequence[RlocRecord]) -> list[str]:
    """The addresses that packets may go to, in record order."""
    return [
        rloc.rloc.text
        for rloc in rlocs
        if isinstance(rloc.rloc, Ipv4 | Ipv6) and rloc.priority != NOT_FOR_UNICAST
    ]
