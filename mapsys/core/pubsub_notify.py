"""Map-Notifies to subscribers, until acknowledged or every ITR-RLOC was tried (RFC 9437, 6)."""

from __future__ import annotations

import heapq
import struct
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final, TypeVar

from mapsys.core.effects import Dropped, Effect, Endpoint, Send
from mapsys.core.notify import GIVE_UP_SECONDS, SEND_OFFSETS_SECONDS
from mapsys.core.reasons import Drop
from mapsys.core.subscriptions import MAC_OCTETS
from mapsys.eid import EidPrefix
from mapsys.wire.auth import Key
from mapsys.wire.errors import WireError
from mapsys.wire.map_notify import MapNotify, MapNotifyAck

K = TypeVar("K")

_HEAD: Final = struct.Struct("!IQBBH")

MAX_WAITING: Final = 16_384
"""Map-Notifies that may wait at once; the next one is sent only once."""

MAX_WAITING_PER_XTR: Final = 1_024

MAX_WAITING_PER_RLOC: Final = 1_024
"""To one ITR-RLOC, whatever xTRs name it: else many could have one flooded with repeats."""

MAX_MAC_TRIES: Final = 16
"""Subscribers that one acknowledgment is compared with: nonces are of their choice, so several
may wait for the same one about the same EID-Prefixes."""


@dataclass(frozen=True, slots=True)
class Association:
    """What Map-Notifies to one subscriber are signed with.

    derived_key: the octets that the key was made of, where they came from a
    One-Time Key; they are kept with the subscription.
    """

    key_id: int
    algorithm_id: int
    key: Key
    derived_key: bytes = field(default=b"", repr=False)

    def notify_octets(self, nonce: int, records: Sequence[bytes]) -> bytes:
        """A signed Map-Notify around records that are octets already."""
        mac_octets = MAC_OCTETS[self.algorithm_id]
        word = MapNotify.TYPE << 28 | len(records)
        head = _HEAD.pack(word, nonce, self.key_id, self.algorithm_id, mac_octets)
        return self.key.sign(b"".join((head, bytes(mac_octets), *records)))


@dataclass(frozen=True, slots=True)
class Route:
    """One way to a subscriber: an ITR-RLOC, and our address towards it."""

    destination: Endpoint
    source: Endpoint | None

    def send(self, octets: bytes, after: int | None = None) -> Send:
        """The octets on this way. after: the ticket that they wait for."""
        return Send(octets, self.destination, self.source, after=after)


@dataclass(frozen=True, slots=True)
class Notice:
    """One Map-Notify to one subscriber.

    eids: those of its records, in order. routes: at least one, tried in turn.
    subscriptions: the EID-Prefixes whose subscription ends where nobody
    acknowledges it. news: the changed EID-Prefix, where it is a publication: later
    news about the same replaces it.
    """

    subscriber: bytes
    nonce: int
    eids: tuple[EidPrefix, ...]
    octets: bytes
    association: Association
    routes: tuple[Route, ...]
    subscriptions: tuple[EidPrefix, ...] = ()
    news: EidPrefix | None = None

    @property
    def hosts(self) -> frozenset[str]:
        """The ITR-RLOCs of its routes."""
        return frozenset(route.destination.host for route in self.routes)


@dataclass(slots=True)
class _Waiting:
    notice: Notice
    first_sent: float
    sent: int = 1
    route: int = 0

    def send(self, after: int | None = None) -> Send:
        return self.notice.routes[self.route].send(self.notice.octets, after)


class Unacknowledged:
    """Notices that wait for their Map-Notify-Ack, by the times of RFC 9301, 5.7."""

    def __init__(self) -> None:
        self._waiting: dict[int, _Waiting] = {}
        self._numbers = count()
        self._timers: list[tuple[float, int]] = []
        self._by_nonce: dict[int, dict[int, None]] = {}
        self._by_news: dict[tuple[bytes, EidPrefix], int] = {}
        self._by_subscription: dict[tuple[bytes, EidPrefix], dict[int, None]] = {}
        """Those that belong to one subscription alone."""
        self._per_xtr: Counter[bytes] = Counter()
        self._per_rloc: Counter[str] = Counter()
        """Each notice counts for every ITR-RLOC that it may be sent to."""
        self._about: Counter[EidPrefix] = Counter()
        self._quiet: dict[EidPrefix, None] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def send(self, notice: Notice, now: float, *, after: int | None) -> Send:
        """Send a notice, and again until it is acknowledged. after: the ticket it waits for."""
        if notice.news is not None:
            replaced = self._by_news.get((notice.subscriber, notice.news))
            if replaced is not None:
                self._end(replaced)
        waiting = _Waiting(notice, now)
        if self._may_wait(notice):
            self._begin(waiting)
        return waiting.send(after)

    def _may_wait(self, notice: Notice) -> bool:
        return (
            len(self._waiting) < MAX_WAITING
            and self._per_xtr[notice.subscriber] < MAX_WAITING_PER_XTR
            and all(self._per_rloc[host] < MAX_WAITING_PER_RLOC for host in notice.hosts)
        )

    def _begin(self, waiting: _Waiting) -> None:
        notice, number = waiting.notice, next(self._numbers)
        self._waiting[number] = waiting
        self._by_nonce.setdefault(notice.nonce, {})[number] = None
        self._per_xtr[notice.subscriber] += 1
        self._per_rloc.update(notice.hosts)
        if len(notice.subscriptions) == 1:
            key = (notice.subscriber, notice.subscriptions[0])
            self._by_subscription.setdefault(key, {})[number] = None
        if notice.news is not None:
            self._by_news[notice.subscriber, notice.news] = number
            self._about[notice.news] += 1
        heapq.heappush(self._timers, (waiting.first_sent + SEND_OFFSETS_SECONDS[1], number))

    def acknowledged(
        self, ack: MapNotifyAck, octets: bytes, source: Endpoint
    ) -> list[Effect] | None:
        """Stop repeating what a validated Map-Notify-Ack names; None where nothing has its nonce.

        It names it by its nonce and its EID-Prefixes; of several subscribers that
        is meant whose address it comes from, or else whose key it is signed with.
        """
        numbers = self._by_nonce.get(ack.nonce)
        if numbers is None:
            return None
        try:
            eids = tuple(record.eid_prefix for record in ack.records)
        except WireError as error:
            return [Dropped(source, "MapNotifyAck", error.reason)]
        meant = [number for number in numbers if self._waiting[number].notice.eids == eids]
        if not meant:
            return [Dropped(source, "MapNotifyAck", Drop.UNKNOWN_NOTIFY)]
        meant.sort(key=lambda number: not self._is_at(number, source.host))
        for number in meant[:MAX_MAC_TRIES]:
            if self._waiting[number].notice.association.key.verify(octets):
                self._end(number)
                return []
        return [Dropped(source, "MapNotifyAck", Drop.AUTHENTICATION_FAILED)]

    def _is_at(self, number: int, host: str) -> bool:
        return any(r.destination.host == host for r in self._waiting[number].notice.routes)

    def next_deadline(self) -> float | None:
        """When the next repeat is due."""
        while self._timers and self._timers[0][1] not in self._waiting:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def due(self, now: float, limit: int) -> tuple[list[Send], list[Notice]]:
        """Up to ``limit`` repeats that are due, and notices whose every route was tried in vain."""
        sends: list[Send] = []
        given_up: list[Notice] = []
        while len(sends) + len(given_up) < limit:
            deadline = self.next_deadline()
            if deadline is None or deadline > now:
                break
            number = heapq.heappop(self._timers)[1]
            waiting = self._waiting[number]
            if waiting.sent == len(SEND_OFFSETS_SECONDS):
                if waiting.route + 1 == len(waiting.notice.routes):
                    given_up.append(waiting.notice)
                    self._end(number)
                    continue
                waiting.route, waiting.sent, waiting.first_sent = waiting.route + 1, 0, now
            sends.append(waiting.send())
            waiting.sent += 1
            offset = (
                SEND_OFFSETS_SECONDS[waiting.sent]
                if waiting.sent < len(SEND_OFFSETS_SECONDS)
                else GIVE_UP_SECONDS
            )
            heapq.heappush(self._timers, (waiting.first_sent + offset, number))
        return sends, given_up

    def forget(self, subscriber: bytes, subscription: EidPrefix) -> None:
        """Repeat nothing that belongs to a subscription alone which is over, or made anew."""
        for number in list(self._by_subscription.get((subscriber, subscription), ())):
            self._end(number)

    def is_about(self, news: EidPrefix) -> bool:
        """Whether a publication about this EID-Prefix still waits."""
        return news in self._about

    def take_quiet(self) -> list[EidPrefix]:
        """The EID-Prefixes about which no publication waits any more, since the last call."""
        quiet = [eid for eid in self._quiet if eid not in self._about]
        self._quiet.clear()
        return quiet

    def _end(self, number: int) -> None:
        notice = self._waiting.pop(number).notice
        _take_out(self._by_nonce, notice.nonce, number)
        if len(notice.subscriptions) == 1:
            key = (notice.subscriber, notice.subscriptions[0])
            _take_out(self._by_subscription, key, number)
        _count_down(self._per_xtr, notice.subscriber)
        for host in notice.hosts:
            _count_down(self._per_rloc, host)
        if notice.news is not None:
            del self._by_news[notice.subscriber, notice.news]
            _count_down(self._about, notice.news)
            self._quiet[notice.news] = None


def _take_out(index: dict[K, dict[int, None]], key: K, number: int) -> None:
    numbers = index[key]
    del numbers[number]
    if not numbers:
        del index[key]


def _count_down(counter: Counter[K], key: K) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
