"""The newest events of this daemon, numbered, so that whoever reads them can go on where he was."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import islice
from typing import Final

from mapsys.core.effects import (
    Dropped,
    Effect,
    Endpoint,
    Expired,
    Moved,
    NearLimit,
    PublicationsLost,
    Refused,
    Registered,
    SubscriptionChanged,
    Withdrawn,
)
from mapsys.eid import EidPrefix
from mapsys.query_events_rows import EventKind, EventRow, MoveRow
from mapsys.query_explain_rows import MoverRow

RING_LIMIT: Final = 16_384
"""Events kept: about 5 MB. Who falls further behind begins again."""

REFUSALS_PER_SECOND: Final = 20
"""Anyone can send what is refused; more than these are counted only."""


class EventRing:
    """Numbers events and keeps the newest. Of one thread.

    wall: Unix time. session: names this numbering; a daemon that starts draws another.
    """

    def __init__(self, wall: Callable[[], float] = time.time, limit: int = RING_LIMIT) -> None:
        self.session: Final = secrets.token_hex(8)
        self.last = 0
        self._wall = wall
        self._rows: deque[EventRow] = deque(maxlen=limit)
        self._waiting: set[asyncio.Future[None]] = set()
        self._refusals = self._suppressed = 0
        self._second = 0

    @property
    def first(self) -> int:
        """The serial of the oldest event that is kept, or of the next one."""
        return self.last + 1 - len(self._rows)

    def holds_all_after(self, session: str | None, serial: int) -> bool:
        """Whether nothing after a position is missing."""
        return session == self.session and self.first - 1 <= serial <= self.last

    def after(
        self, serial: int, limit: int, kinds: Collection[EventKind] | None = None
    ) -> list[EventRow]:
        """The kept events after a serial, oldest first. kinds: no others; None is all."""
        later: Iterator[EventRow] = islice(self._rows, max(0, serial + 1 - self.first), None)
        if kinds is not None:
            later = (row for row in later if row.kind in kinds)
        return list(islice(later, limit))

    async def wait_after(self, serial: int, seconds: float) -> None:
        """Return once there is an event after the serial, or when the time is over."""
        if self.last > serial or seconds <= 0:
            return
        woken = asyncio.get_running_loop().create_future()
        self._waiting.add(woken)
        try:
            await asyncio.wait((woken,), timeout=seconds)
        finally:
            self._waiting.discard(woken)

    def note(
        self,
        kind: EventKind,
        *,
        site: str | None = None,
        eid: EidPrefix | None = None,
        source: Endpoint | None = None,
        detail: str | None = None,
        move: MoveRow | None = None,
    ) -> None:
        """Number and keep one event."""
        self.last += 1
        packed = None if eid is None else eid.pack()
        sender = None if source is None else str(source)
        self._rows.append(
            EventRow(self.last, self._wall(), kind, site, packed, sender, detail, move)
        )
        for woken in self._waiting:
            if not woken.done():
                woken.set_result(None)

    def observe(self, effects: Iterable[Effect], _now: float) -> None:
        """Take in what the core decided."""
        for effect in effects:
            match effect:
                case Registered(eid, site, source, first):
                    kind = EventKind.REGISTERED if first else EventKind.CHANGED
                    self.note(kind, site=site, eid=eid, source=source)
                case Withdrawn(eid, site, source):
                    self.note(EventKind.WITHDRAWN, site=site, eid=eid, source=source)
                case Moved(eid, site, source):
                    self.note(
                        EventKind.MOVED, site=site, eid=eid, source=source, move=_move(effect)
                    )
                case Expired(eid, site):
                    self.note(EventKind.EXPIRED, site=site, eid=eid)
                case Refused(source, site, refused_eid, reason, detail):
                    self._refusal(
                        EventKind.REFUSED, site, refused_eid, source, f"{reason}: {detail}"
                    )
                case Dropped(source, _, reason, site) if site:
                    self._refusal(EventKind.DROPPED, site, None, source, reason)
                case NearLimit(prefix, site, held, limit, what):
                    detail = f"{held} {what}, of at most {limit}"
                    self.note(EventKind.NEAR_LIMIT, site=site, eid=prefix, detail=detail)
                case SubscriptionChanged(eid, _, change):
                    self.note(EventKind.SUBSCRIPTION, eid=eid, detail=change.value)
                case PublicationsLost(count):
                    self.note(EventKind.PUBLICATIONS_LOST, detail=str(count))

    def _refusal(
        self, kind: EventKind, site: str, eid: EidPrefix | None, source: Endpoint, detail: str
    ) -> None:
        second = int(self._wall())
        if second != self._second:
            self._second, self._refusals = second, 0
            if self._suppressed:
                detail_of_them = f"{self._suppressed} more were refused or dropped"
                self._suppressed = 0
                self.note(EventKind.SUPPRESSED, detail=detail_of_them)
        if self._refusals == REFUSALS_PER_SECOND:
            self._suppressed += 1
            return
        self._refusals += 1
        self.note(kind, site=site, eid=eid, source=source, detail=detail)


def _move(effect: Moved) -> MoveRow:
    pairs = zip(effect.previous_registrants, effect.previous_hosts, strict=True)
    by = MoverRow(effect.registrant, effect.source.host)
    return MoveRow([MoverRow(registrant, host) for registrant, host in pairs], by)
