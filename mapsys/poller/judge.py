"""What an answer says in words, what it should have said, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mapsys.eid import EidPrefix
from mapsys.poller.results import Flag, HeardRow
from mapsys.record_view import action_name, address_text
from mapsys.wire.records import Action, EidRecord


@dataclass(frozen=True, slots=True)
class Expectation:
    """What this node has for an EID.

    answer: in the words of :func:`words`. prefix: an answer may be for a part of it;
    None where any will do: how large a hole is depends on who is asked.
    """

    answer: str
    prefix: EidPrefix | None


def words(record: EidRecord) -> str:
    """The part of a record that has to be the same whoever answers.

    TTL and flags are left out: an ETR counts and marks its own.
    """
    if not record.rlocs:
        return f"negative {action_name(record.action)}"
    return ", ".join(
        sorted(
            f"{address_text(one.rloc)} {one.priority}/{one.weight} {one.m_priority}/{one.m_weight}"
            for one in record.rlocs
        )
    )


def expectation(record: EidRecord, petr: Collection[str]) -> Expectation | None:
    """What to expect where this node publishes the record, or would answer with it.

    petr: addresses named in place of natively-forward; answers with them are not
    foreseen in words, so that nothing is expected then.
    """
    if record.rlocs:
        return Expectation(words(record), record.eid_prefix)
    if petr and record.action == Action.NATIVELY_FORWARD:
        return None
    return Expectation(words(record), None)


def flags_of(
    record: EidRecord, round_trip_seconds: float, expected: Expectation | None, slow_seconds: float
) -> list[Flag]:
    """What is wrong with one answer."""
    flags = []
    if expected is not None and not _fits(record, expected):
        flags.append(Flag.WRONG)
    if round_trip_seconds >= slow_seconds:
        flags.append(Flag.SLOW)
    return flags


def _fits(record: EidRecord, expected: Expectation) -> bool:
    if words(record) != expected.answer:
        return False
    return expected.prefix is None or expected.prefix.covers(record.eid_prefix)


def flags_of_all(heard: Sequence[HeardRow]) -> list[Flag]:
    """What is wrong with an EID: whatever is with one of its answers, and whether they differ."""
    found = {flag for one in heard for flag in one.flags}
    answers = {one.answer for one in heard if Flag.SILENT not in one.flags}
    if len(answers) > 1:
        found.add(Flag.DISAGREEING)
    return [flag for flag in Flag if flag in found]
