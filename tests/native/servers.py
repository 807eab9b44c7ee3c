"""Servers on loopback that hear the same messages from the same peers."""

from __future__ import annotations

import itertools
import select
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from mapsys.core.details import Details
from mapsys.core.effects import Datagram, Effect, Endpoint, Send
from mapsys.core.engine import Engine
from mapsys.core.settings import Settings
from mapsys.datapath.contract import Datapath
from mapsys.datapath.counters import Counters
from mapsys.datapath.native import NativeDatapath
from mapsys.datapath.pure import PureDatapath
from mapsys.native._engine import NativeStore
from mapsys.store import Mapping, Registration, Store
from mapsys.store_pure import PureStore

FIRST_FRESH_NONCE = 0xABC000
PATIENCE_SECONDS = 60.0
UDP_SEGMENT = 103

Make = Callable[[], tuple[Store, Datapath]]


def core_alone() -> tuple[Store, Datapath]:
    """Nothing is repeated: every message goes through the core."""
    store = PureStore()
    return store, PureDatapath(store, answers_limit=0)


def pure() -> tuple[Store, Datapath]:
    store = PureStore()
    return store, PureDatapath(store)


def native() -> tuple[Store, Datapath]:
    store = NativeStore()
    return store, NativeDatapath(store)


def native_without_bursts() -> tuple[Store, Datapath]:
    store = NativeStore()
    return store, NativeDatapath(store, bursts=False)


ENGINES: dict[str, Make] = {
    "core alone": core_alone,
    "pure": pure,
    "native": native,
    "native, no bursts": native_without_bursts,
}

_OF_THE_DATAPATH = ("repeated.", "punted")
"""Counters that tell the engines apart."""


class Peers:
    """Sockets by address; each message is sent from one, and answers are heard at all."""

    def __init__(self, addresses: Iterable[Endpoint]) -> None:
        self._sockets: list[socket.socket] = []
        for address in addresses:
            family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
            made = socket.socket(family, socket.SOCK_DGRAM)
            self._sockets.append(made)
            made.setblocking(False)
            made.bind(address)
        self.addresses = [Endpoint(*made.getsockname()[:2]) for made in self._sockets]

    def send(self, number: int, datagrams: Sequence[bytes], to: Endpoint) -> None:
        """One after the other."""
        for data in datagrams:
            self._sockets[number].sendto(data, to)

    def send_burst(self, number: int, datagrams: Sequence[bytes], to: Endpoint) -> None:
        """Datagrams of one length in one go."""
        assert len({len(data) for data in datagrams}) == 1
        segment = len(datagrams[0]).to_bytes(2, "little")
        control = (socket.IPPROTO_UDP, UDP_SEGMENT, segment)
        self._sockets[number].sendmsg((b"".join(datagrams),), (control,), 0, to)

    def heard(self) -> list[tuple[int, bytes]]:
        """What has arrived, by peer; loopback delivers before a send returns."""
        arrived = []
        for number, each in enumerate(self._sockets):
            while select.select([each], [], [], 0)[0]:
                arrived.append((number, each.recv(65_535)))
        return arrived

    def close(self) -> None:
        for each in self._sockets:
            each.close()


class Server:
    """An engine over a datapath, on a clock and with commits that the test holds."""

    def __init__(self, make: Make, settings: Settings) -> None:
        self.store, self.datapath = make()
        self.datapath.listen([Endpoint("127.0.0.1", 0)])
        self.address = self.datapath.listening()[0].address
        nonces = itertools.count(FIRST_FRESH_NONCE)
        self._settings = replace(settings, local=(self.address,))
        self.engine = Engine(self.store, self._settings, lambda: next(nonces))
        self._effects = Counters()
        self._tickets: list[int] = []
        self._changes = b""
        self._do(self.engine.settle(0.0))

    def pass_time(self, now: float) -> None:
        """Do what is due."""
        deadline = self.engine.next_deadline()
        while deadline is not None and deadline <= now:
            self._do(self.engine.expire(deadline))
            after = self.engine.next_deadline()
            assert after is None or after > deadline or self.store.due(deadline, 1)
            deadline = after

    def turn(self, now: float) -> None:
        """Deal with all that has arrived."""
        while select.select(self.datapath.filenos(), [], [], 0)[0]:
            punts = self.datapath.run(now)
            self._effects.fold(self.datapath.take_effects())
            for punt in punts:
                self._handle(punt, now)
        ticket, changes = self.datapath.marks()
        self._tickets.append(ticket)
        self._changes += changes

    def _handle(self, punt: Datagram, now: float) -> None:
        effects = self.engine.handle(punt, now)
        self.datapath.learn(punt, effects)
        self._do(effects)

    def _do(self, effects: Sequence[Effect]) -> None:
        self.datapath.send([effect for effect in effects if isinstance(effect, Send)])
        self._effects.fold(effects)

    def reconfigure(self, settings: Settings, now: float) -> None:
        self._settings = replace(settings, local=(self.address,))
        effects = self.engine.reconfigure(self._settings, now)
        self.datapath.forget()
        self._do(effects)

    def commit(self, count: int) -> None:
        """The journal has written the changes of the oldest ``count`` turns."""
        done, self._tickets = self._tickets[:count], self._tickets[count:]
        if done:
            self.datapath.release(done[-1])

    def dump(self) -> list[Mapping]:
        """All that is registered, as if to one address."""
        return _as_if_to_one_address(self.store)

    def restored(self) -> list[Mapping]:
        """All that a restart would bring back from the journal, likewise."""
        again = PureStore()
        again.apply(self._changes, 0.0)
        return _as_if_to_one_address(again)

    def totals(self) -> dict[str, int]:
        """All counters that every engine has to agree on, and the budgets'."""
        counted = {**self.datapath.counters(), **self._effects.totals()}
        refused = {f"over {name}": n for name, n in self.engine.budgets_refused().items()}
        return {
            name: count
            for name, count in {**counted, **refused}.items()
            if count and not name.startswith(_OF_THE_DATAPATH)
        }

    def close(self) -> None:
        self.datapath.close()


def _as_if_to_one_address(store: Store) -> list[Mapping]:
    return [
        mapping._replace(registrations=tuple(map(_without_local, mapping.registrations)))
        for mapping in store.scan(None, 100_000)
    ]


def _without_local(registration: Registration) -> Registration:
    details = Details.unpack(registration.details)._replace(local=Endpoint("127.0.0.1", 0))
    return registration._replace(details=details.pack())
