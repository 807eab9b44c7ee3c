"""Twenty mistakes that somebody could make, put into the running code one at a time.

Each is a patch of one function; the simulation has to diverge with every one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple
from unittest.mock import patch

from alt import export, policy
from mapsys.change_log import ChangeLog
from mapsys.core import (
    admission,
    changes,
    engine,
    more_specifics,
    registrar,
    replies,
    resolution,
    verdict,
)
from mapsys.core.effects import Send
from mapsys.datapath import repeats
from mapsys.store_pure import PureStore


class Fault(NamedTuple):
    """name: what is wrong. where: the module or class, and what of it; wrong: makes the new one."""

    name: str
    where: Any
    attribute: str
    wrong: Callable[[Any], Any]


@contextmanager
def planted(fault: Fault) -> Iterator[None]:
    """The fault is there while this lasts."""
    right = getattr(fault.where, fault.attribute)
    with patch.object(fault.where, fault.attribute, fault.wrong(right)):
        yield


def _always(value: Any) -> Callable[[Any], Any]:
    return lambda right: lambda *args, **named: value


def _value(value: Any) -> Callable[[Any], Any]:
    return lambda right: value


def _after(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """What the right one returns, changed."""
    return lambda right: lambda *args, **named: change(right(*args, **named))


def _unchecked_nonce(right: Any) -> Any:
    def nonce_is_new(store: Any, mark: bytes, nonce: int) -> bool:
        last = store.nonce_mark(mark)
        return last is None or nonce >= last

    return nonce_is_new


def _at_once(effects: Any) -> Any:
    return [replace(e, after=None) if isinstance(e, Send) else e for e in effects]


def _moves_are_ignored(found: Any) -> Any:
    if isinstance(found, verdict.Verdict) and found.kind is verdict.Kind.MOVE:
        return replace(found, kind=verdict.Kind.NOTHING)
    return found


def _moves_in_place_of_late(found: Any) -> Any:
    if isinstance(found, verdict.Verdict) and found.kind is verdict.Kind.LATE:
        return replace(found, kind=verdict.Kind.MOVE, published=found.octets)
    return found


def _withdrawn_locators_stay(right: Any) -> Any:
    def withdraw(self: Any, eid: Any, registrant: bytes, *, published: bytes | None) -> Any:
        held = self.get(eid)
        stale = published if published is None or held is None else held.published
        return right(self, eid, registrant, published=stale)

    return withdraw


def _one_bit_longer(part: Any) -> Any:
    if part is None or part.length >= part.width:
        return part
    return part._replace(length=part.length + 1)


def _more_specifics_leave(right: Any) -> Any:
    def may_leave(self: Any, tunnel: Any, route: Any) -> bool:
        return right(self, tunnel, route) or self._is_stood_for(route.prefix)

    return may_leave


def _delegations_are_ignored(right: Any) -> Any:
    def judge(self: Any, tunnel: Any, prefix: Any) -> Any:
        found = right(self, tunnel, prefix)
        return policy.Verdict(None) if found.reason == "not-delegated" else found

    return judge


def _marks_are_not_journaled(right: Any) -> Any:
    def raise_nonce(self: Any, mark: bytes, nonce: int) -> None:
        log, self._log = self._log, ChangeLog()
        right(self, mark, nonce)
        self._log = log

    return raise_nonce


def _a_minute_more(seconds: int) -> int:
    return seconds + 60


def _remembered_for_ever(right: Any) -> Any:
    return lambda self: None


FAULTS = (
    Fault("nothing ever expires", PureStore, "due", _always([])),
    Fault(
        "a registration lives a minute longer",
        changes.Changes,
        "lifetime_seconds",
        _after(_a_minute_more),
    ),
    Fault("an equal nonce is new", registrar, "nonce_is_new", _unchecked_nonce),
    Fault("superseded Map-Registers are welcome", PureStore, "is_superseded", _always(False)),
    Fault("nothing is remembered as superseded", changes.Changes, "_supersede", _always(None)),
    Fault(
        "a Map-Notify leaves before its commit", registrar.Registrar, "_carry_out", _after(_at_once)
    ),
    Fault("marks are not journaled", PureStore, "raise_nonce", _marks_are_not_journaled),
    Fault("a move changes nothing", registrar, "judge", _after(_moves_are_ignored)),
    Fault("a late refresh moves back", registrar, "judge", _after(_moves_in_place_of_late)),
    Fault("merging keeps what was withdrawn", PureStore, "withdraw", _withdrawn_locators_stay),
    Fault("everybody merges", verdict, "_may_merge", _always(True)),
    Fault("a hole is a bit too small", resolution, "common_hole", _after(_one_bit_longer)),
    Fault("a free part is a bit too small", resolution, "free_part", _after(_one_bit_longer)),
    Fault("more-specifics are left out of answers", replies, "MAX_RECORDS", _value(1)),
    Fault("no limit to more-specifics", more_specifics.MoreSpecifics, "over_limit", _always(None)),
    Fault("locators are taken from anywhere", admission, "locator_problem", _always(None)),
    Fault("answers are repeated after a change", repeats.Repeats, "clear", _remembered_for_ever),
    Fault("a reload leaves what it forbids", engine, "no_longer_allowed", _always(())),
    Fault(
        "more-specifics leave the ALT node",
        export.ExportPolicy,
        "_may_leave",
        _more_specifics_leave,
    ),
    Fault("delegations are ignored", policy.ImportPolicy, "judge", _delegations_are_ignored),
)
