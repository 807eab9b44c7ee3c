"""Our speakers among themselves, each a real ExaBGP in its own namespace."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from alt.bgp.events import OriginateLocal, UpdateReceived, WithdrawLocal
from alt.bgp.supervisor import Timing
from alt.effects import Resume, Suspend, Teardown
from alt.levels import FAMILIES
from alt.model import AltConfig, Tunnel
from alt.roles import Role
from mapsys.config.secret import Secret
from tests.alt.control.pilot import TODAY, arin, eid, moved, mspa, mspb, tunnel
from tests.alt.control.speaking import SpeakingNode, ip, namespaces

pytestmark = pytest.mark.netns

TIMING = Timing(back_off=0.2, answer=3.0, ping=0.5)


def only(config: AltConfig, *tunnels: Tunnel) -> AltConfig:
    return replace(config, tunnels=tunnels)


def updates(node: SpeakingNode) -> int:
    return sum(isinstance(event, UpdateReceived) for event in node.events)


def signal_speaker(node: SpeakingNode, number: signal.Signals) -> None:
    pid = node.speaker.supervisor.pid
    assert pid is not None
    os.kill(pid, number)


def test_routes_cross_in_both_families_and_outlive_a_dead_or_frozen_speaker(
    tmp_path: Path,
) -> None:
    """With TCP MD5 and GTSM, as between two organisations."""

    async def scenario(first: str, second: str) -> None:
        guard = {"md5": Secret(b"quite-a-secret"), "gtsm": True, "hold_seconds": 9}
        above = only(arin(), tunnel("mspa", Role.CHILD, 6, **guard))
        below = only(mspa(), tunnel("arin", Role.PARENT, 6, first=False, **guard))
        parent = SpeakingNode(above, tmp_path / "arin", namespace=first, timing=TIMING)
        child = SpeakingNode(below, tmp_path / "mspa", namespace=second, timing=TIMING)
        async with parent.running(), child.running():
            for text in ("198.18.0.0/21", "2001:db8:e000::/40"):
                await parent.until(lambda text=text: parent.uses(text, "mspa"), text)
            for text in ("198.18.0.0/19", "2001:db8:e000::/38"):
                await child.until(lambda text=text: child.uses(text, "arin"), text)
            for family in FAMILIES:
                await child.until(
                    lambda family=family: child.router.knows_what_is_missing(family), "EOR"
                )
            assert parent.speaker.faults == child.speaker.faults == {}

            heard = updates(parent)
            child.handle(OriginateLocal(eid("198.18.2.0/24")))
            await asyncio.sleep(0.5)
            assert updates(parent) == heard, "a site is no matter of the parent"

            for deadly in (signal.SIGKILL, signal.SIGSTOP):
                losses = parent.speaker.faults["speaker-lost"]
                signal_speaker(parent, deadly)
                await parent.until(
                    lambda losses=losses: parent.speaker.faults["speaker-lost"] > losses, "loss"
                )
                assert parent.uses("198.18.0.0/21", "mspa"), "kept for the graceful time"
                await parent.until(lambda: parent.is_up("mspa"), "up again")
                await parent.until(
                    lambda: set(FAMILIES) <= parent.router.peers["mspa"].complete, "EOR again"
                )
                assert parent.uses("198.18.0.0/21", "mspa")
                await child.until(lambda: child.uses("198.18.0.0/19", "arin"), "back below")
            assert parent.speaker.faults["speaker-stalled"] == 1

    with namespaces() as made:
        first, second = made.add("arin"), made.add("mspa")
        made.join(6, first, second)
        for namespace in (first, second):
            # As an overlay namespace has it: else GTSM loses the handshake.
            ip(f"netns exec {namespace} sysctl -qw net.ipv4.ip_default_ttl=255")
        asyncio.run(scenario(first, second))


def test_a_neighbour_is_added_held_off_and_taken_back_while_others_stay_up(
    tmp_path: Path,
) -> None:
    async def scenario(first: str, second: str, third: str) -> None:
        to_mspa = tunnel("mspa", Role.CHILD, 6)
        to_mspb = tunnel("mspb", Role.CHILD, 9, max_prefix=1, hold_off_seconds=3)
        before = only(arin(delegations=moved()), to_mspa)
        after = only(before, to_mspa, to_mspb)
        lower_a = only(mspa(), tunnel("arin", Role.PARENT, 6, first=False))
        lower_b = only(mspb(delegations=moved()), tunnel("arin", Role.PARENT, 9, first=False))
        parent = SpeakingNode(before, tmp_path / "arin", namespace=first, timing=TIMING)
        stays = SpeakingNode(lower_a, tmp_path / "mspa", namespace=second, timing=TIMING)
        comes = SpeakingNode(lower_b, tmp_path / "mspb", namespace=third, timing=TIMING)
        async with parent.running(), stays.running(), comes.running():
            await parent.until(lambda: parent.uses("198.18.0.0/21", "mspa"), "first child up")
            effects = parent.router.reconfigure(after, TODAY, asyncio.get_running_loop().time())
            parent.speaker.execute(effects)
            await parent.speaker.reconfigure(after)
            await parent.until(lambda: parent.uses("198.18.32.0/21", "mspb"), "second child up")

            comes.handle(OriginateLocal(eid("198.18.1.0/24")))
            await parent.until(lambda: Suspend("mspb") in parent.effects, "held off")
            assert Teardown("mspb", "max-prefix", 1) in parent.effects
            assert not parent.prefixes_from("mspb")
            await comes.until(lambda: not comes.is_up("arin"), "closed")
            comes.handle(WithdrawLocal(eid("198.18.1.0/24")))
            await parent.until(lambda: Resume("mspb") in parent.effects, "hold-off ended")
            await parent.until(lambda: parent.uses("198.18.32.0/21", "mspb"), "taken back")
            names = [type(event).__name__ for event in stays.events]
            assert "PeerDown" not in names[names.index("PeerUp") :], "the other one stays up"
            assert parent.speaker.faults == {}

    with namespaces() as made:
        first, second, third = made.add("arin"), made.add("mspa"), made.add("mspb")
        made.join(6, first, second)
        made.join(9, first, third)
        asyncio.run(scenario(first, second, third))
