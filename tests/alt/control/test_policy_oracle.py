"""100,000 random announcements against what the delegations say, worked out independently.

The oracle below knows prefixes as strings of bits and delegations as rows of a
list that it scans in full; it shares no code with the policy.
"""

from __future__ import annotations

import random
from collections import Counter

from alt.delegation import Delegation
from alt.levels import Level
from alt.model import AltConfig
from alt.policy import ImportPolicy
from alt.roles import Role
from mapsys.eid import EidPrefix
from tests.alt.control.pilot import PLAN, TODAY, arin, delegation, eids, moved, mspa, mspb, tunnel

ANNOUNCEMENTS = 100_000

LONGEST = {  # the pilot's plan
    ("region", 32): 19,
    ("region", 128): 38,
    ("msp", 32): 21,
    ("msp", 128): 40,
    ("site", 32): 28,
    ("site", 128): 64,
}


def bits(prefix: EidPrefix) -> str:
    return format(prefix.network, f"0{prefix.width}b")[: prefix.length]


class Oracle:
    """What a node believes, from the written rules alone."""

    def __init__(self, config: AltConfig) -> None:
        self.me = config.name
        self.level = config.level.value
        self.rows = [
            (
                d.block.width,
                bits(d.block),
                d.level.value,
                d.holder,
                set(d.providers),
                set(d.lineage),
                d.exception_cap,
                (d.valid_from or TODAY) <= TODAY <= (d.valid_until or TODAY),
            )
            for d in config.delegations
        ]
        self.own = [(b.width, bits(b)) for b in config.blocks]
        self.aggregated = self.own + [(b.width, bits(b)) for b in config.backup_blocks]
        self.holes = [(b.width, bits(b)) for b in config.non_lisp]
        self.remotes = [
            "".join(format(int(octet), "08b") for octet in t.remote.split("."))
            for t in config.tunnels
        ]
        self.here = {self.me} | {t.neighbor for t in config.tunnels if t.role is Role.SIBLING}
        self.former = {row[:2]: self.left(row) for row in self.rows}
        self.served = [
            row[:2]
            for row in self.rows
            if self.former[row[:2]] is not None and self.within_cap(row) and self.me in row[4]
        ]

    def around(self, width, block):
        larger = [r for r in self.rows if r[0] == width and block.startswith(r[1])]
        larger = [r for r in larger if len(r[1]) < len(block)]
        return max(larger, key=lambda r: len(r[1]), default=None)

    def left(self, row):
        """The row around one whose site went to another provider."""
        around = self.around(row[0], row[1])
        if around is None or not row[4] or around[3] in row[4]:
            return None
        return around if around[3] in row[5] else None

    def within_cap(self, row):
        around = self.former[row[:2]]
        rivals = [r for r in self.rows if self.former[r[:2]] is around]
        return rivals.index(row) < around[6]

    def accepts(self, role, neighbor, prefix):
        width, text = prefix.width, bits(prefix)
        if len(text) == width:
            return False
        if not text:
            return role in ("parent", "backup")
        inside = lambda blocks: any(w == width and text.startswith(b) for w, b in blocks)  # noqa: E731
        holds = lambda blocks: any(w == width and b.startswith(text) for w, b in blocks)  # noqa: E731
        if inside(self.holes) or (width == 32 and any(r.startswith(text) for r in self.remotes)):
            return False
        rows = [r for r in self.rows if r[0] == width and text.startswith(r[1])]
        row = max(rows, key=lambda r: len(r[1]), default=None)
        if role in ("parent", "backup"):
            return not inside(self.own) and not inside(self.served)
        if row is None or not row[7] or len(text) > LONGEST[row[2], width]:
            return False
        if role == "peer":
            return (
                row[2] == self.level
                and len(text) <= LONGEST[self.level, width]
                and not inside(self.own)
                and not holds(self.own)
                and not inside(self.served)
            )
        block_around = self.former[row[:2]]
        parent_of_left = (
            block_around is not None
            and any(w == width and block_around[1].startswith(b) for w, b in self.aggregated)
            and block_around[3] not in self.here
        )
        if role == "sibling":
            if holds(self.own) or not inside(self.own) or row[3] in self.here:
                return False
        else:
            if holds(self.aggregated) or not (inside(self.aggregated) or inside(self.served)):
                return False
            if neighbor not in (row[4] if parent_of_left else {row[3]}):
                return False
        if block_around is not None:
            if not self.within_cap(row):
                return False
            if parent_of_left:
                return text == row[1]
        return not row[4] or bool(row[4] & self.here)


def random_prefixes(rng: random.Random, config: AltConfig, count: int):
    """Near the plan's blocks mostly: that is where the rules bite."""
    blocks = [d.block for d in config.delegations]
    for _ in range(count):
        block = rng.choice(blocks)
        length = min(
            block.width, max(0, block.length + rng.choice((-9, -2, -1, 0, 0, 1, 2, 4, 7, 11)))
        )
        if rng.random() < 0.05:
            length = rng.randint(0, block.width)
        address = block.network | rng.getrandbits(block.width - block.length)
        if rng.random() < 0.1:
            address = rng.getrandbits(block.width)
        yield EidPrefix.masked(0, block.family, address, length)


def configurations():
    sibling = tunnel("arin2", Role.SIBLING, 12)
    expired = delegation(
        "198.18.3.0/24", Level.SITE, "etr1", "mspa", valid_until=TODAY.replace(day=30)
    )
    over = Delegation(
        EidPrefix.parse("198.18.2.0/24"), Level.SITE, "site-two", ("mspb",), lineage=("mspa",)
    )
    two_left = tuple(over if d.block == over.block else d for d in moved())
    yield arin()
    yield arin(tunnels=(*arin().tunnels, sibling), delegations=moved())
    yield arin(delegations=two_left)
    yield mspa(non_lisp=eids("198.18.4.0/23"), delegations=(*PLAN, expired))
    yield mspa(delegations=two_left)
    yield mspb(delegations=two_left, tunnels=(*mspb().tunnels, tunnel("etr1", Role.CHILD, 13)))


def test_announcements_are_accepted_exactly_as_the_delegations_say() -> None:
    rng = random.Random(6836)
    cases = list(configurations())
    accepted: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for config in cases:
        policy, oracle = ImportPolicy(config, TODAY), Oracle(config)
        for prefix in random_prefixes(rng, config, ANNOUNCEMENTS // len(cases) + 1):
            chosen = rng.choice(config.tunnels)
            verdict = policy.judge(chosen, prefix)
            expected = oracle.accepts(chosen.role.value, chosen.neighbor, prefix)
            assert (verdict.reason is None) == expected, (
                config.name,
                chosen.name,
                str(prefix),
                verdict.reason,
            )
            counts = accepted if expected else refused
            counts[verdict.reason or chosen.role.value] += 1
    assert sum(accepted.values()) + sum(refused.values()) >= ANNOUNCEMENTS
    assert set(accepted) == {"parent", "backup", "child", "peer", "sibling"}
    assert set(refused) >= {
        "host-route",
        "default-route",
        "own-block",
        "outside-block",
        "not-delegated",
        "too-long",
        "moved",
        "more-specific-on-horizontal",
        "exception-over-cap",
        "delegation-not-valid",
        "non-lisp-hole",
    }
