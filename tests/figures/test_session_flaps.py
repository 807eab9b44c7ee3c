"""Routes and sessions that flap over real ExaBGP sessions: nothing leaks, exports stay right."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from alt.bgp.supervisor import Timing
from alt.effects import Announce, Withdraw
from alt.levels import Level
from alt.model import AltConfig, Tunnel
from alt.rib.attributes import PathAttributes
from alt.roles import Role
from tests.alt.control.pilot import AS_OF, arin, eids, mspa, tunnel
from tests.alt.control.speaking import SpeakingNode, namespaces
from tests.figures.record import scaled, wanted

SECONDS = 10
FLAPS_A_SECOND = 10
FLAPS_OF_A_SESSION = 50
"""Flaps of routes between two in which the neighbour's speaker is killed."""

TIMING = Timing(back_off=0.2, answer=3.0, ping=0.5)
INSIDE = ("198.18.1.0/24", "198.18.2.0/24")
FOREIGN = ("203.0.113.0/24", "10.0.0.0/8")
OWN = frozenset(eids("198.18.0.0/21", "2001:db8:e000::/40"))


def only(config: AltConfig, *tunnels: Tunnel) -> AltConfig:
    return replace(config, tunnels=tunnels)


def flapping() -> AltConfig:
    """A child of mspa that says what it is told to say, its own or not."""
    return AltConfig(
        name="etr1",
        instance_id=0,
        own_as=AS_OF["etr1"],
        router_id="10.254.0.21",
        level=Level.SITE,
        blocks=eids("198.18.1.0/24"),
        delegations=mspa().delegations,
        tunnels=(tunnel("mspa", Role.PARENT, 11, first=False),),
    )


@pytest.mark.slow
@pytest.mark.netns
@pytest.mark.timeout(300 * scaled(1))
def test_flaps_over_sessions_leak_nothing_and_announce_nothing_wrong(tmp_path: Path) -> None:
    choice = random.Random(6836)

    async def storm(above: SpeakingNode, node: SpeakingNode, below: SpeakingNode) -> None:
        leaks = wrong = 0
        [towards] = below.router.config.tunnels
        assert towards.inner is not None
        attributes = PathAttributes((AS_OF["etr1"],), str(towards.inner.ip))
        await above.until(lambda: above.prefixes_from("mspa") == OWN, "the blocks, above")
        await node.until(lambda: node.is_up("etr1"), "the session below")
        flaps = scaled(SECONDS * FLAPS_A_SECOND)
        for number in range(1, flaps + 1):
            text = choice.choice(INSIDE + FOREIGN)
            if number % FLAPS_OF_A_SESSION == 0 and below.speaker.supervisor.pid is not None:
                os.kill(below.speaker.supervisor.pid, signal.SIGKILL)
            elif choice.random() < 0.5:
                below.speaker.execute([Announce("mspa", eids(text), attributes)])
            else:
                below.speaker.execute([Withdraw("mspa", eids(text))])
            await asyncio.sleep(1 / FLAPS_A_SECOND)
            heard = above.prefixes_from("mspa")
            leaks += len(heard - OWN)
            wrong += heard != OWN
        wanted("BGP flaps over sessions, 10 a second: leaks", leaks, 0, flaps)
        wanted("BGP flaps over sessions, 10 a second: wrong exports", wrong, 0, flaps)
        assert any(type(event).__name__ == "UpdateReceived" for event in node.events)
        assert any(type(event).__name__ == "PeerDown" for event in node.events)
        assert (leaks, wrong) == (0, 0)
        assert above.faults == []

    async def scenario(first: str, second: str, third: str) -> None:
        parent = only(arin(), tunnel("mspa", Role.CHILD, 6))
        middle = only(
            mspa(), tunnel("arin", Role.PARENT, 6, first=False), tunnel("etr1", Role.CHILD, 11)
        )
        nodes = [
            SpeakingNode(config, tmp_path / config.name, namespace=namespace, timing=TIMING)
            for config, namespace in ((parent, first), (middle, second), (flapping(), third))
        ]
        async with nodes[0].running(), nodes[1].running(), nodes[2].running():
            await storm(*nodes)

    with namespaces() as made:
        first, second, third = made.add("arin"), made.add("mspa"), made.add("etr1")
        made.join(6, first, second)
        made.join(11, second, third)
        asyncio.run(scenario(first, second, third))
