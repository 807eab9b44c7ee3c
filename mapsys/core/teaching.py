"""What an accepted Map-Register teaches a datapath, so that the next ones need no core."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from math import inf
from typing import Any, Final

from mapsys.core.admission_plan import AdmissionPlan
from mapsys.core.changes import Changes, Message
from mapsys.core.details import registrant_of
from mapsys.core.effects import Endpoint, Refreshed, Registered
from mapsys.core.history import Happening, History, Mover
from mapsys.core.key_uses import KeyUses
from mapsys.core.limiter import UNLIMITED, Budgets
from mapsys.core.more_specifics import MoreSpecifics
from mapsys.core.refresh import notify_word, plan_of, refresher
from mapsys.core.site import EidRule, SiteTable
from mapsys.core.verdict import Kind, Verdict, flags_of
from mapsys.eid import EidPrefix
from mapsys.store import Store

_RECORD_COUNT: Final = 0xFF
"""In the first word of a Map-Register."""

_PLAIN: Final = (Kind.FIRST, Kind.CHANGE, Kind.REFRESH)

Plans = Callable[[], list[AdmissionPlan]]


class Teaching:
    """Spells out what the core did with one Map-Register, where it would do so again.

    is_writable: whether the journal takes changes at present.
    """

    def __init__(
        self,
        store: Store,
        sites: SiteTable,
        budgets: Budgets,
        changes: Changes,
        *,
        key_uses: KeyUses,
        counts: MoreSpecifics,
        history: History,
        wall_offset: float,
        is_writable: Callable[[], bool],
    ) -> None:
        self._store = store
        self._sites = sites
        self._budgets = budgets
        self._changes = changes
        self._key_uses = key_uses
        self._counts = counts
        self._history = history
        self._wall_offset = wall_offset
        self._is_writable = is_writable

    def refreshed(self, verdicts: Sequence[Verdict], message: Message) -> Refreshed:
        """The effect, with how it can be had again where that may be."""
        effect = Refreshed(message.who.site.name, len(verdicts))
        if (
            message.relay is not None
            or _is_copy(message)
            or any(v.kind is not Kind.REFRESH or v.published != v.octets for v in verdicts)
        ):
            return effect
        told: dict[str, Any] = {
            "key_uses": self._key_uses,
            "register": message.register,
            "who": message.who,
            "sender": message.datagram.source.host,
            "held": [
                (
                    v.claim.eid,
                    self._changes.lifetime_seconds(message.register, v.record.record_ttl_minutes),
                )
                for v in verdicts
            ],
            "superseded_seconds": self._changes.superseded_seconds,
        }
        return replace(
            effect,
            again=refresher(self._store, self._budgets, self._is_writable, **told),
            plan=partial(plan_of, self._budgets, self._is_writable, **told),
        )

    def admissions(self, verdicts: Sequence[Verdict], message: Message) -> Plans | None:
        """How other plain Map-Registers like this one may be taken in; None: not at all."""
        register, who = message.register, message.who
        if (
            message.relay is not None
            or register.use_ttl_for_timeout
            or who.key.next is not None
            or who.key.holder is not None
            or who.site.records_only_mac
            or any(v.kind not in _PLAIN for v in verdicts)
            or _is_copy(message)
        ):
            return None
        rules = {v.claim.rule.prefix: v.claim.rule for v in verdicts}
        return partial(self._plans, list(rules.values()), message)

    def _plans(self, rules: list[EidRule], message: Message) -> list[AdmissionPlan]:
        return [self._plan(rule, message) for rule in rules if not self._sites.has_nested(rule)]

    def _plan(self, rule: EidRule, message: Message) -> AdmissionPlan:
        register, who, limits = message.register, message.who, self._budgets.limits
        site, key, secret = who.site, who.key, who.secret
        valid_from, valid_until = key.bounds_of(secret)
        rate = site.register_rate or limits.registers_per_site

        def accepted(count: int, now: float) -> None:
            self._key_uses.note(site.name, key, secret, now, count)

        def noted(
            eid: EidPrefix, source: Endpoint, first: bool, registrant: bytes, now: float
        ) -> Registered:
            what = Happening.REGISTERED if first else Happening.CHANGED
            by = Mover(registrant, source.host)
            self._history.record(what, eid, site.name, by, key.key_id, now=now)
            return Registered(eid, site.name, source, first)

        return AdmissionPlan(
            site.name,
            rule.prefix,
            rule.accept_more_specifics,
            int.from_bytes(message.datagram.data[:4], "big") & ~_RECORD_COUNT,
            key.key_id,
            secret,
            register.algorithm_id,
            len(register.authentication_data),
            -inf if valid_from is None else valid_from,
            inf if valid_until is None else valid_until,
            who.check.value,
            flags_of(register, relayed=False),
            self._changes.lifetime_seconds(register, 0),
            self._wall_offset,
            self._changes.superseded_seconds,
            notify_word(register) & ~_RECORD_COUNT,
            site.notify_to_source,
            self._counts.ceilings_of(rule, site.name),
            self._budgets.shared,
            limits.unproven_registers_per_source is not None
            or limits.unproven_registers_per_network is not None,
            None if rate is None or rate == UNLIMITED else (rate.per_second, rate.burst),
            self._budgets.site(site.name),
            self._is_open,
            accepted,
            noted,
        )

    def _is_open(self) -> bool:
        return self._is_writable() and not len(self._store.subscriptions)


def _is_copy(message: Message) -> bool:
    """Whether it was counted for somebody else; the next one from there need be no copy."""
    sender = message.datagram.source.host
    return message.who.registrant != registrant_of(message.register.xtr_id, sender)
