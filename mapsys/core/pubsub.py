"""Publish and subscribe, the core's door to it (RFC 9437)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mapsys.core.effects import Effect, Endpoint
from mapsys.core.pubsub_access import Access, wants_subscription, without_subscriptions
from mapsys.core.pubsub_answers import Answers
from mapsys.core.pubsub_book import Book
from mapsys.core.pubsub_news import News
from mapsys.core.pubsub_notify import Unacknowledged
from mapsys.core.pubsub_otk import UsedKeys
from mapsys.core.pubsub_publish import Publishing
from mapsys.core.pubsub_requests import Requests
from mapsys.core.pubsub_send import Sender
from mapsys.core.pubsub_settings import PubSubSettings
from mapsys.core.pubsub_subscribe import Refuse, Subscribing, Taken
from mapsys.core.questions import LocalAddresses, Question
from mapsys.core.resolution import Resolver
from mapsys.eid import EidPrefix
from mapsys.store import Store
from mapsys.wire.map_notify import MapNotifyAck
from mapsys.wire.records import RlocRecord


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What subscriptions need of the rest of the server.

    refuse: sends a negative Map-Reply. path_mtu: octets of a whole IP packet; None
    for the RFC's safe sizes. petr: as for Map-Replies. protected_only: whether
    Map-Requests without LISP-SEC get silence here.
    """

    access: Access
    resolver: Resolver
    local: LocalAddresses
    refuse: Refuse
    path_mtu: int | None = None
    petr: tuple[RlocRecord, ...] = ()
    protected_only: bool = False


class PubSub:
    """Takes subscriptions and serves them; the store holds them.

    writable: whether the journal takes changes; while it does not, nobody can subscribe.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._unacknowledged = Unacknowledged()
        self._news = News(store)
        self._access = Access(None, ())
        self._protected_only = False
        self._subscribing: Subscribing | None = None
        self._publishing: Publishing | None = None
        self.writable = True

    def use(self, settings: PubSubSettings | None, around: Surroundings) -> None:
        """Go by these settings from now on; None leaves what is held alone until others come."""
        self._access = around.access
        self._protected_only = around.protected_only
        self._subscribing = self._publishing = None
        if settings is None:
            return
        answers = Answers(
            self._store,
            around.resolver,
            temporary_minutes=settings.temporary_minutes,
            petr=around.petr,
        )
        sender = Sender(self._store, self._unacknowledged, around.local, around.path_mtu)
        book = Book(self._store, self._unacknowledged, settings)
        used_keys = UsedKeys(self._store, settings.nonce_memory_seconds)
        requests = Requests(
            settings,
            around.access,
            resolver=around.resolver,
            answers=answers,
            book=book,
            used_keys=used_keys,
        )
        self._subscribing = Subscribing(
            sender,
            requests=requests,
            answers=answers,
            book=book,
            news=self._news,
            used_keys=used_keys,
            refuse=around.refuse,
        )
        self._publishing = Publishing(
            self._store.subscriptions,
            settings,
            sender=sender,
            unacknowledged=self._unacknowledged,
            answers=answers,
            book=book,
            news=self._news,
        )

    def about_to_change(self, eid: EidPrefix, *, told_anew: bool = False) -> None:
        """To be called before what is published for an EID-Prefix changes.

        told_anew: what is registered stays, and is told in another way.
        """
        if self._publishing is not None:
            self._news.about_to_change(eid, told_anew=told_anew)

    def take(self, question: Question, eids: Sequence[EidPrefix], now: float) -> Taken:
        """Deal with the records of a question that have the N bit; the rest is left.

        Without an xTR-ID the N bit means nothing. Where nobody can subscribe it is
        cleared, so that it leaves this node only for xTRs that are verified.
        """
        xtr_id = question.request.xtr_id
        if xtr_id is None or not wants_subscription(question.request):
            return Taken([], question, eids)
        if self._subscribing is None:
            if not self._access.vouches(question):
                question = without_subscriptions(question)
            return Taken([], question, eids)
        if not self.writable or (self._protected_only and question.protection is None):
            return Taken([], question, eids)
        return self._subscribing.take(question, xtr_id, eids, now)

    def acknowledged(
        self, ack: MapNotifyAck, octets: bytes, source: Endpoint
    ) -> list[Effect] | None:
        """Take a Map-Notify-Ack; None where no subscriber's Map-Notify has its nonce."""
        effects = self._unacknowledged.acknowledged(ack, octets, source)
        if self._publishing is not None:
            self._publishing.settle()
        return effects

    def next_deadline(self) -> float | None:
        """When ``due`` has something to do next."""
        return None if self._publishing is None else self._publishing.next_deadline()

    def due(self, now: float, limit: int) -> list[Effect]:
        """End and repeat what it is time for, ``limit`` of each at most, and go on publishing."""
        return [] if self._publishing is None else self._publishing.due(now, limit)
