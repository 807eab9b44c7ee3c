"""What is wrong with an answer, and what only looks so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mapsys.eid import EidPrefix
from mapsys.poller.judge import Expectation, expectation, flags_of, flags_of_all, words
from mapsys.poller.results import Flag, HeardRow, Result
from mapsys.wire.address import ip_address
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.records import Action, EidRecord, RlocRecord

SITE = EidPrefix.parse("198.18.1.0/24")
ONE = RlocRecord(ip_address("192.0.2.1"), 1, 50, 255, 0)
TWO = RlocRecord(ip_address("2001:db8::2"), 1, 50, 255, 0)
SLOW_SECONDS = 0.2


def positive(*rlocs: RlocRecord, prefix: EidPrefix = SITE, ttl: int = 1440) -> EidRecord:
    address, mask_len = from_eid_prefix(prefix)
    return EidRecord(ttl, address, mask_len, rlocs)


def negative(action: Action, prefix: EidPrefix = SITE) -> EidRecord:
    return replace(positive(prefix=prefix), action=action)


def flags(answer: EidRecord, expected: EidRecord, seconds: float = 0.01) -> list[Flag]:
    return flags_of(answer, seconds, expectation(expected, ()), SLOW_SECONDS)


def test_an_answer_is_told_in_words_whatever_its_order() -> None:
    told = "192.0.2.1 1/50 255/0, 2001:db8::2 1/50 255/0"
    assert words(positive(TWO, ONE)) == words(positive(ONE, TWO)) == told
    assert words(negative(Action.DROP)) == "negative drop"


@pytest.mark.parametrize(
    "answer",
    [
        positive(TWO, ONE),
        positive(ONE, TWO, ttl=1),
        positive(replace(ONE, reachable=False, local=True), TWO),
        positive(ONE, TWO, prefix=EidPrefix.parse("198.18.1.0/26")),
    ],
    ids=["another order", "another TTL", "other flags", "a part of the prefix"],
)
def test_what_an_etr_may_decide_is_not_wrong(answer: EidRecord) -> None:
    assert flags(answer, positive(ONE, TWO)) == []


@pytest.mark.parametrize(
    "answer",
    [
        positive(ONE),
        positive(ONE, replace(TWO, weight=51)),
        positive(ONE, replace(TWO, priority=255)),
        positive(ONE, TWO, prefix=EidPrefix.parse("198.18.0.0/23")),
        negative(Action.NATIVELY_FORWARD),
    ],
    ids=["one is missing", "another weight", "out of use", "a larger prefix", "negative"],
)
def test_another_mapping_is_wrong(answer: EidRecord) -> None:
    assert flags(answer, positive(ONE, TWO)) == [Flag.WRONG]


def test_a_hole_may_be_of_any_size_but_not_of_another_action() -> None:
    hole = negative(Action.NATIVELY_FORWARD)
    larger = negative(Action.NATIVELY_FORWARD, EidPrefix.parse("198.18.0.0/16"))
    assert flags(larger, hole) == []
    assert flags(negative(Action.DROP), hole) == [Flag.WRONG]
    assert flags(positive(ONE), hole) == [Flag.WRONG]


def test_locators_of_petrs_may_stand_for_natively_forward() -> None:
    assert expectation(negative(Action.NATIVELY_FORWARD), ["192.0.2.99"]) is None
    assert expectation(negative(Action.DROP), ["192.0.2.99"]) == Expectation("negative drop", None)


def test_an_answer_is_slow_from_the_threshold_on() -> None:
    assert flags(positive(ONE), positive(ONE), 0.199) == []
    assert flags(positive(ONE), positive(ONE), 0.2) == [Flag.SLOW]
    assert flags(positive(TWO), positive(ONE), 3.0) == [Flag.WRONG, Flag.SLOW]


def heard(answer: str, *flags: Flag) -> HeardRow:
    silent = Flag.SILENT in flags
    result = Result.SILENT if silent else Result.MAPPING
    return HeardRow("192.0.2.1:4342", result, answer, None, None, None, 1, [*flags])


def test_map_resolvers_that_say_different_things_disagree() -> None:
    assert flags_of_all([heard("a"), heard("a")]) == []
    assert flags_of_all([heard("a"), heard("b", Flag.WRONG)]) == [Flag.WRONG, Flag.DISAGREEING]


def test_silence_is_no_disagreement() -> None:
    assert flags_of_all([heard("a"), heard("silent", Flag.SILENT)]) == [Flag.SILENT]
    assert flags_of_all([]) == []
