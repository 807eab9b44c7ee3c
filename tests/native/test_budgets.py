"""The budgets' arithmetic in native code: verdict by verdict, the core's own."""

from __future__ import annotations

import random

import pytest

from mapsys.core.limiter import UNLIMITED, Budgets, Limits, Rate
from mapsys.eid import EidPrefix
from mapsys.native._engine import NativeBudgets

LIMITS = {
    "default": Limits(),
    "tight": Limits(
        Rate(2, 5), Rate(3, 6), Rate(1, 3), Rate(2, 8), Rate(5, 9), Rate(4, 10), Rate(1, 2),
        Rate(2, 3), Rate(300, 2_000),
    ),
    "some": Limits(None, Rate(3, 6), UNLIMITED, None, Rate(0.3, 1.5), None, None, None, None),
    "off": Limits.off(),
    "one pool without end": Limits(first_bursts=UNLIMITED),
}  # fmt: skip
HOSTS = [f"192.0.2.{n}" for n in range(6)] + [f"198.51.{n}.7" for n in range(250)] + [
    f"2001:db8:{n:x}::{n:x}" for n in range(1, 60)
]  # fmt: skip
TRUSTED = (EidPrefix.parse("192.0.2.4/31"),)
PREFIXES = [EidPrefix.parse(text) for text in ("198.18.1.1/32", "198.18.0.0/15", "2001:db8::/32",
                                               "[7]198.18.1.0/24", "[4294967295]::/0")]  # fmt: skip


@pytest.mark.parametrize("hash_key", [b"", bytes(range(64))], ids=len)
@pytest.mark.parametrize("limits", LIMITS.values(), ids=LIMITS)
def test_every_verdict_is_the_same(limits: Limits, hash_key: bytes) -> None:
    """Sources that share networks, slots and buckets; sizes and times at random."""
    choose = random.Random(len(hash_key))
    inside, outside = (Budgets(limits, trusted=TRUSTED, hash_key=hash_key) for _ in range(2))
    native = NativeBudgets(outside.shared)
    now, verdicts = 0.0, []
    for _ in range(2_000):
        now += choose.choice((0.0, 0.0, 0.001, 0.1, 1.0, 70.0))
        asker, to = (choose.choice(HOSTS[: choose.choice((6, 400))]) for _ in range(2))
        about = choose.choice(PREFIXES)
        octets = choose.choice((0, 40, 90)), choose.choice((60, 200, 1_400))
        admitted = inside.admission(
            inside.host(asker), inside.host(to), inside.prefix(to, about), *octets
        )(now)
        assert admitted == native.answer(
            outside.host(asker), outside.host(to), to, about, *octets, now
        )
        verdicts.append(admitted)
        rate = choose.choice((Rate(1, 3), Rate(0.2, 1), Rate(1, 0.5)))
        site = choose.choice("abc")
        taken = inside.take_register(site, rate, now)
        assert taken == native.register(outside.site(site), rate.per_second, rate.burst, now)
        if choose.random() < 0.05:
            inside.prove(inside.host(to), now)
            native.prove(outside.host(to).host, now)
    assert inside.refused() == outside.refused()
    assert inside.shared._replace(hash_key=b"") == outside.shared._replace(hash_key=b"")
    assert any(verdicts)
    assert all(verdicts) == (limits == Limits.off())


def test_both_may_ask_the_same_tables_in_turn() -> None:
    budgets = Budgets(Limits(registers_per_site=Rate(1, 4)))
    native = NativeBudgets(budgets.shared)
    site = budgets.site("one")
    taken = [
        budgets.take_register("one", None, 0.0) if turn % 2 else native.register(site, 1, 4, 0.0)
        for turn in range(6)
    ]
    assert taken == [True] * 4 + [False] * 2
    assert budgets.refused()["registers-per-site"] == 2
