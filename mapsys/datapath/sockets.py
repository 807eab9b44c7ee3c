"""The open sockets of the control port: opening, turns, and which one a payload leaves by."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from mapsys.core.effects import Endpoint
from mapsys.datapath.contract import Listening
from mapsys.datapath.listener import Listener, Route, is_ipv6, is_loopback

ROUTES_LIMIT: Final = 256
"""Ways out that are remembered: a few for each local address."""


class Sockets:
    """Listeners in the order asked for."""

    def __init__(
        self, receive_buffer_octets: int, inherited: Mapping[Endpoint, socket.socket] | None = None
    ) -> None:
        """inherited: bound sockets to use where their addresses are asked for."""
        self._inherited = inherited or {}
        self._receive_buffer_octets = receive_buffer_octets
        self._listeners: dict[Endpoint, Listener] = {}
        self._turns: deque[Listener] = deque()
        self._routes: dict[tuple[Endpoint | None, bool, bool], Route | None] = {}
        """By local address, and the destination's family and kind."""

    def __iter__(self) -> Iterator[Listener]:
        return iter(self._listeners.values())

    def replace(self, addresses: Iterable[Endpoint]) -> list[Listener]:
        """Open what is new, keep what stays; returns what the caller has to close.

        Raises OSError before anything is changed.
        """
        wanted = list(dict.fromkeys(addresses))
        opened: dict[Endpoint, Listener] = {}
        try:
            for address in wanted:
                if address not in self._listeners:
                    opened[address] = Listener(
                        address, self._receive_buffer_octets, self._inherited.get(address)
                    )
        except OSError:
            for listener in opened.values():
                listener.close()
            raise
        left = {**self._listeners, **opened}
        self._listeners = {address: left.pop(address) for address in wanted}
        self._turns = deque(self._listeners.values())
        self._routes.clear()
        return list(left.values())

    def listening(self) -> list[Listening]:
        """What is open, in the order it was asked for."""
        return [
            Listening(each.address, each.receive_buffer_octets, each.queue_drops) for each in self
        ]

    def in_turn(self) -> tuple[Listener, ...]:
        """The listeners, those first that a full batch kept waiting."""
        return tuple(self._turns)

    def had_its_turn(self, listener: Listener) -> None:
        """Put a listener last, since it filled a batch and may have more."""
        self._turns.remove(listener)
        self._turns.append(listener)

    def at(self, local: Endpoint) -> Listener | None:
        """The listener that receives what is sent to a local address."""
        for listener in self:
            if listener.address == local or (
                listener.wildcard
                and listener.address.port == local.port
                and listener.ipv6 == is_ipv6(local.host)
            ):
                return listener
        return None

    def route(self, source: Endpoint | None, destination: Endpoint) -> Route | None:
        """The way to a destination; None where no socket is of its family.

        From the source where that can be: it may be of the other family (a
        Map-Request over IPv6 goes on to an ETR with an IPv4 locator), on loopback
        while the destination is not, or closed since. Otherwise from a socket
        that suits the destination.
        """
        ipv6 = is_ipv6(destination.host)
        loopback = is_loopback(destination.host)
        way = source, ipv6, loopback
        try:
            return self._routes[way]
        except KeyError:
            if len(self._routes) >= ROUTES_LIMIT:
                self._routes.clear()
            found = self._routes[way] = self._find_route(*way)
            return found

    def _find_route(self, source: Endpoint | None, ipv6: bool, loopback: bool) -> Route | None:
        if (
            source is not None
            and is_ipv6(source.host) == ipv6
            and (loopback or not is_loopback(source.host))
        ):
            listener = self.at(source)
            if listener is not None:
                return listener.route(source.host)
        family = [listener for listener in self if listener.ipv6 == ipv6]
        family.sort(key=lambda each: _misfit(each, loopback))
        return family[0].route(None) if family else None


def _misfit(listener: Listener, loopback: bool) -> int:
    """0 where the system chooses the source, 1 where the bound address suits, else 2."""
    if listener.wildcard:
        return 0
    return 1 if is_loopback(listener.address.host) == loopback else 2
