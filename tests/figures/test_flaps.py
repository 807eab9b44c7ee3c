"""Neighbours that come and go ten times a second: nothing leaks, and what is announced is right."""

from __future__ import annotations

import random

from mapsys.eid import EidPrefix
from tests.alt.control.pilot import Driven, mspa
from tests.figures.record import scaled, wanted

SECONDS = 10
FLAPS_A_SECOND = 10
INSIDE = ("198.18.1.0/24", "198.18.2.0/24")
"""What the child may announce; whatever is longer than a block stays below this node."""

FOREIGN = ("203.0.113.0/24", "10.0.0.0/8")


def test_a_storm_of_flaps_leaks_nothing_and_announces_nothing_wrong() -> None:
    choice, node = random.Random(1), Driven(mspa())
    node.up("arin")
    quiet = {peer: set(held) for peer, held in node.told.items()}
    own = quiet["arin"]
    assert own, "the node's own blocks are announced above"
    leaks = wrong = flaps = 0
    is_up = False
    while flaps < scaled(SECONDS * FLAPS_A_SECOND):
        kind = choice.randrange(4)
        if kind == 0 and is_up:
            node.down("etr1", clean=choice.random() < 0.5)
            is_up = False
        elif not is_up:
            node.up("etr1")
            is_up = True
        elif kind == 1:
            node.hear("etr1", choice.choice(FOREIGN))
        elif kind == 2:
            node.withdraw("etr1", choice.choice(INSIDE))
        else:
            node.hear("etr1", choice.choice(INSIDE))
        flaps += 1
        node.pass_time(1 / FLAPS_A_SECOND)
        above: set[EidPrefix] = set(node.told["arin"])
        leaks += len(above - own)
        wrong += above != own
    wanted("BGP flaps, 10 a second: leaks", leaks, 0, flaps)
    wanted("BGP flaps, 10 a second: wrong exports", wrong, 0, flaps)
    assert (leaks, wrong) == (0, 0)
