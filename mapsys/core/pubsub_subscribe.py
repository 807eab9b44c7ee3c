"""Subscription requests carried out: state, then the Map-Notify that confirms (RFC 9437, 5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from mapsys.core.effects import Answered, Dropped, Effect
from mapsys.core.pubsub_access import source_rloc, wants_removal
from mapsys.core.pubsub_answers import Answers, Told
from mapsys.core.pubsub_book import Book
from mapsys.core.pubsub_news import News
from mapsys.core.pubsub_notify import Association, Notice
from mapsys.core.pubsub_otk import UsedKeys
from mapsys.core.pubsub_requests import Asked, Decision, Join, Leave, Requests
from mapsys.core.pubsub_send import Sender
from mapsys.core.questions import Question
from mapsys.core.reasons import Drop
from mapsys.core.replies import MAX_RECORDS
from mapsys.core.subscriptions import State, SubscriberDetails
from mapsys.eid import EidPrefix
from mapsys.wire.address import ip_address
from mapsys.wire.records import Action

MESSAGE: Final = "MapRequest"

Refuse = Callable[[Question, Sequence[EidPrefix], Action, float], list[Effect]]
"""Sends a negative Map-Reply with an action about some EID-Prefixes."""


class Taken(NamedTuple):
    """What became of the N bits of a question, and what is left of it to answer.

    eids: in step with the records of the question that is left; empty where nothing is.
    """

    effects: list[Effect]
    question: Question
    eids: Sequence[EidPrefix]


@dataclass(frozen=True, slots=True)
class _Confirmation:
    """What one Map-Notify tells, and the subscriptions that it confirms."""

    told: list[Told]
    subscriptions: list[EidPrefix]

    def takes(self, other: _Confirmation, room: int) -> bool:
        """Take in another one, where both fit one Map-Notify."""
        together = [*self.told, *other.told]
        if len(together) > MAX_RECORDS or sum(len(one.record) for one in together) > room:
            return False
        self.told.extend(other.told)
        self.subscriptions.extend(other.subscriptions)
        return True


class Subscribing:
    """Takes the records of Map-Requests that have the N bit."""

    def __init__(
        self,
        sender: Sender,
        *,
        requests: Requests,
        answers: Answers,
        book: Book,
        news: News,
        used_keys: UsedKeys,
        refuse: Refuse,
    ) -> None:
        self._sender = sender
        self._requests = requests
        self._answers = answers
        self._book = book
        self._news = news
        self._used_keys = used_keys
        self._refuse = refuse

    def take(
        self, question: Question, xtr_id: bytes, eids: Sequence[EidPrefix], now: float
    ) -> Taken:
        """Carry out what a question asks for; records that it does not ask for are left."""
        request = question.request
        removes = wants_removal(request)
        rlocs = (ip_address(source_rloc(question)),) if removes else request.itr_rlocs
        hosts = self._sender.usable(question, rlocs)
        if not hosts:
            return Taken([], question, eids)
        asked = Asked(
            question,
            xtr_id,
            hosts,
            self._sender.room(hosts[0]),
            self._requests.association(question, xtr_id, now),
        )
        decisions: list[Decision] = [
            self._requests.decide(asked, eid, now) if record.notification_requested else None
            for record, eid in zip(request.records, eids, strict=True)
        ]
        if Drop.REPLAYED in decisions:
            return Taken([Dropped(question.asker, MESSAGE, Drop.REPLAYED)], question, ())
        accepted = {_place(d): d for d in decisions if isinstance(d, Join | Leave)}
        effects = self._accept(list(accepted.values()), asked, now)
        for action in (Action.DROP_POLICY_DENIED, Action.DROP_AUTH_FAILURE):
            refused = [e for e, decision in zip(eids, decisions, strict=True) if decision is action]
            if refused:
                # A removal names no ITR-RLOC: it is answered where it came from.
                answerable = replace(question, request=replace(request, itr_rlocs=rlocs))
                effects.extend(self._refuse(answerable, refused, action, now))
        left = [number for number, decision in enumerate(decisions) if decision is None]
        if len(left) < len(eids):
            records = tuple(request.records[number] for number in left)
            question = replace(question, request=replace(request, records=records), packet=None)
        return Taken(effects, question, [eids[number] for number in left])

    def _accept(self, accepted: Sequence[Join | Leave], asked: Asked, now: float) -> list[Effect]:
        effects: list[Effect] = []
        notifies: list[_Confirmation] = []
        for decision in accepted:
            if isinstance(decision, Join):
                effects.extend(self._join(decision, asked, now))
                target = decision.target
                confirmation = _Confirmation(list(target.told), [target.eid])
            else:
                effects.extend(self._leave(decision, asked, now))
                at = decision.removal.at
                confirmation = _Confirmation([Told(at, self._answers.present(at))], [])
            if not (notifies and notifies[-1].takes(confirmation, asked.room)):
                notifies.append(confirmation)
        if accepted and accepted[0].association.derived_key:
            self._used_keys.note(asked.question, now)
        for confirmation in notifies:
            effects.append(self._confirm(confirmation, accepted[0].association, asked, now))
        return effects

    def _join(self, join: Join, asked: Asked, now: float) -> list[Effect]:
        target = join.target
        details = replace(
            _details(join, asked),
            itr_rlocs=asked.hosts,
            temporary=target.temporary,
            derived_key=join.association.derived_key,
        )
        if target.rest_follows:
            self._news.follow_up(target.eid, asked.xtr_id)
        return [
            Answered(join.requested, "subscribed"),
            *self._book.activate(target.eid, asked.xtr_id, details, asked.nonce, now),
        ]

    def _leave(self, leave: Leave, asked: Asked, now: float) -> list[Effect]:
        details = _details(leave, asked)
        return [
            Answered(leave.requested, "unsubscribed"),
            *self._book.remove(leave.removal, asked.xtr_id, details, asked.nonce, now),
        ]

    def _confirm(
        self, confirmation: _Confirmation, association: Association, asked: Asked, now: float
    ) -> Effect:
        records = [one.record for one in confirmation.told]
        notice = Notice(
            asked.xtr_id,
            asked.nonce,
            tuple(one.eid for one in confirmation.told),
            association.notify_octets(asked.nonce, records),
            association,
            self._sender.routes(asked.hosts, asked.question.local),
            tuple(confirmation.subscriptions),
        )
        return self._sender.send(notice, now)


def _details(decision: Join | Leave, asked: Asked) -> SubscriberDetails:
    return SubscriberDetails(
        State.ACTIVE,
        decision.association.key_id,
        decision.association.algorithm_id,
        asked.nonce,
        decision.requested,
        asked.question.local,
    )


def _place(decision: Join | Leave) -> EidPrefix:
    """Where state changes. Of records of one message that mean the same place, the last counts."""
    return decision.target.eid if isinstance(decision, Join) else decision.removal.at
