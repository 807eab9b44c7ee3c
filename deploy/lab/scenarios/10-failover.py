"""A provider's region dies, and its other parent stands in.

The provider mspb has two parents, ripe and, as a backup, arin. The whole node ripe is killed. When
the others' hold timers are over, arin announces ripe's block, marked as a stand-in, and passes the
Map-Requests on to mspb itself; when ripe is back, it stops. An ITR asks for a site of mspb's all
the time.
"""

from __future__ import annotations

import time
from typing import Final

from mapsys.lab.asking import Asking
from mapsys.lab.scenario import Measured, require
from mapsys.lab.waiting import wait_for
from mapsys.lab.whole import WholeLab

LOST: Final = "ripe"
BACKUP: Final = "arin"
WITNESS: Final = "apnic"
PROVIDER: Final = "mspb"
COMMUNITY: Final = "(64512,6836)"
"""Marks a block as announced by somebody who stands in."""
REQUESTS: Final = 20


def run(lab: WholeLab) -> Measured:
    alt = lab.alt
    wait_for(alt.is_up, "every session to be up", found=alt.sessions_down)
    witness = alt.bird(WITNESS)
    (block,) = alt.topology.node(LOST).blocks
    eid = lab.hosts["host-b"].address
    rlocs = tuple(lab.topology.router("beta").rlocs)
    with Asking(alt.itr, eid) as asking:
        began = time.monotonic()
        alt.own[LOST].kill()
        try:
            wait_for(lambda: COMMUNITY in witness.routes(block), f"{WITNESS} to hear {BACKUP}")
            stands_in = time.monotonic() - began
            asked = alt.itr.ask(eid)
            ways = [hop.key for hop in alt.capture.hops(asked.nonces[-1])]
            failed = len(asking.unanswered)
            before = asking.asked
            wait_for(lambda: asking.asked >= before + REQUESTS, f"{REQUESTS} questions")
        finally:
            began = time.monotonic()
            alt.own[LOST].launch()
        alt.own[LOST].wait_until_serving()
        wait_for(alt.is_up, "every session to be up again", found=alt.sessions_down)
        wait_for(lambda: COMMUNITY not in witness.routes(block), f"{BACKUP} to stop")
        back = time.monotonic() - began
        before = asking.asked
        wait_for(lambda: asking.asked >= before + REQUESTS, f"{REQUESTS} more questions")
    (own_tunnel,) = (
        alt.topology.key(end.number, 0)
        for end in alt.topology.ends(BACKUP)
        if end.other.name == PROVIDER
    )
    require(
        ways[-1:] == [own_tunnel], f"went by the tunnels {ways}, not to {PROVIDER} from {BACKUP}"
    )
    require(set(asking.answers) == {rlocs}, f"answered {asking.answers}")
    # One may have been under way when the stand-in came.
    require(len(asking.unanswered) <= failed + 1, f"unanswered: {asking.unanswered}")
    return {
        "stand-in at a third region": f"{stands_in:.1f} s after the kill; hold time 9 s",
        f"{LOST} back": f"{back:.1f} s after its start",
        "Map-Requests over both changes": (
            f"{asking.asked}, {len(asking.unanswered)} unanswered; {failed} before the stand-in"
        ),
        "way meanwhile": f"by {BACKUP}'s own tunnel to {PROVIDER}, key {own_tunnel}",
    }
