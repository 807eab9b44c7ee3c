"""Publications: changed mappings to their subscribers, at a pace (RFC 9437, 6)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mapsys.core.effects import Effect, PublicationsLost, Published, SubscriptionChange
from mapsys.core.limiter import TokenBuckets
from mapsys.core.pubsub_answers import Answers, refusal_record
from mapsys.core.pubsub_book import Book
from mapsys.core.pubsub_news import News, Task
from mapsys.core.pubsub_notify import Association, Notice, Unacknowledged
from mapsys.core.pubsub_send import Sender
from mapsys.core.pubsub_settings import PubSubSettings
from mapsys.core.subscriptions import SubscriberDetails
from mapsys.eid import EidPrefix
from mapsys.subscriptions import Subscriptions
from mapsys.wire.auth import Key
from mapsys.wire.records import Action

LAST_NONCE: Final = 2**64 - 1

SHORTEST_PAUSE_SECONDS: Final = 0.02
"""Between publications over the pace: then several at once, rather than a timer for each."""


PUBLISH_STEPS: Final = 128
"""Steps of one call, each of which tells one subscriber at most: about 5 ms."""


class Publishing:
    """Tells subscribers what has changed, and ends subscriptions that nobody answers for."""

    def __init__(
        self,
        subscriptions: Subscriptions,
        settings: PubSubSettings,
        *,
        sender: Sender,
        unacknowledged: Unacknowledged,
        answers: Answers,
        book: Book,
        news: News,
    ) -> None:
        self._subscriptions = subscriptions
        self._settings = settings
        self._sender = sender
        self._unacknowledged = unacknowledged
        self._answers = answers
        self._book = book
        self._news = news
        self._pace = TokenBuckets(settings.notifies)
        self._may_send = False
        self._next_at = 0.0

    def next_deadline(self) -> float | None:
        """When ``due`` has something to do next; in the past where it has now."""
        deadlines = (
            self._subscriptions.next_deadline(),
            self._unacknowledged.next_deadline(),
            None if self._news.is_idle else self._next_at,
        )
        return min((d for d in deadlines if d is not None), default=None)

    def due(self, now: float, limit: int) -> list[Effect]:
        """End and repeat what it is time for, ``limit`` of each at most, and go on publishing."""
        effects = self._book.lapse(now, limit)
        repeats, given_up = self._unacknowledged.due(now, limit)
        effects.extend(repeats)
        for notice in given_up:
            effects.extend(self._give_up(notice, now))
        effects.extend(self._publish(now))
        lost = self._news.take_lost()
        if lost:
            effects.append(PublicationsLost(lost))
        self.settle()
        return effects

    def settle(self) -> None:
        """Note of which changes every subscriber has heard, or was given up."""
        self._settle(self._news.take_told())
        self._settle(self._unacknowledged.take_quiet())

    def _settle(self, eids: Iterable[EidPrefix]) -> None:
        for eid in eids:
            if not self._news.is_on_its_way(eid) and not self._unacknowledged.is_about(eid):
                self._subscriptions.settle(eid)

    def _publish(self, now: float) -> list[Effect]:
        effects: list[Effect] = []
        rate = self._settings.notifies
        for _ in range(PUBLISH_STEPS):
            if self._news.is_idle:
                break
            if rate is not None and not self._may_send and not self._pace.take(b"", now):
                # A little more than exact, since clocks are rounded.
                self._next_at = now + max(SHORTEST_PAUSE_SECONDS, 1.001 / rate.per_second)
                break
            self._may_send = True
            task = self._news.step(self._answers)
            sent = [] if task is None else self._tell(task, now)
            self._may_send = not sent
            effects.extend(sent)
        return effects

    def _tell(self, task: Task, now: float) -> list[Effect]:
        """One publication, under the next nonce of the subscription.

        Where the xTR also has a nonce of its own for the very EID-Prefix told of, it
        is exceeded too, so that the nonces it sees there only rise.
        """
        found = self._book.active(task.subscription, task.subscriber)
        if found is None or not self._settings.concerns(task.subscriber, task.news):
            return []
        held, details = found
        association = self._association(details)
        if association is None:
            return self._book.end(held, SubscriptionChange.KEY_GONE, now)
        own = self._book.get(task.news, task.subscriber)
        nonce = max(held.nonce, 0 if own is None else own.nonce) + 1
        if nonce > LAST_NONCE:
            return self._book.end(held, SubscriptionChange.NONCES_USED_UP, now)
        self._subscriptions.raise_nonce(held.eid, held.subscriber, nonce)
        notice = Notice(
            held.subscriber,
            nonce,
            (task.news,),
            association.notify_octets(nonce, [task.record]),
            association,
            self._sender.routes(details.itr_rlocs, details.local),
            (held.eid,),
            task.news,
        )
        return [Published(task.news), self._sender.send(notice, now)]

    def _association(self, details: SubscriberDetails) -> Association | None:
        if details.derived_key:
            secret = details.derived_key
            return Association(details.key_id, details.algorithm_id, Key(secret), secret)
        key = self._settings.key(details.key_id)
        return None if key is None else Association(key.key_id, key.algorithm_id, key.secret)

    def _give_up(self, notice: Notice, now: float) -> list[Effect]:
        """End the subscriptions of a notice that nobody acknowledged, and say so once."""
        effects: list[Effect] = []
        ended: list[EidPrefix] = []
        for eid in notice.subscriptions:
            found = self._book.active(eid, notice.subscriber)
            if found is None:
                continue
            held, details = found
            if details.request_nonce <= notice.nonce <= held.nonce:
                effects.extend(self._book.end(held, SubscriptionChange.UNACKNOWLEDGED, now))
                ended.append(eid)
        if ended:
            records = [refusal_record(eid, Action.DROP_AUTH_FAILURE) for eid in ended]
            octets = notice.association.notify_octets(notice.nonce, records)
            effects.append(self._sender.send_once(octets, notice.routes[0]))
        return effects
