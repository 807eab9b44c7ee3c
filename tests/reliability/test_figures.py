"""The figures that concern a live daemon, at the size that every test run can afford."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.node import Node
from tests.figures.record import wanted
from tests.reliability.amplification import spoofed
from tests.reliability.floods import flood, malformed
from tests.reliability.forked import ForkedNode
from tests.reliability.kills import kills
from tests.reliability.reloads import reloads

GROWTH_KIB = 8 * 1024
"""What the allocator may keep; a leak of one octet a datagram would be seen in the long run."""


pytestmark = pytest.mark.timeout(600)
"""Each takes seconds, on a machine that has nothing else to do."""


@pytest.fixture
def forked(tmp_path: Path) -> Iterator[ForkedNode]:
    node = ForkedNode(tmp_path)
    yield node
    node.close()


@pytest.fixture
def seed() -> int:
    return int.from_bytes(os.urandom(4), "big")


def test_kill_9_during_registration_loses_nothing_acknowledged(
    forked: ForkedNode, seed: int
) -> None:
    tally = kills(forked, 20, seed)
    assert tally.acknowledged > 200
    assert (tally.lost, tally.replays_accepted) == (0, 0), f"seed {seed}"
    wanted("acknowledged registrations lost by kill -9", tally.lost, 0, 20)
    wanted("replays accepted after kill -9", tally.replays_accepted, 0, 20)


def test_malformed_datagrams_are_counted_and_cost_no_memory(node: Node, seed: int) -> None:
    garbage = malformed(node, 100_000, seed)
    assert garbage.faults == 0, f"seed {seed}"
    assert garbage.served == 200
    assert garbage.grown_kib <= GROWTH_KIB
    wanted("KiB grown by malformed datagrams", garbage.grown_kib, GROWTH_KIB, garbage.sent)


def test_a_flood_of_garbage_keeps_no_site_out(node: Node, seed: int) -> None:
    came = flood(node, 10.0, 1_000, seed)
    assert came.garbage > 5_000
    assert came.lost == 0, f"seed {seed}"
    wanted("sites lost in 10 s of garbage", came.lost, 0, came.sites)


def test_reloads_under_load_lose_nothing(node: Node) -> None:
    tally = reloads(node, 10)
    assert (tally.accepted, tally.refused) == (5, 5)
    assert tally.messages >= 20
    assert tally.new_descriptors <= 4
    assert tally.lost == []
    wanted("messages lost in reloads, half of them broken", len(tally.lost), 0, 10)


def test_spoofed_requests_make_no_weapon_of_a_node(seed: int) -> None:
    sent = spoofed(20_000, 200, 2_000, seed)
    assert sent.octets_for_one <= 3.0, f"seed {seed}"
    assert sent.packets_for_one <= 1.0
    wanted("octets sent for one, beyond the bursts", sent.octets_for_one, 3, sent.requests)
    wanted("datagrams sent for one", sent.packets_for_one, 1, sent.requests)
