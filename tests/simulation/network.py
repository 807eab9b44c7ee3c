"""A network that loses, doubles, delays, reorders, damages and cuts off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from random import Random

from tests.simulation.timeline import Timeline


class Network:
    """Good at first; :meth:`weather` makes it worse or better."""

    def __init__(self, rng: Random, timeline: Timeline) -> None:
        self.delay = 0
        """Seconds that a datagram takes at most."""
        self._rng, self._timeline = rng, timeline
        self._loss = self._duplication = self._corruption = 0.0
        self._cut_off: set[str] = set()

    def weather(self, hosts: Sequence[str]) -> str:
        """Another state; says which. hosts: any of these may be cut off."""
        rng = self._rng
        bad = rng.random() < 0.5
        self._loss = rng.choice((0.05, 0.2, 0.5)) if bad else 0.0
        self._duplication = rng.choice((0.0, 0.2)) if bad else 0.0
        self._corruption = rng.choice((0.0, 0.05)) if bad else 0.0
        self.delay = rng.choice((0, 1, 4)) if bad else 0
        self._cut_off = {host for host in hosts if rng.random() < 0.1} if bad else set()
        return f"network: loss {self._loss}, delay {self.delay}, without {self._cut_off}"

    def transmit(self, data: bytes, host: str, deliver: Callable[[bytes], None]) -> None:
        """From a host to the server, perhaps."""
        copies = 1 + (self._rng.random() < self._duplication)
        for _ in range(copies):
            if self._is_lost(host):
                continue
            octets = data
            if self._rng.random() < self._corruption:
                octets = self.damaged(data)
            self._carry(partial(deliver, octets))

    def deliver(self, host: str, arrives: Callable[[], None]) -> None:
        """From the server to a host, perhaps."""
        if not self._is_lost(host):
            self._carry(arrives)

    def damaged(self, data: bytes) -> bytes:
        """The same octets with one wrong, or with the end missing."""
        at, way = self._rng.randrange(len(data)), self._rng.random()
        if way < 0.3:
            return data[:at]
        return data[:at] + bytes([data[at] ^ 1 << self._rng.randrange(8)]) + data[at + 1 :]

    def _is_lost(self, host: str) -> bool:
        return host in self._cut_off or self._rng.random() < self._loss

    def _carry(self, arrives: Callable[[], None]) -> None:
        self._timeline.later(self._rng.randint(0, self.delay), arrives)
