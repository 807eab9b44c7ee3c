"""The states of subscriptions, and how they change (RFC 9437, 5)."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from mapsys.core.effects import Effect, SubscriptionChange, SubscriptionChanged
from mapsys.core.pubsub_notify import Unacknowledged
from mapsys.core.pubsub_settings import PubSubSettings
from mapsys.core.subscriptions import State, SubscriberDetails, state_of
from mapsys.eid import EidPrefix
from mapsys.store import Store
from mapsys.subscriptions import Subscription


@dataclass(frozen=True, slots=True)
class Removal:
    """What a request to remove a subscription comes to.

    at: the EID-Prefix whose state changes. state: REMOVED, or SILENT where a
    less-specific subscription goes on. held: what is there now; None for nothing.
    """

    at: EidPrefix
    state: State
    held: Subscription | None


class Book:
    """Reads and writes the store's subscriptions; every change of state passes here."""

    def __init__(
        self, store: Store, unacknowledged: Unacknowledged, settings: PubSubSettings
    ) -> None:
        self._held = store.subscriptions
        self._unacknowledged = unacknowledged
        self._settings = settings

    def get(self, eid: EidPrefix, xtr_id: bytes) -> Subscription | None:
        """What is held for the xTR at exactly this EID-Prefix, whatever its state."""
        return self._held.get(eid, xtr_id)

    def active(
        self, eid: EidPrefix, xtr_id: bytes
    ) -> tuple[Subscription, SubscriberDetails] | None:
        """The subscription of an xTR that hears of changes."""
        held = self._held.get(eid, xtr_id)
        if held is None:
            return None
        details = SubscriberDetails.unpack(held.details)
        return (held, details) if details.state is State.ACTIVE else None

    def has_room(self, xtr_id: bytes) -> bool:
        """Whether one more EID-Prefix may be held for the xTR."""
        return (
            len(self._held) < self._settings.subscriptions_limit
            and self._held.held_by(xtr_id) < self._settings.subscriptions_per_xtr
        )

    def removal(self, eid: EidPrefix, xtr_id: bytes) -> Removal:
        """What the removal of a subscription for this EID-Prefix means.

        Without a subscription of its own the EID-Prefix is silenced under a
        less-specific one; but where that one was made by a request for this very
        EID-Prefix, it is the one that is meant.
        """
        held = self._held.get(eid, xtr_id)
        if held is not None and state_of(held.details) is State.ACTIVE:
            return Removal(eid, State.REMOVED, held)
        for prefix, _ in self._held.covering(eid):
            found = self.active(prefix, xtr_id)
            if found is not None:
                above, details = found
                if details.requested == eid:
                    return Removal(prefix, State.REMOVED, above)
                return Removal(eid, State.SILENT, held)
        return Removal(eid, State.REMOVED, held)

    def activate(
        self, eid: EidPrefix, xtr_id: bytes, details: SubscriberDetails, nonce: int, now: float
    ) -> list[Effect]:
        """Hold a subscription, in place of whatever was held for the xTR before.

        Where the request named a part that had been silenced, the silence is over.
        """
        requested = self._held.get(details.requested, xtr_id)
        if requested is not None and state_of(requested.details) is State.SILENT:
            self._close(requested, State.REMOVED, nonce, now)
        minutes = self._settings.temporary_minutes
        deadline = now + 60 * minutes if details.temporary else inf
        self._unacknowledged.forget(xtr_id, eid)
        self._held.put(eid, xtr_id, nonce=nonce, deadline=deadline, details=details.pack())
        made = SubscriptionChange.TEMPORARY if details.temporary else SubscriptionChange.SUBSCRIBED
        return [SubscriptionChanged(eid, xtr_id, made)]

    def remove(
        self, removal: Removal, xtr_id: bytes, details: SubscriberDetails, nonce: int, now: float
    ) -> list[Effect]:
        """Carry out a removal; what was never held leaves nothing behind.

        details: those that stand in for a subscription which was not there.
        """
        held = removal.held
        if held is None:
            if removal.state is State.REMOVED:
                return []
            held = Subscription(removal.at, xtr_id, 0.0, 0, details.pack())
        self._close(held, removal.state, nonce, now)
        change = (
            SubscriptionChange.SILENCED
            if removal.state is State.SILENT
            else SubscriptionChange.UNSUBSCRIBED
        )
        return [SubscriptionChanged(removal.at, xtr_id, change)]

    def end(self, held: Subscription, change: SubscriptionChange, now: float) -> list[Effect]:
        """End a subscription without its xTR having asked; its nonce stays."""
        self._close(held, State.REMOVED, held.nonce, now)
        return [SubscriptionChanged(held.eid, held.subscriber, change)]

    def lapse(self, now: float, limit: int) -> list[Effect]:
        """End what was temporary, and forget nonces that were kept long enough."""
        effects: list[Effect] = []
        for held in self._held.due(now, limit):
            state = state_of(held.details)
            if state is State.ACTIVE:
                effects.extend(self.end(held, SubscriptionChange.EXPIRED, now))
            elif state is State.SILENT and self._is_covered(held):
                self._close(held, State.SILENT, held.nonce, now)
            else:
                self._held.remove(held.eid, held.subscriber)
        return effects

    def _is_covered(self, held: Subscription) -> bool:
        return any(
            self.active(prefix, held.subscriber) is not None
            for prefix, _ in self._held.covering(held.eid)
        )

    def _close(self, held: Subscription, state: State, nonce: int, now: float) -> None:
        """Keep nothing but the nonce, and whether the xTR wants silence here."""
        before = SubscriberDetails.unpack(held.details)
        self._unacknowledged.forget(held.subscriber, held.eid)
        self._held.put(
            held.eid,
            held.subscriber,
            nonce=nonce,
            deadline=now + self._settings.nonce_memory_seconds,
            details=SubscriberDetails(
                state,
                before.key_id,
                before.algorithm_id,
                before.request_nonce,
                before.requested,
                before.local,
            ).pack(),
        )
