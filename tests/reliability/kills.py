"""kill -9 during registration load: what was acknowledged stays, no replay is accepted."""

from __future__ import annotations

import random
import signal
import time
from dataclasses import dataclass, field

from mapsys.wire.map_notify import MapNotify
from tests.daemon.node import Node
from tests.reliability.load import UNDER_WAY, Peer, configure, peer, register_octets

EIDS = [f"198.18.{1 + number // 200}.{1 + number % 200}" for number in range(400)]
ACKNOWLEDGED = (5, 100)
"""Map-Notifies that are heard before a kill, from one to the other: an instant among messages
under way, on a machine of any speed."""

PATIENCE_SECONDS = 60.0


@dataclass
class Tally:
    """What came out of a number of kills."""

    acknowledged: int = 0
    lost: int = 0
    replays_accepted: int = 0
    acknowledged_of: dict[str, tuple[int, str]] = field(default_factory=dict)
    """By EID: nonce and locator of the last Map-Register that was acknowledged."""
    sent_of: dict[str, list[tuple[int, str]]] = field(default_factory=dict)


def kills(node: Node, count: int, seed: int) -> Tally:
    """Kill a node so many times at random instants, and look each time at what is left."""
    choice = random.Random(seed)
    configure(node, (("site-one", "198.18.0.0/16"),), replay="strict")
    tally = Tally()
    with peer(node.address) as site:
        node.start()
        for _ in range(count):
            _load(site, tally, choice)
            node.end_by(signal.SIGKILL)
            while site.hear(0) is not None:  # too late to count as acknowledged: see _load
                pass
            node.start()
            _look(site, tally)
        node.stop()
    return tally


def _rloc_of(number: int) -> str:
    """One for each Map-Register, so that what is found tells which of them it was."""
    return f"20.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def _load(site: Peer, tally: Tally, choice: random.Random) -> None:
    """Register at full speed; returns at a random instant, with messages under way."""
    enough = tally.acknowledged + choice.randint(*ACKNOWLEDGED)
    deadline = time.monotonic() + PATIENCE_SECONDS
    sent: dict[int, tuple[str, str]] = {}
    under_way = 0
    while tally.acknowledged < enough:
        assert time.monotonic() < deadline, "registrations are not acknowledged"
        while under_way < UNDER_WAY:
            eid = choice.choice(EIDS)
            rloc = _rloc_of(site.nonce)
            nonce = site.register(f"{eid}/32", rloc)
            sent[nonce] = (eid, rloc)
            under_way += 1
            tally.sent_of.setdefault(eid, []).append((nonce, rloc))
        heard = site.hear(1.0)
        if heard is None:
            under_way = 0  # lost in a full buffer, or late; the nonces go on rising
        elif isinstance(heard, MapNotify) and heard.nonce in sent:
            eid, rloc = sent.pop(heard.nonce)
            under_way = max(0, under_way - 1)
            tally.acknowledged += 1
            tally.acknowledged_of[eid] = (heard.nonce, rloc)


def _look(site: Peer, tally: Tally) -> None:
    """Each EID leads where it was last acknowledged to lead, or to what was sent later."""
    found = site.lookup(list(tally.acknowledged_of))
    for eid, (nonce, rloc) in tally.acknowledged_of.items():
        later = {other for number, other in tally.sent_of[eid] if number > nonce}
        if found[eid] != rloc and found[eid] not in later:
            tally.lost += 1
        if found[eid] in later:
            tally.acknowledged_of[eid] = next(
                one for one in reversed(tally.sent_of[eid]) if one[1] == found[eid]
            )
        tally.sent_of[eid] = [tally.acknowledged_of[eid]]
    eid, (nonce, rloc) = max(tally.acknowledged_of.items(), key=lambda item: item[1][0])
    site.send(register_octets(nonce, f"{eid}/32", rloc))
    fresh = site.register("198.18.250.1/32", "192.0.2.1")
    while (heard := site.hear(10.0)) is not None and heard.nonce != fresh:
        tally.replays_accepted += heard.nonce == nonce
    assert heard is not None, "a fresh Map-Register got no acknowledgment after the restart"
