"""Servers, ETRs and ITRs that talk to each other without a network, until they are quiet."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from mapsys.core.effects import Datagram, Effect, Endpoint, Send
from mapsys.core.engine import Engine
from mapsys.core.settings import Settings
from mapsys.eid import EidPrefix
from mapsys.etr import Etr, EtrConfig, EtrEffect, Transmit
from mapsys.lig import Answer, Lig, Question
from mapsys.store_pure import PureStore
from mapsys.wire.auth import Key
from mapsys.wire.records import EidRecord

MESSAGES_LIMIT = 2_000
"""After so many datagrams within one instant, a conversation is a loop."""

ITR_HOST = "198.51.100.1"
ITR_PORT = 5000


class Passed(NamedTuple):
    """A datagram on its way."""

    source: Endpoint
    destination: Endpoint
    data: bytes


class Conversation:
    """Everybody has an address; what one sends, another hears at once.

    loses: says of a datagram that it gets lost.
    """

    def __init__(self, loses: Callable[[Passed], bool] = lambda _: False) -> None:
        self.now = 1000.0
        self.loses = loses
        self.passed: list[Passed] = []
        self.heard: dict[str, list[Any]] = {}
        self.did: list[Effect] = []
        self.answers: list[Answer] = []
        self._under_way: deque[Passed] = deque()
        self._servers: dict[Endpoint, Engine] = {}
        self._etrs: dict[Endpoint, Etr] = {}
        self._ligs: dict[Endpoint, Lig] = {}
        self._nonces = itertools.count(1)

    def add_server(self, settings: Settings) -> Engine:
        """A Map-Server and Map-Resolver at its settings' addresses."""
        engine = Engine(PureStore(), settings, lambda: 0xABC000 + next(self._nonces))
        self._servers.update(dict.fromkeys(settings.local, engine))
        return engine

    def add_etr(
        self, host: str, server: Endpoint, key: Key, *records: EidRecord, **options: Any
    ) -> Etr:
        """An ETR, which registers at once."""
        config = EtrConfig(server, records, key, 0, 2, **options)
        etr = Etr(config, lambda: next(self._nonces))
        address = Endpoint(host, 4342)
        self._etrs[address] = etr
        self._etr_does(address, etr.start(self.now))
        self.until_quiet()
        return etr

    def withdraw(self, host: str) -> None:
        """An ETR takes back what it registered."""
        address = Endpoint(host, 4342)
        self._etr_does(address, self._etrs[address].withdraw(self.now))
        self.until_quiet()

    def remove_etr(self, host: str) -> None:
        """An ETR falls silent."""
        del self._etrs[Endpoint(host, 4342)]

    def ask(self, eid: str, resolver: Endpoint) -> Answer | None:
        """An ITR asks; the answer that it got by the time it gives up."""
        prefix = EidPrefix.parse(eid)
        itr = Endpoint(ITR_HOST, ITR_PORT)
        lig = Lig(
            Question(prefix, resolver, itr.host, itr.port, itr.host), lambda: next(self._nonces)
        )
        self._ligs[itr] = lig
        self.answers.clear()
        while not self.answers and (data := lig.send(self.now)) is not None:
            self._send(itr, resolver, data)
            self.until_quiet()
            if not self.answers:
                self.pass_time(lig.next_deadline() - self.now)
        return self.answers[0] if self.answers else None

    def until_quiet(self) -> None:
        """Deliver what is under way, and what follows from it."""
        for _ in range(MESSAGES_LIMIT):
            if not self._under_way:
                return
            self._deliver(self._under_way.popleft())
        raise AssertionError("they never stop talking")

    def pass_time(self, seconds: float) -> None:
        """Let time pass, with everybody's deadlines served."""
        end = self.now + seconds
        for _ in range(100_000):
            due = [d for d in self._deadlines() if d <= end]
            if not due:
                break
            self.now = max(self.now, min(due))
            for server, engine in self._servers.items():
                self._server_does(server, engine.expire(self.now))
            for address, etr in self._etrs.items():
                self._etr_does(address, etr.expire(self.now))
            self.until_quiet()
        else:
            raise AssertionError("deadlines do not move on")
        self.now = end

    def _deadlines(self) -> list[float]:
        parties: list[Engine | Etr] = [*self._servers.values(), *self._etrs.values()]
        return [d for d in (party.next_deadline() for party in parties) if d is not None]

    def _deliver(self, passed: Passed) -> None:
        source, destination, data = passed
        if destination in self._servers:
            datagram = Datagram(data, source, destination)
            effects = self._servers[destination].handle(datagram, self.now)
            self._server_does(destination, effects)
        elif destination in self._etrs:
            self._etr_does(destination, self._etrs[destination].handle(data, source, self.now))
        elif destination in self._ligs:
            answer = self._ligs[destination].receive(data, source, self.now)
            self.answers += [] if answer is None else [answer]

    def _server_does(self, server: Endpoint, effects: list[Effect]) -> None:
        self.did += effects
        for effect in effects:
            if isinstance(effect, Send):
                self._send(effect.source or server, effect.destination, effect.data)

    def _etr_does(self, address: Endpoint, effects: list[EtrEffect]) -> None:
        self.heard.setdefault(address.host, []).extend(effects)
        for effect in effects:
            if isinstance(effect, Transmit):
                self._send(address, effect.destination, effect.data)

    def _send(self, source: Endpoint, destination: Endpoint, data: bytes) -> None:
        passed = Passed(source, destination, data)
        self.passed.append(passed)
        if not self.loses(passed):
            self._under_way.append(passed)
