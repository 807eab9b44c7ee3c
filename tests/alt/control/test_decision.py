"""The decision process and damping, rule by rule."""

from __future__ import annotations

from itertools import permutations

import pytest

from alt.damping import FLAP_PENALTY, HISTORY_LIMIT, ROUTE_RULE, FlapDamping
from alt.rib.attributes import BACKUP_COMMUNITY, AttributePool, Origin, PathAttributes
from alt.rib.decision import best
from alt.rib.loc_rib import Route
from alt.roles import Role
from tests.alt.control.pilot import eid

PREFIX = eid("198.18.64.0/19")


def route(
    peer: str | None = "a",
    role: Role = Role.PEER,
    path: tuple[int, ...] = (1, 2),
    router_id: int = 5,
    next_hop: str = "10.255.0.5",
    **more: object,
) -> Route:
    attributes = PathAttributes(path, next_hop, **more)  # type: ignore[arg-type]
    return Route(PREFIX, peer, role, attributes, router_id)


BETTER_FIRST = [
    (route(role=Role.LOCAL, peer=None, path=()), route(role=Role.CHILD, path=(1,))),
    (route(role=Role.CHILD, path=(1, 2, 3)), route(role=Role.SIBLING, path=(1,))),
    (route(role=Role.SIBLING), route(role=Role.PEER, path=(1,))),
    (route(role=Role.PEER), route(role=Role.PARENT, path=(1,))),
    (route(role=Role.PARENT), route(role=Role.BACKUP, path=(1,))),
    (route(path=(1, 2, 3)), route(path=(1,), communities=(BACKUP_COMMUNITY,))),
    (route(path=(1,), origin=Origin.INCOMPLETE), route(path=(1, 2))),
    (route(origin=Origin.IGP, med=9), route(origin=Origin.EGP)),
    (route(med=3, router_id=9), route(med=4, router_id=1)),
    (route(med=None, router_id=9), route(med=1, router_id=1)),
    (route(router_id=4, next_hop="10.255.0.9"), route(router_id=5)),
    (route(next_hop="10.255.0.4"), route(next_hop="10.255.0.5")),
]


@pytest.mark.parametrize(("better", "worse"), BETTER_FIRST)
def test_each_rule_decides_in_its_turn(better: Route, worse: Route) -> None:
    assert best([better, worse]) is better
    assert best([worse, better]) is better


def test_med_of_different_neighbouring_ases_is_not_compared() -> None:
    low, high = route(path=(1, 9), med=1, router_id=9), route(path=(2, 9), med=100, router_id=1)
    assert best([low, high]) is high


def test_the_choice_does_not_hang_on_the_order_of_arrival() -> None:
    """The three routes of the well-known MED puzzle, in every order."""
    routes = [
        route("a", path=(1, 9), med=10, router_id=1),
        route("b", path=(1, 9), med=5, router_id=3),
        route("c", path=(2, 9), med=0, router_id=2),
    ]
    chosen = {best(order).peer for order in permutations(routes)}  # type: ignore[union-attr]
    assert chosen == {"c"}


def test_no_route_is_no_choice() -> None:
    assert best([]) is None


def test_equal_attributes_are_one_object_and_go_with_their_last_user() -> None:
    pool = AttributePool()
    one = pool.intern(PathAttributes((1,), "10.0.0.1"))
    is_same = pool.intern(PathAttributes((1,), "10.0.0.1")) is one
    assert is_same
    assert len(pool) == 1
    del one
    assert len(pool) == 0


def test_a_penalty_halves_with_its_half_life() -> None:
    damping: FlapDamping[str] = FlapDamping(ROUTE_RULE)
    damping.charge("x", FLAP_PENALTY, 0.0)
    assert damping.penalty("x", ROUTE_RULE.half_life_seconds) == pytest.approx(FLAP_PENALTY / 2)
    assert damping.penalty("y", 0.0) == 0


def test_a_suppressed_key_comes_back_when_its_penalty_has_faded() -> None:
    damping: FlapDamping[str] = FlapDamping(ROUTE_RULE)
    assert [damping.charge("x", FLAP_PENALTY, 0.0) for _ in range(3)] == [False, False, True]
    due = damping.next_deadline()
    assert due == pytest.approx(2 * ROUTE_RULE.half_life_seconds)
    assert damping.release(due - 1) == []
    assert damping.release(due) == ["x"]
    assert not damping.is_suppressed("x")
    assert damping.penalty("x", due) == pytest.approx(ROUTE_RULE.reuse)


def test_nobody_waits_longer_than_the_ceiling() -> None:
    damping: FlapDamping[str] = FlapDamping(ROUTE_RULE)
    for _ in range(1000):
        damping.charge("x", FLAP_PENALTY, 0.0)
    assert damping.reuse_at("x") == pytest.approx(3600)


def test_a_flood_of_keys_takes_bounded_memory() -> None:
    damping: FlapDamping[int] = FlapDamping(ROUTE_RULE)
    for key in range(HISTORY_LIMIT + 500):
        damping.charge(key, FLAP_PENALTY, 0.0)
    assert damping.penalty(0, 0.0) == 0
    assert damping.penalty(HISTORY_LIMIT + 499, 0.0) == FLAP_PENALTY
