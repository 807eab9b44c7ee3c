"""Changed mappings on their way to whoever subscribed to them, a step at a time (RFC 9437, 6)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mapsys.core.pubsub_answers import Answers
from mapsys.core.subscriptions import State, state_of
from mapsys.eid import EidPrefix
from mapsys.store import Store

MAX_CHANGED: Final = 100_000
"""Changed EID-Prefixes that may wait to be told of."""

MAX_FOLLOWED_UP: Final = 1_024
"""Subscriptions whose mappings may wait to be told of one by one."""

PAGE: Final = 64

_NOT_KNOWN: Final = b"?"
"""What a mapping was before, where that is not remembered; no record looks like it."""


@dataclass(frozen=True, slots=True)
class Task:
    """One subscriber to tell of one mapping.

    subscription: the EID-Prefix subscribed to, which covers the one told of.
    record: reply-ready octets, or a removal.
    """

    subscription: EidPrefix
    subscriber: bytes
    news: EidPrefix
    record: bytes


class News:
    """What has changed, and to whom it is still to be told.

    Each EID-Prefix waits once, however often it changes meanwhile: what is told is
    what holds when its turn comes, and nothing where that is what held before.
    """

    def __init__(self, store: Store) -> None:
        """Goes on with what the store says is still owed."""
        self._store = store
        self._changed: dict[EidPrefix, bytes | None] = dict.fromkeys(
            store.subscriptions.owed(), _NOT_KNOWN
        )
        self._to_follow_up: dict[tuple[EidPrefix, bytes], None] = {}
        self._steps: Iterator[Task | None] | None = None
        self._telling: EidPrefix | None = None
        self._told: list[EidPrefix] = []
        self._lost = 0

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to tell."""
        return not (self._changed or self._to_follow_up or self._steps)

    def about_to_change(self, eid: EidPrefix, *, told_anew: bool = False) -> None:
        """To be called before what is published for an EID-Prefix changes.

        told_anew: what is registered stays, and is told in another way.
        """
        if eid in self._changed or not self._store.subscriptions.has_covering(eid):
            return
        if len(self._changed) >= MAX_CHANGED:
            self._lost += 1
            return
        self._changed[eid] = _NOT_KNOWN if told_anew else self._published(eid)
        self._store.subscriptions.owe(eid)

    def follow_up(self, subscription: EidPrefix, subscriber: bytes) -> None:
        """Tell one subscriber of each mapping inside its EID-Prefix."""
        if len(self._to_follow_up) < MAX_FOLLOWED_UP:
            self._to_follow_up[subscription, subscriber] = None
        else:
            self._lost += 1

    def take_lost(self) -> int:
        """How many changes could not wait, since the last call."""
        lost, self._lost = self._lost, 0
        return lost

    def take_told(self) -> list[EidPrefix]:
        """The EID-Prefixes whose change has been told to everybody, since the last call."""
        told, self._told = self._told, []
        return told

    def is_on_its_way(self, eid: EidPrefix) -> bool:
        """Whether a change of this EID-Prefix is still to be told to somebody."""
        return eid in self._changed or eid == self._telling

    def step(self, answers: Answers) -> Task | None:
        """One bounded piece of work: somebody to tell, or None where it led to nobody."""
        if self._steps is None:
            self._steps = self._begin(answers)
            return None
        try:
            return next(self._steps)
        except StopIteration:
            if self._telling is not None:
                self._told.append(self._telling)
            self._steps = self._telling = None
            return None

    def _begin(self, answers: Answers) -> Iterator[Task | None]:
        if self._changed:
            eid = next(iter(self._changed))
            before = self._changed.pop(eid)
            self._telling = eid
            record = None if before == self._published(eid) else answers.news(eid)
            return iter(()) if record is None else self._fan_out(eid, record)
        subscription, subscriber = next(iter(self._to_follow_up))
        del self._to_follow_up[subscription, subscriber]
        return self._inside(subscription, subscriber, answers)

    def _published(self, eid: EidPrefix) -> bytes | None:
        mapping = self._store.get(eid)
        return None if mapping is None else mapping.published

    def _fan_out(self, eid: EidPrefix, record: bytes) -> Iterator[Task | None]:
        """Each xTR at its longest EID-Prefix that covers the changed one."""
        longer: list[EidPrefix] = []
        for prefix, subscribers in self._store.subscriptions.covering(eid):
            for subscriber in subscribers:
                decided = any(self._is_decided(p, subscriber) for p in longer)
                yield None if decided else Task(prefix, subscriber, eid, record)
            longer.append(prefix)

    def _inside(
        self, subscription: EidPrefix, subscriber: bytes, answers: Answers
    ) -> Iterator[Task | None]:
        cursor = subscription
        while page := self._store.scan(cursor, PAGE):
            for mapping in page:
                cursor = mapping.eid
                if not subscription.covers(cursor):
                    return
                record = answers.news(cursor)
                if record is None or self._is_decided_between(cursor, subscription, subscriber):
                    yield None
                else:
                    yield Task(subscription, subscriber, cursor, record)

    def _is_decided_between(self, eid: EidPrefix, above: EidPrefix, subscriber: bytes) -> bool:
        for prefix, _ in self._store.subscriptions.covering(eid):
            if prefix.length <= above.length:
                return False
            if self._is_decided(prefix, subscriber):
                return True
        return False

    def _is_decided(self, prefix: EidPrefix, subscriber: bytes) -> bool:
        """Whether what the xTR hears of this part follows from what is held here."""
        held = self._store.subscriptions.get(prefix, subscriber)
        return held is not None and state_of(held.details) is not State.REMOVED
