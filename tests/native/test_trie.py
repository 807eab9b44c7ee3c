"""The trie against a list scanned in full and against the table in Python; its size."""

from __future__ import annotations

import random

import pytest
from hypothesis import settings

from mapsys.eid import WIDTH_BITS, EidPrefix, Family
from mapsys.native._engine import PrefixTrie
from mapsys.table import PrefixTable
from tests.test_table import HOLES, TableMachine


class TrieMachine(TableMachine):
    """Any sequence of operations leaves trie and list with the same answers."""

    def new_table(self) -> PrefixTrie:  # type: ignore[override]
        return PrefixTrie()


TestTrieMachine = TrieMachine.TestCase
TestTrieMachine.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize(("known", "bound", "eid", "expected"), HOLES)
def test_hole_is_the_one_the_protocol_gives(
    known: list[str], bound: str | None, eid: str, expected: str
) -> None:
    shortest = EidPrefix.parse(bound).length if bound else 0
    trie = PrefixTrie()
    for prefix in known:
        trie.put(EidPrefix.parse(prefix), 1)
    assert trie.hole(EidPrefix.parse(eid), shortest) == EidPrefix.parse(expected)


def some_prefix(source: random.Random) -> EidPrefix:
    """Of any family and length, yet with few distinct bits."""
    family = source.choice(list(Family))
    width = WIDTH_BITS[family]
    length = source.choice((source.randint(0, 8), width, source.randint(0, width)))
    if family is Family.NAME:
        length = length // 8 * 8
    address = source.getrandbits(6) << (width - 6) | source.getrandbits(1)
    return EidPrefix.masked(source.choice((0, 0, 2**32 - 1)), family, address, length)


@pytest.mark.parametrize("seed", range(4))
def test_long_histories_of_all_families_agree_with_the_table(seed: int) -> None:
    source = random.Random(seed)
    trie, table = PrefixTrie(), PrefixTable[int]()
    known: list[EidPrefix] = []
    for number in range(3000):
        if source.random() < (0.6 if len(known) < 300 else 0.4):
            known.append(some_prefix(source))
            trie.put(known[-1], number)
            table.put(known[-1], number)
        elif known:
            gone = known.pop(source.randrange(len(known)))
            assert trie.remove(gone) == table.remove(gone)
        eid = some_prefix(source)
        assert (len(trie), trie.get(eid)) == (len(table), table.get(eid))
        assert trie.longest_match(eid) == table.longest_match(eid)
        assert list(trie.covering(eid)) == list(table.covering(eid))
        assert trie.hole(eid, 0) == table.hole(eid, 0)
        if number % 50 == 0:
            assert list(trie.covered(eid)) == list(table.covered(eid))
            assert list(trie.items(eid)) == list(table.items(eid))
            asked = [some_prefix(source) for _ in range(70)]
            assert trie.longest_matches(asked) == [table.longest_match(e) for e in asked]
    for prefix in known:
        trie.remove(prefix)
    assert (len(trie), list(trie.items())) == (0, [])


def test_a_prefix_takes_48_octets() -> None:
    source = random.Random(1)
    trie = PrefixTrie()
    for _ in range(10_000):
        trie.put(EidPrefix(0, Family.IPV6, source.getrandbits(128), 128), 1)
    assert trie.octets <= 48 * len(trie)
