"""Hours of registrations that change and of lookups: neither memory nor descriptors grow."""

from __future__ import annotations

import random
import time
from typing import Final, NamedTuple

from mapsys.core.history import HISTORY_PER_EID
from mapsys.core.replay import SUPERSEDED_LIFETIMES
from mapsys.event_ring import RING_LIMIT
from tests.daemon.node import Node
from tests.reliability.floods import OWN
from tests.reliability.load import configure, descriptors, peer, resident_kib

EIDS: Final = 250
LIFETIME_SECONDS: Final = 60
PROOF_EVERY: Final = 50
"""Map-Registers from one that proves where they come from to the next."""

LEARNT_LIMIT: Final = 65_536
"""Map-Registers, and answers, that the native datapath learns before it forgets them all: places in
tables whose memory is taken as they are used (``native/reply_refreshes.pxi``)."""

FULL_AFTER: Final = max(RING_LIMIT, 2 * HISTORY_PER_EID * EIDS, LEARNT_LIMIT) + 1_000
"""Map-Registers until all this is full, the history of EIDs drawn by chance included."""


class Soaked(NamedTuple):
    """messages: sent in all. silent: Map-Registers without a Map-Notify.

    filling_seconds: until all that is bounded was full; grown_kib and new_descriptors
    are of the time from then on.
    """

    messages: int
    silent: int
    filling_seconds: float
    grown_kib: int
    new_descriptors: int
    faults: int


def soak(node: Node, seconds: float, seed: int) -> Soaked:
    """Fill what is bounded, then go on for so long."""
    choice, messages, silent = random.Random(seed), 0, 0
    configure(node, (("site-one", "198.18.0.0/16"),), lifetime_seconds=LIFETIME_SECONDS)
    node.start()
    assert node.process is not None
    pid, began = node.process.pid, time.monotonic()
    superseded_are_full = began + SUPERSEDED_LIFETIMES * LIFETIME_SECONDS
    full_at: float | None = None
    before = 0, 0
    with peer(node.address, OWN) as site:
        while full_at is None or time.monotonic() < full_at + seconds:
            eid = f"198.18.1.{choice.randrange(EIDS)}"
            # Its own address now and then: else it is a stranger, to whom little is granted.
            is_proof = messages % (2 * PROOF_EVERY) == 0
            rloc = OWN if is_proof else f"192.0.2.{choice.randrange(1, 255)}"
            site.register(f"{eid}/32", rloc)
            silent += site.hear(10.0) is None
            site.lookup([eid])
            messages += 2
            is_full = messages >= 2 * FULL_AFTER and time.monotonic() >= superseded_are_full
            if full_at is None and is_full:
                full_at, before = time.monotonic(), (resident_kib(pid), descriptors(pid))
    grown = resident_kib(pid) - before[0], descriptors(pid) - before[1]
    faults = len(node.named("fault"))
    node.stop()
    return Soaked(messages, silent, full_at - began, *grown, faults)
