"""The datapath in Python: standard library sockets, and answers repeated without a parse.

On its path: ``net.shell`` calls :meth:`PureDatapath.run` when a socket is
readable, carries punts to the core and the core's effects back to ``send``.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from mapsys.core.effects import Datagram, Dropped, Effect, Endpoint, Send
from mapsys.datapath.contract import BATCH_LIMIT, Listening
from mapsys.datapath.counters import MESSAGE_TYPES, UNKNOWN_TYPE, Counters, counter_name
from mapsys.datapath.listener import (
    RECEIVE_BUFFER_OCTETS,
    Listener,
    Route,
    SocketAddress,
    failure_reason,
)
from mapsys.datapath.repeats import (
    ANSWERS_LIMIT,
    ENCAPSULATED,
    MAP_REGISTER,
    MAP_REQUEST,
    Repeats,
)
from mapsys.datapath.sockets import Sockets
from mapsys.datapath.waiting import WAITING_LIMIT, WaitingSends
from mapsys.store import Store

OVER_BUDGET: Final = "rate-limited"
"""Why a repeated answer was not given; the core says the same (``core.reasons``)."""


class PureDatapath:
    """A ``datapath.contract.Datapath`` without a compiler.

    receive_buffer_octets: asked of the kernel for each socket.
    answers_limit: answers to repeat, of each kind; 0 repeats nothing.
    waiting_limit: Sends that may wait for the journal.
    inherited: bound sockets to use where their addresses are asked for.
    """

    def __init__(
        self,
        store: Store,
        *,
        receive_buffer_octets: int = RECEIVE_BUFFER_OCTETS,
        answers_limit: int = ANSWERS_LIMIT,
        waiting_limit: int = WAITING_LIMIT,
        inherited: Mapping[Endpoint, socket.socket] | None = None,
    ) -> None:
        self._store = store
        self._generation = store.generation
        self._sockets = Sockets(receive_buffer_octets, inherited)
        self._repeats = Repeats(answers_limit) if answers_limit else None
        self._waiting = WaitingSends(waiting_limit)
        self._effects: list[Effect] = []
        self._counters = Counters()
        self._repeated_requests = 0
        self._repeated_refreshes = 0

    # Sockets

    def listen(self, addresses: Iterable[Endpoint]) -> None:
        """Serve exactly these addresses; see the contract."""
        retired = self._sockets.replace(addresses)
        self.forget()  # what was learned may leave by a socket that closes now
        for listener in retired:
            for name, count in _socket_totals(listener):
                self._counters.add(name, count)
            listener.close()

    def listening(self) -> list[Listening]:
        """What is open, in the order it was asked for."""
        return self._sockets.listening()

    def filenos(self) -> list[int]:
        """The descriptors whose readability calls for ``run``."""
        return [listener.fileno() for listener in self._sockets]

    def close(self) -> None:
        """Close every socket; the totals stay."""
        self.listen(())

    # Receiving

    def run(self, now: float) -> list[Datagram]:
        """Read one batch, repeat what is known, and hand up the rest."""
        self._follow_generation()
        punts: list[Datagram] = []
        budget = BATCH_LIMIT
        for listener in self._sockets.in_turn():
            budget -= self._drain(listener, budget, now, punts)
            if budget == 0:
                self._sockets.had_its_turn(listener)
                break
        if punts:
            self._counters.add("punted", len(punts))
        return punts

    def _drain(self, listener: Listener, budget: int, now: float, punts: list[Datagram]) -> int:
        """Read from one socket; returns how many datagrams."""
        receive = listener.receive
        received = listener.received
        for count in range(budget):
            try:
                data, source = receive()
            except BlockingIOError:
                return count
            except OSError as error:
                self._counters.add(counter_name("receive_failed", failure_reason(error.errno)))
                return count
            received[data[0] >> 4 if data else 0] += 1
            self._deal(data, source, listener.local, now, punts)
        return budget

    def _deal(
        self,
        data: bytes,
        source: SocketAddress,
        local: Endpoint,
        now: float,
        punts: list[Datagram],
    ) -> None:
        """Repeat an answer to a datagram, or add it to those that go up."""
        repeats = self._repeats
        if repeats is not None:
            kind = data[0] >> 4 if data else 0
            if kind in (ENCAPSULATED, MAP_REQUEST):
                if self._repeat_answer(repeats, data, source, local, now):
                    return
            elif kind == MAP_REGISTER and self._repeat_refresh(repeats, data, source, local, now):
                return
        punts.append(Datagram(data, Endpoint(source[0], source[1]), local))

    def _repeat_answer(
        self,
        repeats: Repeats,
        data: bytes,
        source: SocketAddress,
        local: Endpoint,
        now: float,
    ) -> bool:
        answer = repeats.answer(data, source, local)
        if answer is None:
            return False
        self._repeated_requests += 1
        if answer.admit is None or answer.admit(now):
            self._transmit(answer.route, answer.reply(data), answer.destination)
            self._effects += answer.also
        else:
            asker = Endpoint(source[0], source[1])
            self._effects.append(Dropped(asker, "MapRequest", OVER_BUDGET))
        return True

    def _repeat_refresh(
        self,
        repeats: Repeats,
        data: bytes,
        source: SocketAddress,
        local: Endpoint,
        now: float,
    ) -> bool:
        known = repeats.refresh(data, source, local)
        if known is None:
            return False
        registrant, again = known
        effects = again(Datagram(data, registrant, local), now)
        if effects is None:
            return False
        self._repeated_refreshes += 1
        for effect in effects:
            if isinstance(effect, Send):
                self._send(effect)
            else:
                self._effects.append(effect)
        return True

    def learn(self, punt: Datagram, effects: Sequence[Effect]) -> None:
        """Be shown the core's answer to a punt, to repeat it where the effects allow."""
        if self._repeats is not None:
            self._follow_generation()
            self._repeats.learn(punt, effects, self._route_of)

    def take_effects(self) -> list[Effect]:
        """What repeated answers did since the last call, Sends left out."""
        effects, self._effects = self._effects, []
        return effects

    def forget(self) -> None:
        """Repeat nothing learned so far."""
        if self._repeats is not None:
            self._repeats.clear()

    def _follow_generation(self) -> None:
        if self._generation != self._store.generation:
            self._generation = self._store.generation
            self.forget()

    # Sending

    def send(self, sends: Iterable[Send]) -> None:
        """Send now, or keep until the ticket is released."""
        for send in sends:
            self._send(send)

    def marks(self) -> tuple[int, bytes]:
        """The ticket and the packed changes since the last call, for the journal."""
        return self._store.take_changes()

    def release(self, ticket: int) -> None:
        """The journal has committed everything up to this ticket."""
        for send in self._waiting.release(ticket):
            self._transmit(self._route_of(send), send.data, send.destination)

    def _send(self, send: Send) -> None:
        if not self._waiting.holds_back(send.after):
            self._transmit(self._route_of(send), send.data, send.destination)
        elif not self._waiting.push(send):
            self._counters.add("waiting_dropped")

    def _route_of(self, send: Send) -> Route | None:
        return self._sockets.route(send.source, send.destination)

    def _transmit(self, route: Route | None, data: bytes, destination: Endpoint) -> None:
        if route is None:
            self._counters.add("send_failed.no-socket")
            return
        try:
            route.transmit(data, destination)
        except OSError as error:
            self._counters.add(counter_name("send_failed", failure_reason(error.errno)))
        else:
            route.sent[data[0] >> 4] += 1

    # Totals

    def counters(self) -> Mapping[str, int]:
        """Totals since start, by the names in ``datapath.counters``."""
        totals = Counters()
        for name, count in self._counters.totals().items():
            totals.add(name, count)
        totals.add("repeated.request", self._repeated_requests)
        totals.add("repeated.refresh", self._repeated_refreshes)
        for listener in self._sockets:
            for name, count in _socket_totals(listener):
                totals.add(name, count)
        return totals.totals()


def _socket_totals(listener: Listener) -> list[tuple[str, int]]:
    family = "ipv6" if listener.ipv6 else "ipv4"
    totals = [("receive_queue_dropped", listener.queue_drops)]
    for metric, counts in (("received", listener.received), ("sent", listener.sent)):
        by_type: dict[str, int] = {}
        for code, count in enumerate(counts):
            if count:
                name = MESSAGE_TYPES.get(code, UNKNOWN_TYPE)
                by_type[name] = by_type.get(name, 0) + count
        totals += [(counter_name(metric, name, family), n) for name, n in by_type.items()]
    return totals
