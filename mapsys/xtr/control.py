"""The control plane: what arrives on port 4342, and what time brings."""

from __future__ import annotations

from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix
from mapsys.wire.address import Ipv4, Ipv6, NoAddress
from mapsys.wire.ecm import Ecm
from mapsys.wire.eid_address import to_eid_prefix
from mapsys.wire.errors import WireError
from mapsys.wire.map_notify import MapNotify
from mapsys.wire.map_reply import MapReply
from mapsys.wire.map_request import MapRequest
from mapsys.wire.message import decode
from mapsys.wire.records import EidRecord
from mapsys.xtr.effects import Effect, Event, SendControl, Told, Uncarried
from mapsys.xtr.forwarding import Forwarding
from mapsys.xtr.locator_choice import unicast_hosts
from mapsys.xtr.moving import Moving
from mapsys.xtr.probing import Changed
from mapsys.xtr.registrar import Registrar
from mapsys.xtr.requests import GivenUp, Question
from mapsys.xtr.settings import control_endpoint
from mapsys.xtr.state import XtrState, address_of
from mapsys.xtr.subscriber import Subscriber


class Control:
    """Takes control messages and deadlines."""

    def __init__(
        self, state: XtrState, registrar: Registrar, moving: Moving, forwarding: Forwarding
    ) -> None:
        self._state = state
        self._registrar = registrar
        self._moving = moving
        self._forwarding = forwarding
        key = state.settings.subscribe
        self._subscriber = None if key is None else Subscriber(key)

    def handle(self, data: bytes, source: Endpoint, local: str, now: float) -> list[Effect]:
        """One datagram. local: the own address it came to."""
        try:
            message = decode(data)
        except WireError:
            return self._state.drop(Uncarried.BAD_MESSAGE)
        match message:
            case MapReply(probe=True):
                return self._probe_answered(message, now)
            case MapReply():
                question = self._state.requests.answered(message.nonce)
                if question is None:
                    return self._state.drop(Uncarried.UNKNOWN_NONCE)
                return self._resolved(question, message.records, "map-reply", now)
            case MapRequest(smr=True):
                return self._solicited(message, now)
            case MapRequest() | Ecm(message=MapRequest()):
                request = message.message if isinstance(message, Ecm) else message
                assert isinstance(request, MapRequest)
                return self._requested(request, data, source, local, now)
            case MapNotify():
                return self._notified(message, data, source, local, now)
        return self._state.drop(Uncarried.UNEXPECTED_MESSAGE)

    def expire(self, now: float) -> list[Effect]:
        """Everything whose time has come."""
        state = self._state
        state.cache.expire(now)
        effects = self._moving.carried_out(self._registrar.expire(now), now)
        for sent in state.requests.expire(now):
            if isinstance(sent, GivenUp):
                state.uncarried[Uncarried.UNRESOLVED] += len(sent.question.packets)
                effects.append(Told(Event.UNRESOLVED, str(sent.question.eid)))
            else:
                data, resolver = sent
                own = state.settings.local_host_of(resolver.host)
                effects.append(SendControl(data, resolver, own))
        own_for = state.settings.local_host_of
        for data, host, own, prefix in state.solicitor.expire(own_for, now):
            effects.append(Told(Event.SOLICITING, f"{host} about {prefix}"))
            effects.append(SendControl(data, control_endpoint(host), own))
        for probe in state.prober.expire(own_for, now):
            if isinstance(probe, Changed):
                effects.append(Told(Event.LOCATOR_DOWN, probe.locator.host))
                self._ask_for_entries_of(probe.locator.host, now)
            else:
                data, host, own = probe
                effects.append(SendControl(data, control_endpoint(host), own))
        return effects

    def _resolved(
        self, question: Question, records: tuple[EidRecord, ...], learned: str, now: float
    ) -> list[Effect]:
        """Keep the records that answer a question, and let go what waited for it."""
        state = self._state
        found = ""
        for record in records:
            try:
                prefix = record.eid_prefix
            except WireError:
                continue
            # What lies inside the answer comes along (RFC 9301, 5.5); nothing else is taken.
            answers = prefix.covers(question.eid) or question.eid.covers(prefix)
            if answers or _inside(prefix, records):
                state.cache.put(record, now, learned)
                hosts = ", ".join(unicast_hosts(record.rlocs)) or "negative"
                found = found or f"{question.eid} is in {prefix}: {hosts}"
        effects: list[Effect] = [Told(Event.RESOLVED, found or f"{question.eid}: not answered")]
        for octets, instance_id in question.packets:
            effects += self._forwarding.resumed(octets, instance_id, now)
        return effects

    def _requested(
        self, request: MapRequest, data: bytes, source: Endpoint, local: str, now: float
    ) -> list[Effect]:
        state = self._state
        for record in request.records:
            try:
                eid = record.eid_prefix
            except WireError:
                continue
            if state.away_prefix(eid) is not None:
                return state.drop(Uncarried.EID_MOVED_AWAY)
            if request.smr_invoked:
                for rloc in request.itr_rlocs:
                    if isinstance(rloc, Ipv4 | Ipv6):
                        state.solicitor.asked(rloc.text, eid)
        return self._moving.carried_out(self._registrar.handle(data, source, now), now, local)

    def _solicited(self, request: MapRequest, now: float) -> list[Effect]:
        """An SMR: ask the mapping system anew, if there is an entry to be asked about."""
        state = self._state
        for prefix in _named(request):
            if not state.cache.overlapping(prefix, now) and state.away_prefix(prefix) is None:
                continue
            if state.requests.asks(prefix):
                return state.drop(Uncarried.SMR_TOO_SOON)
            # One that comes too soon is not forgotten: what it is about did change.
            at = state.again.free_at(prefix, now)
            state.requests.ask(prefix, NoAddress(), at, smr_invoked=True)
            return [Told(Event.SOLICITED, str(prefix))]
        return state.drop(Uncarried.SMR_WITHOUT_ENTRY)

    def _notified(
        self, notify: MapNotify, data: bytes, source: Endpoint, local: str, now: float
    ) -> list[Effect]:
        state, subscriber = self._state, self._subscriber
        if subscriber is None or not subscriber.is_genuine(notify, data):
            return self._moving.carried_out(self._registrar.handle(data, source, now), now, local)
        ack = SendControl(subscriber.acknowledgment(notify), source, local)
        question = state.requests.answered(notify.nonce)
        if question is not None:
            subscriber.confirmed(notify)
            return [ack, *self._resolved(question, notify.records, "map-notify", now)]
        is_new = subscriber.is_new(notify)
        if is_new is None:
            return [ack]
        if not is_new:
            return state.drop(Uncarried.REPLAYED)
        return [ack, *self._moving.published(notify.records, now)]

    def _probe_answered(self, reply: MapReply, now: float) -> list[Effect]:
        # The mapping in it is left alone: one of several merged xTRs knows only its own part.
        answered = self._state.prober.answered(reply.nonce, now)
        if answered is None or not all(record.authoritative for record in reply.records):
            return self._state.drop(Uncarried.UNKNOWN_NONCE)
        locator, was_down = answered
        return [Told(Event.LOCATOR_UP, locator.host)] if was_down else []

    def _ask_for_entries_of(self, host: str, now: float) -> None:
        """A locator is down: perhaps the mapping changed, and nobody could say so."""
        state = self._state
        for entry in state.cache.entries():
            hosts = unicast_hosts(entry.rlocs)
            if host in hosts and not any(map(state.prober.is_up, hosts)):
                first = EidPrefix(
                    entry.prefix.instance_id,
                    entry.prefix.family,
                    entry.prefix.network,
                    entry.prefix.width,
                )
                if state.again.allows(entry.prefix, now):
                    state.requests.ask(first, address_of(first), now)


def _inside(prefix: EidPrefix, records: tuple[EidRecord, ...]) -> bool:
    """Whether another record of the same message covers a prefix."""
    for record in records:
        try:
            other = record.eid_prefix
        except WireError:
            continue
        if other != prefix and other.covers(prefix):
            return True
    return False


def _named(request: MapRequest) -> list[EidPrefix]:
    """EID-Prefixes in an SMR: those asked for, and the Source-EID, which some senders use."""
    found = []
    for record in request.records:
        try:
            found.append(record.eid_prefix)
        except WireError:
            continue
    if isinstance(request.source_eid, Ipv4 | Ipv6):
        width = 8 * len(request.source_eid.packed)
        found.append(to_eid_prefix(request.source_eid, width))
    return found
