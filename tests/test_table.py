"""PrefixTable against a list scanned in full, and against the examples of the protocol."""

from __future__ import annotations

import random
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from mapsys.eid import WIDTH_BITS, EidPrefix, Family
from mapsys.table import BLOCK_LIMIT, PrefixTable
from tests.oracle import ListTable

HOLES = [
    (["10.1.0.0/16", "10.2.0.0/16"], None, "10.3.0.1", "10.3.0.0/16"),
    (["10.1.0.0/16", "10.2.0.0/16"], None, "11.0.0.1", "11.0.0.0/8"),
    (["10.1.0.0/16", "10.2.0.0/16"], None, "192.0.2.1", "128.0.0.0/1"),
    ([], None, "10.3.0.1", "0.0.0.0/0"),
    ([], "10.0.0.0/8", "10.3.0.1", "10.0.0.0/8"),
    (
        ["10.1.0.0/24", "10.1.64.0/24", "10.1.128.0/24", "10.1.192.0/24"],
        "10.1.0.0/16",
        "10.1.77.88",
        "10.1.72.0/21",
    ),
    (["10.1.0.0/24"], "10.1.0.0/16", "10.1.200.1", "10.1.128.0/17"),
    (["10.128.0.0/9"], "10.0.0.0/8", "10.0.0.1", "10.0.0.0/9"),
    (["2001:db8:1:1::/64", "2001:db8:1:2::/64"], None, "2001:db8:1:5::5", "2001:db8:1:4::/62"),
    (["2001:db8:2::/48"], "2001:db8::/32", "2001:db8:1:5::5", "2001:db8::/47"),
]


def table_of(*prefixes: str) -> PrefixTable[str]:
    table: PrefixTable[str] = PrefixTable()
    for prefix in prefixes:
        table.put(EidPrefix.parse(prefix), prefix)
    return table


@pytest.mark.parametrize(("known", "bound", "eid", "expected"), HOLES)
def test_hole_is_the_one_the_protocol_gives(
    known: list[str], bound: str | None, eid: str, expected: str
) -> None:
    shortest = EidPrefix.parse(bound).length if bound else 0
    assert table_of(*known).hole(EidPrefix.parse(eid), shortest) == EidPrefix.parse(expected)


def test_there_is_no_hole_under_or_around_an_entry() -> None:
    table = table_of("10.1.0.0/16")
    assert table.hole(EidPrefix.parse("10.1.2.3"), 0) is None
    assert table.hole(EidPrefix.parse("10.1.0.0/16"), 0) is None
    assert table.hole(EidPrefix.parse("10.0.0.0/8"), 0) is None


def test_a_hole_cannot_be_shorter_than_a_bound_inside_the_eid() -> None:
    with pytest.raises(ValueError, match="24 is longer than 16"):
        table_of().hole(EidPrefix.parse("10.1.0.0/16"), 24)


def test_a_hole_among_names_ends_on_a_whole_octet() -> None:
    hole = table_of('"ietf"').hole(EidPrefix.parse('"ieee"'), 0)
    assert hole == EidPrefix.parse('"iee"')


def test_a_name_is_matched_by_the_octets_of_a_shorter_one() -> None:
    table = table_of('"ietf"')
    assert table.longest_match(EidPrefix.parse('"ietf.lisp"')) == (
        EidPrefix.parse('"ietf"'),
        '"ietf"',
    )
    assert table.longest_match(EidPrefix.parse('"iet"')) is None


def test_instances_and_families_are_apart() -> None:
    table = table_of("10.0.0.0/8", "[7]10.1.0.0/16", "::/0")
    assert table.longest_match(EidPrefix.parse("[7]10.2.0.1")) is None
    assert table.get(EidPrefix.parse("[7]10.0.0.0/8")) is None
    assert table.hole(EidPrefix.parse("[8]10.2.0.1"), 0) == EidPrefix.parse("[8]0.0.0.0/0")
    assert [value for _, value in table.items()] == ["10.0.0.0/8", "::/0", "[7]10.1.0.0/16"]


def test_covering_goes_from_the_longest_to_the_default_route() -> None:
    table = table_of("0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.4/32")
    found = [value for _, value in table.covering(EidPrefix.parse("10.1.2.3"))]
    assert found == ["10.1.2.0/24", "10.1.0.0/16", "10.0.0.0/8", "0.0.0.0/0"]


def test_covered_stops_at_its_limit() -> None:
    table = table_of("10.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16", "11.0.0.0/8")
    inside = EidPrefix.parse("10.0.0.0/8")
    assert [value for _, value in table.covered(inside, 2)] == ["10.0.0.0/8", "10.1.0.0/16"]
    assert list(table.covered(inside, 0)) == []
    assert len(list(table.covered(inside))) == 3


def test_removing_what_is_not_there_changes_nothing() -> None:
    table = table_of("10.0.0.0/8")
    assert table.remove(EidPrefix.parse("10.0.0.0/9")) is None
    assert table.remove(EidPrefix.parse("[3]10.0.0.0/8")) is None
    assert len(table) == 1


def test_values_may_live_in_an_array() -> None:
    table: PrefixTable[int] = PrefixTable(lambda: array("I"))
    for number in range(3 * BLOCK_LIMIT):
        table.put(EidPrefix(0, Family.IPV4, number << 8, 24), number)
    assert [value for _, value in table.items()] == list(range(3 * BLOCK_LIMIT))


@pytest.mark.parametrize("order", ["rising", "falling", "shuffled"])
def test_blocks_are_cut_and_dropped_without_losing_an_entry(order: str) -> None:
    count = 5 * BLOCK_LIMIT
    numbers = list(range(count))
    if order == "falling":
        numbers.reverse()
    elif order == "shuffled":
        random.Random(1).shuffle(numbers)
    prefixes = [EidPrefix(0, Family.IPV6, number << 64, 64) for number in numbers]
    table: PrefixTable[int] = PrefixTable()
    for prefix, number in zip(prefixes, numbers, strict=True):
        table.put(prefix, number)
    assert [value for _, value in table.items()] == list(range(count))
    for prefix, number in zip(prefixes, numbers, strict=True):
        assert table.remove(prefix) == number
    assert len(table) == 0
    assert list(table.items()) == []


def test_iteration_follows_what_changes_behind_and_ahead_of_it() -> None:
    table = table_of("10.0.0.0/8", "11.0.0.0/8", "13.0.0.0/8", "[1]10.0.0.0/8")
    seen = []
    for prefix, value in table.items():
        seen.append(value)
        table.remove(prefix)
        if value == "11.0.0.0/8":
            table.put(EidPrefix.parse("9.0.0.0/8"), "9.0.0.0/8")
            table.put(EidPrefix.parse("12.0.0.0/8"), "12.0.0.0/8")
            table.remove(EidPrefix.parse("13.0.0.0/8"))
    assert seen == ["10.0.0.0/8", "11.0.0.0/8", "12.0.0.0/8", "[1]10.0.0.0/8"]
    assert [value for _, value in table.items()] == ["9.0.0.0/8"]


def test_a_cursor_in_a_plane_that_is_gone_goes_on_behind_it() -> None:
    table = table_of("[1]10.0.0.0/8", "[3]10.0.0.0/8", "[4]9.0.0.0/8")
    after = [value for _, value in table.items(EidPrefix.parse("[2]200.0.0.0/8"))]
    assert after == ["[3]10.0.0.0/8", "[4]9.0.0.0/8"]
    after = [value for _, value in table.items(EidPrefix.parse("[3]10.0.0.0/8"))]
    assert after == ["[4]9.0.0.0/8"]


def crowded_prefixes() -> st.SearchStrategy[EidPrefix]:
    """Prefixes with few distinct bits, so that they cover and neighbour each other often."""

    def build(family: Family, instance_id: int, bits: int, length: int) -> EidPrefix:
        width = WIDTH_BITS[family]
        if family is Family.NAME:
            length = length // 8 * 8
        return EidPrefix.masked(instance_id, family, bits << (width - 12), length)

    return st.one_of(
        st.builds(
            build,
            st.sampled_from((Family.IPV4, Family.IPV4, Family.IPV6, Family.NAME)),
            st.sampled_from((0, 0, 0, 1)),
            st.integers(0, 0xFFF),
            st.integers(0, 14),
        ),
        st.builds(
            EidPrefix.masked,
            st.just(0),
            st.just(Family.IPV4),
            st.integers(0, 2**32 - 1),
            st.integers(0, 32),
        ),
    )


class TableMachine(RuleBasedStateMachine):
    """Any sequence of operations leaves both tables with the same answers."""

    known = Bundle("known")

    def __init__(self) -> None:
        super().__init__()
        self.table: PrefixTable[int] = self.new_table()
        self.oracle = ListTable()

    def new_table(self) -> PrefixTable[int]:
        return PrefixTable()

    @rule(target=known, eid=crowded_prefixes(), value=st.integers(0, 9))
    def put(self, eid: EidPrefix, value: int) -> EidPrefix:
        self.table.put(eid, value)
        self.oracle.put(eid, value)
        return eid

    @rule(eid=known | crowded_prefixes())
    def remove(self, eid: EidPrefix) -> None:
        assert self.table.remove(eid) == self.oracle.remove(eid)

    @rule(eid=known | crowded_prefixes())
    def ask(self, eid: EidPrefix) -> None:
        covering = self.oracle.covering(eid)
        assert self.table.get(eid) == self.oracle.get(eid)
        assert list(self.table.covering(eid)) == covering
        assert self.table.longest_match(eid) == (covering[0] if covering else None)
        assert list(self.table.covered(eid)) == self.oracle.covered(eid)
        assert list(self.table.items(eid)) == self.oracle.items(eid)

    @rule(eid=known | crowded_prefixes(), shorter=st.integers(0, 32))
    def find_hole(self, eid: EidPrefix, shorter: int) -> None:
        shortest = max(eid.length - shorter, 0)
        assert self.table.hole(eid, shortest) == self.oracle.hole(eid, shortest)

    @invariant()
    def hold_the_same(self) -> None:
        assert len(self.table) == len(self.oracle)
        assert list(self.table.items()) == self.oracle.items()


TestTableMachine = TableMachine.TestCase
TestTableMachine.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)


@given(
    st.lists(crowded_prefixes(), max_size=30, unique=True),
    crowded_prefixes(),
)
@settings(max_examples=300, deadline=None)
def test_one_bit_less_than_a_hole_overlaps_something(
    known: list[EidPrefix], eid: EidPrefix
) -> None:
    table: PrefixTable[None] = PrefixTable()
    for prefix in known:
        table.put(prefix, None)
    hole = table.hole(eid, 0)
    overlapped = [p for p in known if p.covers(eid) or eid.covers(p)]
    assert (hole is None) == bool(overlapped)
    if hole is None:
        return
    assert hole.covers(eid)
    assert not any(p.covers(hole) or hole.covers(p) for p in known)
    step = 8 if eid.family is Family.NAME else 1
    if hole.length:
        wider = hole.truncated(hole.length - step)
        assert any(p.covers(wider) or wider.covers(p) for p in known)
