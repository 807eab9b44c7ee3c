"""A datapath on loopback with a peer that talks to it; both ends are real sockets."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mapsys.core.effects import Datagram, Effect, Endpoint
from mapsys.datapath.contract import Datapath
from mapsys.datapath.pure import PureDatapath
from mapsys.engine_choice import choose
from mapsys.store import Store
from mapsys.store_pure import PureStore

PATIENCE_SECONDS = 60.0

FACTORIES: list[Callable[[Store], Datapath]] = [PureDatapath]
"""Every implementation of the contract that is installed."""

if choose("auto").engine == "native":
    from mapsys.datapath.native import NativeDatapath

    FACTORIES.append(NativeDatapath)

LOOPBACK = {"ipv4": "127.0.0.1", "ipv6": "::1"}


class Peer:
    """A plain UDP socket on a loopback address."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE_SECONDS)
        self.socket.bind((host, 0))
        self.address = Endpoint(*self.socket.getsockname()[:2])

    def send(self, data: bytes, to: Endpoint) -> None:
        self.socket.sendto(data, to)

    def receive(self) -> tuple[bytes, Endpoint]:
        """The next datagram and its source. Raises TimeoutError."""
        data, source = self.socket.recvfrom(65_535)
        return data, Endpoint(*source[:2])

    def is_quiet(self) -> bool:
        """Whether nothing has arrived; loopback delivers before sendto returns."""
        return not select.select([self.socket], [], [], 0)[0]

    def close(self) -> None:
        self.socket.close()


class Bench:
    """A datapath, its store, and what came up from it."""

    def __init__(self, factory: Callable[[Store], Datapath], *hosts: str) -> None:
        self.store = PureStore()
        self.datapath = factory(self.store)
        self.datapath.listen(Endpoint(host, 0) for host in hosts or ("127.0.0.1",))
        self.peers: list[Peer] = []

    @property
    def address(self) -> Endpoint:
        return self.datapath.listening()[0].address

    def peer(self, host: str = "127.0.0.1") -> Peer:
        self.peers.append(Peer(host))
        return self.peers[-1]

    def run(self, now: float = 0.0) -> list[Datagram]:
        """One turn, once something can be read."""
        assert select.select(self.datapath.filenos(), [], [], PATIENCE_SECONDS)[0]
        return self.datapath.run(now)

    def run_until(self, count: int) -> list[Datagram]:
        """Turns until this many punts have come up."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        punts: list[Datagram] = []
        while len(punts) < count:
            assert time.monotonic() < deadline, f"only {len(punts)} of {count} came up"
            punts += self.run()
        return punts

    def teach(self, peer: Peer, data: bytes, make: Callable[[Datagram], list[Effect]]) -> None:
        """Have a message come up, and show the datapath these effects for it."""
        peer.send(data, self.address)
        [punt] = self.run()
        self.datapath.learn(punt, make(punt))

    def close(self) -> None:
        self.datapath.close()
        for peer in self.peers:
            peer.close()


@contextmanager
def bench(factory: Callable[[Store], Datapath], *hosts: str) -> Iterator[Bench]:
    """A bench that is cleared away at the end."""
    made = Bench(factory, *hosts)
    try:
        yield made
    finally:
        made.close()
