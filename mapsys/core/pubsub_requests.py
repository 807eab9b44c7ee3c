"""What one record of a Map-Request that asks to be notified comes to (RFC 9437, 5 and 7.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mapsys.core.limiter import TokenBuckets
from mapsys.core.pubsub_access import Access, wants_removal
from mapsys.core.pubsub_answers import Answers, Target
from mapsys.core.pubsub_book import Book, Removal
from mapsys.core.pubsub_notify import Association
from mapsys.core.pubsub_otk import UsedKeys, derived_association, has_one_time_key
from mapsys.core.pubsub_settings import PubSubSettings
from mapsys.core.questions import Question
from mapsys.core.reasons import Drop
from mapsys.core.resolution import Outcome, Resolver, Why
from mapsys.core.subscriptions import State
from mapsys.eid import EidPrefix
from mapsys.subscriptions import Subscription
from mapsys.wire.records import Action

LAST_NONCE: Final = 2**64 - 2**32
"""A subscription that began above this could run out of nonces for its publications."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One Map-Request as far as all its records have it in common.

    hosts: where a Map-Notify may go, at least one. room: octets of records that fit
    one. association: what it is to be signed with; None where nothing is agreed.
    """

    question: Question
    xtr_id: bytes
    hosts: tuple[str, ...]
    room: int
    association: Association | None

    @property
    def nonce(self) -> int:
        """The Map-Request's."""
        return self.question.request.nonce

    def is_replayed(self, held: Subscription | None) -> bool:
        """Whether the nonce did not rise; with a new association it may begin anew."""
        if held is None or (self.association is not None and self.association.derived_key):
            return False
        return self.nonce <= held.nonce


@dataclass(frozen=True, slots=True)
class Join:
    """A subscription to make. requested: the EID-Prefix in the request."""

    requested: EidPrefix
    target: Target
    association: Association


@dataclass(frozen=True, slots=True)
class Leave:
    """A subscription to remove, or a part of one to silence."""

    requested: EidPrefix
    removal: Removal
    association: Association


Decision = Join | Leave | Action | Drop | None
"""An Action refuses with a negative Map-Reply. A Drop costs the whole message. None
leaves the record an ordinary question: the EID is not answered for here, or
resources are out."""


class Requests:
    """Judges requests; changes nothing but budgets."""

    def __init__(
        self,
        settings: PubSubSettings,
        access: Access,
        *,
        resolver: Resolver,
        answers: Answers,
        book: Book,
        used_keys: UsedKeys,
    ) -> None:
        self._settings = settings
        self._access = access
        self._resolver = resolver
        self._answers = answers
        self._book = book
        self._used_keys = used_keys
        self._budget = TokenBuckets(settings.requests_per_xtr)

    def association(self, question: Question, xtr_id: bytes, now: float) -> Association | None:
        """What Map-Notifies to the xTR are to be signed with; None where nothing is agreed.

        A configured key comes first; a One-Time Key serves those that have none.
        """
        shared = self._settings.key_of(xtr_id)
        if shared is not None:
            return Association(shared.key_id, shared.algorithm_id, shared.secret)
        if has_one_time_key(question) and self._used_keys.are_new(question, xtr_id, now):
            return derived_association(question)
        return None

    def decide(self, asked: Asked, eid: EidPrefix, now: float) -> Decision:
        """What to do about one EID-Prefix."""
        question = asked.question
        if not self._access.trusts(question):
            return Action.DROP_POLICY_DENIED
        decide = self._leave if wants_removal(question.request) else self._join
        decision = decide(asked, eid)
        if isinstance(decision, Join | Leave) and not self._budget.take(asked.xtr_id, now):
            return None
        return decision

    def _join(self, asked: Asked, eid: EidPrefix) -> Decision:
        answer = self._resolver.resolve(eid, from_pitr=asked.question.request.pitr)
        # Of a prefix that is known in parts only, the answer is about its first EID.
        is_about_all = answer.eid == eid
        if answer.outcome is Outcome.ELSEWHERE:
            return None
        if answer.outcome is Outcome.FORWARD and is_about_all:
            return None
        if not self._settings.allows(asked.xtr_id, eid):
            return Action.DROP_POLICY_DENIED
        if answer.why is Why.POLICY and is_about_all:
            return Action.DROP_POLICY_DENIED
        if asked.association is None:
            return Action.DROP_AUTH_FAILURE
        target = self._answers.target(eid, answer, asked.room)
        held = self._book.get(target.eid, asked.xtr_id)
        if asked.is_replayed(held):
            return Drop.REPLAYED
        if asked.nonce > LAST_NONCE or (held is None and not self._book.has_room(asked.xtr_id)):
            return None
        return Join(eid, target, asked.association)

    def _leave(self, asked: Asked, eid: EidPrefix) -> Decision:
        removal = self._book.removal(eid, asked.xtr_id)
        held = removal.held
        if held is None and self._resolver.resolve(eid).outcome is Outcome.ELSEWHERE:
            return None
        if not self._settings.allows(asked.xtr_id, eid):
            return Action.DROP_POLICY_DENIED
        if asked.association is None:
            return Action.DROP_AUTH_FAILURE
        if asked.is_replayed(held):
            return Drop.REPLAYED
        adds = held is None and removal.state is State.SILENT
        if adds and not self._book.has_room(asked.xtr_id):
            return None
        return Leave(eid, removal, asked.association)
