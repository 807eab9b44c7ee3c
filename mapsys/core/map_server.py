"""The Map-Server's answers to Map-Requests: proxy, forward or negative (RFC 9301, 8.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from mapsys.core.effects import (
    Answered,
    Dropped,
    Effect,
    Endpoint,
    Oversized,
    Repeat,
    Scope,
    Send,
)
from mapsys.core.forwarding import etr_host, inner_packet
from mapsys.core.limiter import Budgets
from mapsys.core.lisp_sec_answers import etr_data, reply_data, signed, some_etr_can_sign
from mapsys.core.notify import CONTROL_PORT
from mapsys.core.questions import LocalAddresses, Question, ip_version, usable_itr_rloc
from mapsys.core.reasons import Drop
from mapsys.core.replies import (
    assemble,
    negative_record,
    positive_records,
    room_for_records,
)
from mapsys.core.resolution import (
    TTL_NOT_REGISTERED_MINUTES,
    Outcome,
    Resolution,
    Resolver,
    Why,
)
from mapsys.core.shared_budgets import AnswerBudgets, Host
from mapsys.eid import EidPrefix
from mapsys.store import Mapping, Store
from mapsys.wire.ecm import Ecm
from mapsys.wire.map_request import MapRequestRecord
from mapsys.wire.records import Action, RlocRecord

MESSAGE = "MapRequest"


class MapServer:
    """Answers for what is registered and configured here."""

    def __init__(
        self,
        store: Store,
        resolver: Resolver,
        budgets: Budgets,
        local: LocalAddresses,
        *,
        path_mtu: int | None,
        petr: Sequence[RlocRecord] = (),
        lisp_sec_required: bool = False,
    ) -> None:
        """path_mtu: octets of a whole IP packet; None for the RFC's safe sizes.

        petr: locators of PETRs to name instead of forwarding natively; empty to say
        natively-forward. lisp_sec_required: answer protected Map-Requests alone.
        """
        self._store = store
        self._resolver = resolver
        self._budgets = budgets
        self._local = local
        self._path_mtu = path_mtu
        self._petr = tuple(petr)
        self._lisp_sec_required = lisp_sec_required

    def answer(self, question: Question, eids: Sequence[EidPrefix], now: float) -> list[Effect]:
        """Answer a Map-Request; silence where one of its EIDs is not this server's."""
        return self.carry_out(question, [self.decide(question, eid) for eid in eids], now)

    def carry_out(
        self, question: Question, resolutions: Sequence[Resolution], now: float
    ) -> list[Effect]:
        """The same, once ``decide`` has said what the answer to each record is.

        Everything that can be said at once goes into one Map-Reply; what an ETR has
        to answer is passed on to it.
        """
        if self._lisp_sec_required and question.protection is None:
            return [Dropped(question.asker, MESSAGE, Drop.LISP_SEC_REQUIRED)]
        if any(r.outcome is Outcome.ELSEWHERE for r in resolutions):
            return [Dropped(question.asker, MESSAGE, Drop.NOT_AUTHORITATIVE)]
        effects: list[Effect] = []
        at_once = [r for r in resolutions if r.outcome is not Outcome.FORWARD]
        if at_once:
            effects.extend(self._reply(question, at_once, now))
        for record, resolution in zip(question.request.records, resolutions, strict=True):
            if resolution.outcome is Outcome.FORWARD and resolution.mapping is not None:
                # One datagram received pays for one sent, the first.
                paid = question if not effects else replace(question, octets=0)
                effects.extend(self._forward(paid, record, resolution, resolution.mapping, now))
        return effects

    def refuse(
        self, question: Question, eids: Sequence[EidPrefix], action: Action, now: float
    ) -> list[Effect]:
        """Say nothing but an action about some EID-Prefixes, and that for a minute only.

        For what was asked of them beside the mapping (RFC 9437, 5).
        """
        refusals = [
            Resolution(
                eid,
                Outcome.NEGATIVE,
                Why.POLICY,
                negative=eid,
                action=action,
                ttl_minutes=TTL_NOT_REGISTERED_MINUTES,
            )
            for eid in eids
        ]
        return self._reply(question, refusals, now)

    def decide(self, question: Question, eid: EidPrefix) -> Resolution:
        """The resolution, after what the site's policy makes of this asker.

        The A bit changes nothing for a protected question: where one ETR asked for
        proxy replies, it gets one (RFC 9303, 6.7).
        """
        hole = question.hole
        if hole is not None:
            return Resolution(
                eid,
                Outcome.NEGATIVE,
                Why.ALT_HOLE,
                negative=hole.prefix,
                action=hole.action,
                ttl_minutes=hole.ttl_minutes,
            )
        answer = self._resolver.resolve(eid, from_pitr=question.request.pitr)
        if (
            answer.outcome is Outcome.PROXY_REPLY
            and question.request.authoritative
            and question.protection is None
            and answer.site is not None
            and answer.site.honour_authoritative
            and answer.mapping is not None
            and etr_host(answer.mapping, question, self._local) is not None
        ):
            return replace(answer, outcome=Outcome.FORWARD)
        return answer

    def _reply(self, question: Question, answers: Sequence[Resolution], now: float) -> list[Effect]:
        host = usable_itr_rloc(
            question.request.itr_rlocs, question.local, question.reply_port, self._local
        )
        if host is None:
            return [Dropped(question.asker, MESSAGE, Drop.NO_ITR_RLOC)]
        budgets = self._budgets
        towards = budgets.host(host)
        prefix = budgets.prefix(host, answers[0].negative or answers[0].eid)
        if not budgets.take_reply(towards, prefix, now):
            return [Dropped(question.asker, MESSAGE, Drop.RATE_LIMITED)]
        protection = question.protection
        security = b"" if protection is None else reply_data(protection, answers)
        room = room_for_records(self._path_mtu, ip_version(host)) - len(security)
        records: list[bytes] = []
        for answer in answers:
            records.extend(self._records(answer, room - sum(map(len, records))))
        data = assemble(question.request.nonce, records, security)
        if protection is not None:
            data = signed(protection, data)
        if not budgets.take_octets(towards, question.octets, len(data), now):
            return [Dropped(question.asker, MESSAGE, Drop.RATE_LIMITED)]
        effects: list[Effect] = [
            Answered(answer.eid, answer.outcome.value, _action(answer)) for answer in answers
        ]
        octets = sum(map(len, records))
        if octets > room:
            effects.append(Oversized(answers[0].eid, octets, room))
        effects.append(
            Send(
                data,
                Endpoint(host, question.reply_port),
                self._local.source_towards(host, question.local),
                repeat=Repeat.NONCE if protection is None else Repeat.NEVER,
                admit=self._admission(question, towards, prefix, len(data)),
                scope=partial(self._scope, question, answers, towards),
            )
        )
        return effects

    def _records(self, answer: Resolution, room: int) -> list[bytes]:
        if answer.outcome is Outcome.PROXY_REPLY and answer.mapping is not None:
            published = self._resolver.published
            return positive_records(answer.eid, answer.mapping, self._store, room, published)
        return [negative_record(answer, self._petr)]

    def _forward(
        self,
        question: Question,
        record: MapRequestRecord,
        answer: Resolution,
        mapping: Mapping,
        now: float,
    ) -> list[Effect]:
        """Pass the Map-Request on to one of the registered ETRs.

        One record goes on in its packet as it came; of several, each ETR gets its
        own alone, since it can answer for no other.
        """
        protection = question.protection
        if protection is not None and not some_etr_can_sign(mapping):
            return self._deny(question, answer, mapping, Action.DROP_AUTH_FAILURE, now)
        host = etr_host(mapping, question, self._local)
        if host is None:
            # Registered, but no way to an ETR at present: ask again in a minute.
            return self._deny(question, answer, mapping, Action.SEND_MAP_REQUEST, now)
        security = None
        if protection is not None:
            wrapping = None if answer.site is None else answer.site.lisp_sec
            if wrapping is None:
                return [Dropped(question.asker, MESSAGE, Drop.LISP_SEC_NO_ETR_KEY)]
            security = etr_data(protection, question.request.nonce, mapping, wrapping)
        budgets = self._budgets
        towards = budgets.host(host)
        prefix = budgets.prefix(host, answer.eid)
        if not budgets.take_reply(towards, prefix, now):
            return [Dropped(question.asker, MESSAGE, Drop.RATE_LIMITED)]
        as_it_came = question.packet if len(question.request.records) == 1 else None
        packet = as_it_came or inner_packet(question, record, answer.eid, self._local)
        data = Ecm(packet, security=security).octets()
        if not budgets.take_octets(towards, question.octets, len(data), now):
            return [Dropped(question.asker, MESSAGE, Drop.RATE_LIMITED)]
        send = Send(
            data,
            Endpoint(host, CONTROL_PORT),
            self._local.source_towards(host, question.local),
            repeat=Repeat.INNER if as_it_came and security is None else Repeat.NEVER,
            admit=self._admission(question, towards, prefix, len(data)),
            scope=partial(self._scope, question, [answer], towards),
        )
        return [Answered(answer.eid, Outcome.FORWARD.value), send]

    def _deny(
        self, question: Question, answer: Resolution, mapping: Mapping, action: Action, now: float
    ) -> list[Effect]:
        """A negative answer for what is registered, since none of its ETRs can give another."""
        negative = replace(
            answer,
            outcome=Outcome.NEGATIVE,
            negative=mapping.eid,
            action=action,
            ttl_minutes=TTL_NOT_REGISTERED_MINUTES,
        )
        return self._reply(question, [negative], now)

    def _admission(
        self, question: Question, towards: Host, prefix: int, octets: int
    ) -> Callable[[float], bool] | None:
        """What a repeated answer has to ask first; None where nothing is limited."""
        budgets = self._budgets
        if not budgets.limit_requests:
            return None
        source = budgets.host(question.asker.host)
        return budgets.admission(source, towards, prefix, question.octets, octets)

    def _scope(
        self, question: Question, answers: Sequence[Resolution], towards: Host
    ) -> Scope | None:
        """Which other Map-Requests get the answer that this one gets."""
        if (
            len(answers) != 1
            or len(question.request.records) != 1
            or question.protection is not None
            or question.hole is not None
        ):
            return None
        [answer] = answers
        prefix = self._resolver.scope(answer)
        host = usable_itr_rloc(
            question.request.itr_rlocs, question.local, question.reply_port, self._local
        )
        if prefix is None or host is None:
            return None
        budgets = self._budgets
        return Scope(
            prefix,
            self._resolver.hangs_on(answer, prefix),
            answer.negative,
            Endpoint(host, question.reply_port),
            self._local.source_towards(host, question.local),
            AnswerBudgets(
                budgets.shared,
                budgets.host(question.asker.host),
                budgets.host(host),
                towards,
            )
            if budgets.limit_requests
            else None,
        )


def _action(answer: Resolution) -> int | None:
    return int(answer.action) if answer.outcome is Outcome.NEGATIVE else None
