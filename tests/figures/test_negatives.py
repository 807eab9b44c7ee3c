"""Negative answers cover the EID, nothing that is there, and could not be larger."""

from __future__ import annotations

import random

import pytest

from mapsys.core.resolution import Outcome
from mapsys.eid import EidPrefix, Family
from tests.core.world import ONE, TWO, Etr, World, record, site
from tests.figures.record import scaled, wanted

QUESTIONS = 50_000
QUESTIONS_OF_A_TABLE = 250


def text(prefix: EidPrefix) -> str:
    return f"{prefix.network:0{prefix.width}b}"[: prefix.length]


def overlap(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def expected(eid: str, bound: str, known: list[str], rule: str | None, held: list[str]) -> str:
    """The shortest text around the EID that overlaps nothing known; inside a site, beside it."""
    for length in range(len(rule or bound), len(eid) + 1):
        part = eid[:length]
        if rule is None:
            free = not any(overlap(part, one) for one in known)
        else:
            others = [one for one in known if one != rule or one in held]
            free = not any(one.startswith(part) for one in others)
        if free:
            return part
    raise AssertionError(f"no part of {eid} is free")


@pytest.mark.timeout(300 * scaled(1))
def test_negative_prefixes_are_right_and_maximal() -> None:
    rng = random.Random(9301)
    asked = wrong = 0
    bound = EidPrefix.parse("10.0.0.0/8")

    def prefix(shortest: int, longest: int) -> EidPrefix:
        length = rng.randint(shortest, longest)
        narrow = rng.choice((0x00FFFFFF, 0x000FFFFF, 0x0000FFFF))
        address = bound.network | rng.getrandbits(32) & narrow
        return EidPrefix.masked(0, Family.IPV4, address, length)

    while asked < scaled(QUESTIONS):
        configured = {prefix(9, 20) for _ in range(rng.randint(1, 12))}
        split = rng.randint(0, len(configured))
        ordered = sorted(configured)
        sites = (
            site("one", ONE, *map(str, ordered[:split])),
            site("two", TWO, *map(str, ordered[split:])),
        )
        world = World(sites=sites, authority=(bound,))
        for _ in range(rng.randint(0, 25)):
            claimed = prefix(10, 32)
            for key in (ONE, TWO):
                world.register(Etr(key=key), record(str(claimed), "192.0.2.1"))
        held = [text(mapping.eid) for mapping in world.store.scan(None, 1000)]
        rules = [text(one) for one in configured]
        for _ in range(QUESTIONS_OF_A_TABLE):
            eid = prefix(32, 32)
            answer = world.engine.resolve(eid)
            around = [one for one in rules if text(eid).startswith(one)]
            rule = max(around, key=len, default=None)
            positive = any(
                text(eid).startswith(one) and (rule is None or len(one) >= len(rule))
                for one in held
            )
            if positive:
                wrong += answer.outcome is Outcome.NEGATIVE
                continue
            asked += 1
            right = expected(text(eid), text(bound), [*rules, *held], rule, held)
            wrong += answer.negative is None or text(answer.negative) != right
    wanted("negative prefixes wrong or not maximal", wrong, 0, asked)
    assert wrong == 0
