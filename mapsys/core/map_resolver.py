"""The Map-Resolver: from an ITR's question to whoever can answer it (RFC 9301, 8.4)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from mapsys.core.alt_entry import onto_the_alt
from mapsys.core.effects import Answered, Dropped, Effect, Endpoint, Inject, Send
from mapsys.core.forwarding import inner_packet
from mapsys.core.lisp_sec_answers import alt_datagram, onward_data
from mapsys.core.lisp_sec_settings import LispSecSettings, Policy
from mapsys.core.map_server import MESSAGE, MapServer
from mapsys.core.questions import LocalAddresses, Question
from mapsys.core.reasons import Drop
from mapsys.core.resolution import Outcome
from mapsys.eid import EidPrefix, Family
from mapsys.wire.ecm import Ecm

DUPLICATE_SECONDS: Final = 1.0
"""A question with the same nonce and EID is passed on once in this time: loops end here."""

MAX_REMEMBERED: Final = 65_536


class MapResolver:
    """Answers what is known here, and passes the rest on without a word to the ITR."""

    def __init__(
        self,
        map_server: MapServer,
        local: LocalAddresses,
        map_servers: Sequence[Endpoint],
        has_alt: Callable[[int], bool],
        *,
        lisp_sec: LispSecSettings,
    ) -> None:
        """map_servers: whom to ask where there is no ALT.

        has_alt: whether there is an ALT for an instance-ID. lisp_sec: whether and
        how protected Map-Requests are passed on as such.
        """
        self._map_server = map_server
        self._local = local
        self._map_servers = tuple(map_servers)
        self._has_alt = has_alt
        self._lisp_sec = lisp_sec
        self._passed_on: OrderedDict[tuple[int, EidPrefix], float] = OrderedDict()

    def resolve(self, question: Question, eids: Sequence[EidPrefix], now: float) -> list[Effect]:
        """Answer a Map-Request that an ITR sent in an ECM."""
        if self._lisp_sec.itrs.policy is Policy.REQUIRED and question.protection is None:
            return [Dropped(question.asker, MESSAGE, Drop.LISP_SEC_REQUIRED)]
        decisions = [self._map_server.decide(question, eid) for eid in eids]
        if all(decision.outcome is not Outcome.ELSEWHERE for decision in decisions):
            return self._map_server.carry_out(question, decisions, now)
        asked = list(zip(question.request.records, eids, decisions, strict=True))
        elsewhere = [one for one in asked if one[2].outcome is Outcome.ELSEWHERE]
        here = [one for one in asked if one not in elsewhere]
        effects: list[Effect] = []
        if here:
            request = replace(question.request, records=tuple(record for record, _, _ in here))
            own = replace(question, request=request, packet=None)
            effects.extend(self._map_server.carry_out(own, [one[2] for one in here], now))
        for record, eid, _ in elsewhere:
            as_it_came = question.packet if len(asked) == 1 else None
            packet = as_it_came or inner_packet(question, record, eid, self._local)
            effects.extend(self._pass_on(question, eid, packet, now))
        return effects

    def _pass_on(
        self, question: Question, eid: EidPrefix, packet: bytes, now: float
    ) -> list[Effect]:
        if self._is_duplicate(question.request.nonce, eid, now):
            return [Dropped(question.asker, MESSAGE, Drop.DUPLICATE)]
        security = None
        if question.protection and self._lisp_sec.itrs.policy is not Policy.OFF:
            if self._lisp_sec.onward is None:
                return [Dropped(question.asker, MESSAGE, Drop.LISP_SEC_NO_ONWARD_KEY)]
            security = onward_data(
                question.protection, question.request.nonce, self._lisp_sec.onward
            )
        if self._has_alt(eid.instance_id) and eid.family in (Family.IPV4, Family.IPV6):
            datagram = onto_the_alt(question, eid, packet, self._local)
            if datagram is None:
                return [Dropped(question.asker, MESSAGE, Drop.NO_ALT_SOURCE)]
            if security is not None:
                datagram = alt_datagram(datagram, security)
            return [Answered(eid, "alt"), Inject(datagram, eid, eid.instance_id)]
        others = [e for e in self._map_servers if e.host != question.asker.host]
        if not others:
            return [Dropped(question.asker, MESSAGE, Drop.NOT_AUTHORITATIVE)]
        # An ITR that gets no answer asks again under another nonce, and so another server.
        chosen = others[question.request.nonce % len(others)]
        source = self._local.source_towards(chosen.host, question.local)
        data = Ecm(packet, security=security).octets()
        return [Answered(eid, Outcome.FORWARD.value), Send(data, chosen, source)]

    def _is_duplicate(self, nonce: int, eid: EidPrefix, now: float) -> bool:
        remembered = self._passed_on
        while remembered:
            oldest = next(iter(remembered))
            if remembered[oldest] > now - DUPLICATE_SECONDS and len(remembered) < MAX_REMEMBERED:
                break
            del remembered[oldest]
        if (nonce, eid) in remembered:
            return True
        remembered[nonce, eid] = now
        return False
