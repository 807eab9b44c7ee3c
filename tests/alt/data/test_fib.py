"""The forwarding table against a list scanned in full."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alt.effects import FibChange, Local, Via
from alt.fib import Fib
from mapsys.eid import EidPrefix, Family

_WIDTHS = {Family.IPV4: 32, Family.IPV6: 128}


@st.composite
def _prefixes(draw: st.DrawFn) -> EidPrefix:
    """Few enough bits that prefixes meet."""
    family = draw(st.sampled_from((Family.IPV4, Family.IPV6)))
    bits = draw(st.integers(0, 63)) << (_WIDTHS[family] - 6)
    return EidPrefix.masked(3, family, bits, draw(st.integers(0, 7)))


_TARGETS = st.sampled_from((Via("a"), Via("b"), Local("site"), Local("aggregate-hole"), None))


def _fib(*routes: tuple[str, Via | Local]) -> Fib:
    fib = Fib(0)
    for prefix, target in routes:
        fib.apply(FibChange(EidPrefix.parse(prefix), target))
    return fib


def _packed(text: str) -> bytes:
    return EidPrefix.parse(text).network_octets()


@given(st.lists(st.tuples(_prefixes(), _TARGETS), max_size=30), _prefixes())
def test_longest_match_and_way_up_equal_a_full_scan(
    changes: list[tuple[EidPrefix, Via | Local | None]], asked: EidPrefix
) -> None:
    fib, held = Fib(3), {}
    host = EidPrefix(3, asked.family, asked.network, _WIDTHS[asked.family])
    for prefix, target in changes:
        fib.longest_match(host.network_octets())  # so that a stale answer would show
        fib.apply(FibChange(prefix, target))
        held[prefix] = target
    live = {prefix: target for prefix, target in held.items() if target is not None}
    covering = sorted((p for p in live if p.covers(host)), key=lambda p: -p.length)
    found = fib.longest_match(host.network_octets())
    assert found == ((covering[0], live[covering[0]]) if covering else None)
    up = [live[p] for p in covering if isinstance(live[p], Via)]
    assert fib.way_up(host) == (up[0] if up else None)
    assert len(fib) == len(live)


@given(st.lists(_prefixes(), min_size=1, max_size=20), _prefixes())
def test_hole_is_the_shortest_that_holds_nothing_else(
    prefixes: list[EidPrefix], asked: EidPrefix
) -> None:
    fib = Fib(3)
    for prefix in prefixes:
        fib.apply(FibChange(prefix, Local("aggregate-hole")))
    host = EidPrefix(3, asked.family, asked.network, _WIDTHS[asked.family])
    found = fib.longest_match(host.network_octets())
    if found is None:
        return
    within = found.prefix
    others = [p for p in prefixes if p != within]
    free = [
        host.truncated(length)
        for length in range(within.length, host.length + 1)
        if not any(host.truncated(length).covers(p) for p in others)
    ]
    assert fib.hole(host, within) == free[0]


@pytest.mark.parametrize(
    ("aggregate", "known", "eid", "hole"),
    [
        ("10.0.0.0/8", [], "10.3.0.1", "10.0.0.0/8"),
        ("10.1.0.0/16", ["10.1.0.0/24"], "10.1.200.1", "10.1.128.0/17"),
        ("10.0.0.0/8", ["10.128.0.0/9"], "10.0.0.1", "10.0.0.0/9"),
        # the aggregate of RFC 6836, 4.2 with four /24 components
        (
            "10.1.0.0/16",
            ["10.1.0.0/24", "10.1.64.0/24", "10.1.128.0/24", "10.1.192.0/24"],
            "10.1.77.88",
            "10.1.72.0/21",
        ),
        ("2001:db8::/32", ["2001:db8:2::/48"], "2001:db8:1:5::5", "2001:db8::/47"),
    ],
)
def test_holes_as_worked_out_by_hand(aggregate: str, known: list[str], eid: str, hole: str) -> None:
    fib = _fib((aggregate, Local("aggregate-hole")), *((k, Via("child")) for k in known))
    assert fib.hole(EidPrefix.parse(eid), EidPrefix.parse(aggregate)) == EidPrefix.parse(hole)


def test_a_change_is_seen_at_once() -> None:
    fib = _fib(("198.18.0.0/19", Via("up")))
    eid = _packed("198.18.1.5")
    assert fib.longest_match(eid) == (EidPrefix.parse("198.18.0.0/19"), Via("up"))
    fib.apply(FibChange(EidPrefix.parse("198.18.1.0/24"), Local("site")))
    assert fib.longest_match(eid) == (EidPrefix.parse("198.18.1.0/24"), Local("site"))
    fib.apply(FibChange(EidPrefix.parse("198.18.1.0/24"), None))
    assert fib.longest_match(eid) == (EidPrefix.parse("198.18.0.0/19"), Via("up"))


@pytest.mark.parametrize("prefix", ["[7]198.18.0.0/19", "02:00:00:00:00:01", '"a-name"'])
def test_what_the_alt_cannot_route_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match=r"is not of instance-ID 0|neither IPv4 nor IPv6"):
        Fib(0).apply(FibChange(EidPrefix.parse(prefix), Via("a")))
