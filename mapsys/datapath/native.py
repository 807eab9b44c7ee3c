"""The datapath with its batches in native code: what is known is answered without the interpreter.

Three ways to deal with a datagram, the first that fits: by a plan, for every plain
Map-Request whose EID lies where the core has answered before (``core.scopes``); by
repeating an answer to an equal message, as the pure datapath does; or by the core.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton, socket
from typing import TYPE_CHECKING, Final

from mapsys.core.effects import (
    Answered,
    Datagram,
    Dropped,
    Effect,
    Endpoint,
    Refreshed,
    Repeat,
    Scope,
    Send,
)
from mapsys.core.notify import CONTROL_PORT
from mapsys.datapath.counters import Counters, counter_name
from mapsys.datapath.listener import (
    RECEIVE_BUFFER_OCTETS,
    Listener,
    Route,
    failure_reason,
    is_ipv6,
)
from mapsys.datapath.pure import OVER_BUDGET, PureDatapath
from mapsys.datapath.repeats import ANSWERS_LIMIT
from mapsys.datapath.waiting import WAITING_LIMIT
from mapsys.eid import EidPrefix
from mapsys.native._engine import NativeBatches, NativeStore
from mapsys.store import Store

if TYPE_CHECKING:
    from mapsys.native._engine import Arrival, Leaving

_REPEATS: Final = {Repeat.NONCE: 1, Repeat.INNER: 2}


class NativeDatapath(PureDatapath):
    """A ``datapath.contract.Datapath`` over ``mapsys.native``.

    bursts: whether to take and send bursts of datagrams to one peer at once, where
    the kernel can. The rest is as for the pure one; answers_limit 0 uses no plans
    either.
    """

    def __init__(
        self,
        store: Store,
        *,
        receive_buffer_octets: int = RECEIVE_BUFFER_OCTETS,
        answers_limit: int = ANSWERS_LIMIT,
        waiting_limit: int = WAITING_LIMIT,
        inherited: Mapping[Endpoint, socket] | None = None,
        bursts: bool = True,
    ) -> None:
        self._batches = NativeBatches(store, bursts=bursts)
        self._follows = isinstance(store, NativeStore)
        """Whether the batches see by themselves where the store changes."""
        self._now = 0.0
        self._admitted = 0
        self._numbers: dict[Listener, int] = {}
        self._told: dict[tuple[str, int | None], EidPrefix] = {}
        """By outcome and action, a prefix that was answered for."""
        super().__init__(
            store,
            receive_buffer_octets=receive_buffer_octets,
            answers_limit=answers_limit,
            waiting_limit=waiting_limit,
            inherited=inherited,
        )

    @property
    def sends_bursts(self) -> bool:
        """Whether messages to one peer leave together: wanted, and the kernel has not refused."""
        return self._batches.bursts_out

    @property
    def takes_bursts(self) -> bool:
        """Whether what a peer sent together is read together."""
        return self._batches.bursts_in

    # Sockets

    def listen(self, addresses: Iterable[Endpoint]) -> None:
        """Serve exactly these addresses; see the contract."""
        self._count()
        super().listen(addresses)
        self._numbers = {listener: number for number, listener in enumerate(self._sockets)}
        self._batches.listen(
            [
                (
                    listener.fileno(),
                    listener.ipv6,
                    listener.wildcard,
                    listener.address.port,
                    _packed(listener.address.host),
                )
                for listener in self._numbers
            ]
        )

    # Receiving

    def run(self, now: float) -> list[Datagram]:
        """Read one batch, answer what is known, and hand up the rest."""
        self._follow_generation()
        self._now = now
        listeners = list(self._numbers)
        order = [self._numbers[listener] for listener in self._sockets.in_turn()]
        unknown, filled = self._batches.run(now, order)
        punts: list[Datagram] = []
        for data, host, port, number, packed in unknown:
            listener = listeners[number]
            local = listener.address
            if listener.wildcard:
                family = AF_INET6 if listener.ipv6 else AF_INET
                local = Endpoint(inet_ntop(family, packed), local.port)
            self._deal(data, (host, port), local, now, punts)
        self._batches.flush()
        if filled >= 0:
            self._sockets.had_its_turn(listeners[filled])
        if punts:
            self._counters.add("punted", len(punts))
        return punts

    def learn(self, punt: Datagram, effects: Sequence[Effect]) -> None:
        """Be shown the core's answer to a punt, to give it again where the effects allow."""
        super().learn(punt, effects)
        self._learn_refreshes(punt, effects)
        self._learn_admissions(punt, effects)
        sends = [effect for effect in effects if isinstance(effect, Send)]
        answered = [effect for effect in effects if isinstance(effect, Answered)]
        if self._repeats is None or len(sends) != 1 or len(answered) != 1 or len(effects) != 2:
            return
        [send], [told] = sends, answered
        if send.scope is None or send.after is not None or send.repeat not in _REPEATS:
            return
        scope = send.scope()
        if scope is not None:
            self._learn_scope(punt, send, scope, told)

    def _learn_refreshes(self, punt: Datagram, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if not isinstance(effect, Refreshed) or effect.plan is None or self._repeats is None:
                continue
            reply = Endpoint(punt.source.host, CONTROL_PORT)
            route, came_to = self._sockets.route(punt.local, reply), self._sockets.at(punt.local)
            if route is not None and came_to is not None:
                self._batches.learn_refresh(
                    self._as_arrived(punt, came_to),
                    _packed(punt.source.host),
                    effect.plan(),
                    self._leaving(route, reply),
                )

    def _learn_admissions(self, punt: Datagram, effects: Sequence[Effect]) -> None:
        if self._repeats is None:
            return
        for effect in effects:
            if not isinstance(effect, Send) or effect.admissions is None:
                continue
            reply = Endpoint(punt.source.host, CONTROL_PORT)
            route, came_to = self._sockets.route(punt.local, reply), self._sockets.at(punt.local)
            if route is not None and came_to is not None and route.listener is came_to:
                self._batches.learn_admissions(
                    self._as_arrived(punt, came_to),
                    _packed(punt.source.host),
                    effect.admissions(),
                )

    def _as_arrived(self, punt: Datagram, came_to: Listener) -> Arrival:
        number, packed = self._numbers[came_to], _packed(punt.local.host)
        return punt.data, punt.source.host, punt.source.port, number, packed

    def _learn_scope(self, punt: Datagram, send: Send, scope: Scope, told: Answered) -> None:
        reply = self._sockets.route(scope.reply_from, scope.reply_to)
        way_out = self._route_of(send)
        came_to = self._sockets.at(punt.local)
        if reply is None or way_out is None or came_to is None:
            return
        outcome = told.outcome, told.action
        self._told.setdefault(outcome, scope.prefix)
        self._batches.learn(
            self._as_arrived(punt, came_to),
            _packed(punt.source.host),
            send.data,
            _REPEATS[send.repeat],
            scope,
            outcome,
            self._leaving(reply, scope.reply_to),
            self._leaving(way_out, send.destination),
        )

    def _leaving(self, route: Route, destination: Endpoint) -> Leaving:
        packed = _packed(destination.host)
        number = self._numbers[route.listener]
        return destination.host, packed, destination.port, number, route.source

    def take_effects(self) -> list[Effect]:
        """What repeated answers did since the last call, Sends left out."""
        effects = super().take_effects()
        answered, refused = self._batches.take_answered()
        for outcome, count in answered:
            self._repeated_requests += count
            effects.append(Answered(self._told[outcome], *outcome, count))
        self._repeated_requests += len(refused)
        effects += [Dropped(Endpoint(*asker), "MapRequest", OVER_BUDGET) for asker in refused]
        refreshed, over = self._batches.take_refreshed()
        for site, accepted, messages, records in refreshed:
            self._repeated_refreshes += messages
            accepted(messages, self._now)
            effects.append(Refreshed(site, records, count=messages))
        effects += self._take_admitted()
        self._repeated_refreshes += len(over)
        for host, port, site in over:
            effects.append(Dropped(Endpoint(host, port), "MapRegister", OVER_BUDGET, site))
        return effects

    def _take_admitted(self) -> list[Effect]:
        """What became of Map-Registers that were taken in without the core."""
        effects: list[Effect] = []
        for plan, what in self._batches.take_admitted():
            if len(what) == 5:
                eid, host, port, first, registrant = what
                effects.append(plan.noted(eid, Endpoint(host, port), first, registrant, self._now))
            else:
                messages, refreshes, records = what
                plan.accepted(messages, self._now)
                self._repeated_refreshes += refreshes
                self._admitted += messages - refreshes
                if refreshes:
                    effects.append(Refreshed(plan.site, records, count=refreshes))
        return effects

    def forget(self) -> None:
        """Repeat nothing learned so far."""
        super().forget()
        self._batches.forget()

    def _follow_generation(self) -> None:
        """Repeat nothing that a change in the store may have made wrong.

        What is repeated to equal messages alone is few here, and all of it goes; what
        was taught to the batches ends where something changed.
        """
        if self._generation != self._store.generation:
            self._generation = self._store.generation
            super().forget()
            if not self._follows:
                self._batches.forget()

    # Sending

    def send(self, sends: Iterable[Send]) -> None:
        """Send now, or keep until the ticket is released."""
        super().send(sends)
        self._batches.flush()

    def release(self, ticket: int) -> None:
        """The journal has committed everything up to this ticket."""
        for send in self._waiting.release(ticket):
            # In each turn, what was dealt with natively came first.
            if send.after is not None:
                self._batches.release(send.after)
            self._transmit(self._route_of(send), send.data, send.destination)
        self._batches.release(ticket)
        self._batches.flush()

    def _transmit(self, route: Route | None, data: bytes, destination: Endpoint) -> None:
        """Put a message with those that leave at the end of what is under way."""
        if route is None:
            self._counters.add("send_failed.no-socket")
        else:
            self._batches.compose(data, self._leaving(route, destination))

    # Totals

    def counters(self) -> Mapping[str, int]:
        """Totals since start, by the names in ``datapath.counters``."""
        self._count()
        totals = Counters()
        for name, count in super().counters().items():
            totals.add(name, count)
        totals.add("repeated.register", self._admitted)
        if lost := self._batches.waiting[1]:
            totals.add("waiting_dropped", lost)
        return totals.totals()

    def _count(self) -> None:
        """Take over what was counted natively."""
        for listener, (received, sent) in zip(
            self._numbers, self._batches.take_counts(), strict=True
        ):
            for code in range(16):
                listener.received[code] += received[code]
                listener.sent[code] += sent[code]
        for metric, failures in zip(
            ("send_failed", "receive_failed"), self._batches.take_failures(), strict=True
        ):
            for number, count in failures.items():
                self._counters.add(counter_name(metric, failure_reason(number)), count)


def _packed(host: str) -> bytes:
    return inet_pton(AF_INET6 if is_ipv6(host) else AF_INET, host)
