"""Carries an ETR's datagrams over a socket and tells on stdout what happens."""

from __future__ import annotations

import errno
import ipaddress
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import click

from mapsys.cli.endpoints import endpoint_of, family_of, local_address_towards
from mapsys.cli.exits import Failed, Unreachable
from mapsys.cli.output import printable
from mapsys.core.effects import Endpoint
from mapsys.etr import (
    Acknowledged,
    Etr,
    EtrConfig,
    EtrEffect,
    EtrEvent,
    Ignored,
    Notified,
    RegisterSent,
    RequestAnswered,
    Transmit,
)
from mapsys.lig import CONTROL_PORT
from mapsys.record_view import record_view
from mapsys.wire.records import EidRecord

LOOPBACK_ALIASES: Final = range(2, 34)
"""Last octets tried on 127.0.0.0/24 beside a Map-Server on the same host: Linux answers to
all of them, and the Map-Server itself holds port 4342 of 127.0.0.1."""

DATAGRAM_LIMIT: Final = 65_535
WITHDRAW_SECONDS: Final = 3.0
"""How long an interrupted ETR waits for the Map-Notify to its withdrawal."""


def etr_socket(map_server: Endpoint, bind: Endpoint | None) -> socket.socket:
    """A bound UDP socket. Without ``bind``, port 4342 where a Map-Server's messages arrive.

    Raises Failed where a given address is not free.
    """
    if bind is not None:
        bound = _bound(bind)
        if bound is None:
            raise Failed(f"port {bind.port} of {bind.host} is in use; give another --bind")
        return bound
    for candidate in _candidates(map_server.host):
        bound = _bound(Endpoint(candidate, CONTROL_PORT))
        if bound is not None:
            return bound
    own = local_address_towards(map_server.host)
    click.echo(
        f"port {CONTROL_PORT} of {own} is in use: listening at another port. A Map-Notify"
        " comes only if the site has 'notify-port: source', and no Map-Requests do.",
        err=True,
    )
    bound = _bound(Endpoint(own, 0))
    if bound is None:
        raise Failed(f"no UDP port of {own} is free")
    return bound


def _candidates(map_server: str) -> Iterator[str]:
    address = ipaddress.ip_address(map_server)
    if address.version == 4 and address.is_loopback:
        for last in LOOPBACK_ALIASES:
            yield f"127.0.0.{last}"
    else:
        yield local_address_towards(map_server)


def _bound(at: Endpoint) -> socket.socket | None:
    """A socket at an address, or None where it is in use."""
    listener = socket.socket(family_of(at.host), socket.SOCK_DGRAM)
    try:
        listener.bind(at)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            return None
        raise Failed(f"cannot listen at {at.host} port {at.port}: {error.strerror}") from error
    return listener


class EtrRunner:
    """One ETR on one socket, until it is done or interrupted."""

    def __init__(self, etr: Etr, config: EtrConfig, listener: socket.socket) -> None:
        self._etr = etr
        self._config = config
        self._listener = listener

    def register_once(self, timeout_seconds: float) -> None:
        """Register and wait for every Map-Notify. Raises Unreachable without them."""
        self._introduce()
        self._until_settled(self._etr.start, timeout_seconds)

    def withdraw(self, timeout_seconds: float) -> None:
        """Withdraw and wait for every Map-Notify. Raises Unreachable without them."""
        self._introduce()
        self._until_settled(self._etr.withdraw, timeout_seconds)

    def serve(self, withdraw_on_exit: bool, timeout_seconds: float) -> None:
        """Register again and again, and answer, until interrupted."""
        self._introduce()
        try:
            self._carry_out(self._etr.start(time.monotonic()))
            while True:
                self._turn(None)
        except KeyboardInterrupt:
            if withdraw_on_exit:
                self._until_settled(self._etr.withdraw, min(timeout_seconds, WITHDRAW_SECONDS))

    def _until_settled(
        self, begin: Callable[[float], list[EtrEffect]], timeout_seconds: float
    ) -> None:
        began = time.monotonic()
        self._carry_out(begin(began))
        while not self._etr.is_settled:
            if time.monotonic() >= began + timeout_seconds:
                server = self._config.map_server
                raise Unreachable(
                    f"no Map-Notify from {server.host} port {server.port} within"
                    f" {timeout_seconds:g} s: nobody is there, or the Map-Register was refused"
                    " (wrong key, EID-Prefix not configured); 'mapsys sites' on the server says"
                )
            self._turn(began + timeout_seconds)

    def _turn(self, until: float | None) -> None:
        """Wait for one datagram or the next deadline."""
        deadlines = [one for one in (self._etr.next_deadline(), until) if one is not None]
        left = min(deadlines) - time.monotonic() if deadlines else None
        self._listener.settimeout(None if left is None else max(left, 0.001))
        try:
            data, address = self._listener.recvfrom(DATAGRAM_LIMIT)
            self._carry_out(self._etr.handle(data, endpoint_of(address), time.monotonic()))
        except TimeoutError:
            pass  # nothing came: the deadline is what is left to do
        self._carry_out(self._etr.expire(time.monotonic()))

    def _carry_out(self, effects: Iterable[EtrEffect]) -> None:
        for effect in effects:
            if isinstance(effect, Transmit):
                self._send(effect)
            else:
                click.echo(f"{time.strftime('%H:%M:%S')} {told(effect)}")

    def _send(self, effect: Transmit) -> None:
        family = family_of(effect.destination.host)
        try:
            if family == self._listener.family:
                self._listener.sendto(effect.data, effect.destination)
            else:
                # An ITR of the other family: nothing ever comes back on this one.
                with socket.socket(family, socket.SOCK_DGRAM) as other:
                    other.sendto(effect.data, effect.destination)
        except OSError as error:  # the next retransmission may do better
            click.echo(f"cannot send to {effect.destination.host}: {error.strerror}", err=True)

    def _introduce(self) -> None:
        own = self._listener.getsockname()
        server = self._config.map_server
        click.echo(
            f"ETR at {own[0]} port {own[1]}, Map-Server {server.host} port {server.port},"
            f" key-id {self._config.key_id}"
        )


def told(effect: EtrEvent) -> str:
    """One line about what happened."""
    match effect:
        case RegisterSent():
            again = f", attempt {effect.attempt}" if effect.attempt > 1 else ""
            return f"Map-Register sent, nonce {effect.nonce:#018x}{again}: {_named(effect.records)}"
        case Acknowledged():
            return (
                f"Map-Notify from {effect.source.host}, rtt {effect.rtt_seconds:.6f} s:"
                f" {_named(effect.records)}"
            )
        case Notified():
            return f"Map-Notify from {effect.source.host}, acknowledged: {_named(effect.records)}"
        case RequestAnswered():
            to = effect.destination
            return f"Map-Request for {printable(effect.eid)} answered to {to.host} port {to.port}"
        case Ignored():
            return f"datagram from {effect.source.host} ignored: {effect.reason}"


def _named(records: Iterable[EidRecord]) -> str:
    views = [record_view(one) for one in records]
    return ", ".join(
        printable(one.eid_prefix)
        + (f" in instance-ID {one.instance_id}" if one.instance_id else "")
        + (" withdrawn" if one.record_ttl_minutes == 0 else "")
        for one in views
    )
