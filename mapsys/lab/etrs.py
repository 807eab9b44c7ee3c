"""The ETRs of the lab: those that register their sites, and the one that speaks BGP instead."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable
from typing import Final, NamedTuple

from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix
from mapsys.etr import Etr, EtrConfig, EtrEffect, RequestAnswered, Transmit
from mapsys.lab.errors import CheckFailed
from mapsys.lab.network import socket_in
from mapsys.lab.own_config import KEY_ID, VISITOR_KEY_ID, secret
from mapsys.lab.topology import Site
from mapsys.lab.waiting import PATIENCE_SECONDS, wait_for
from mapsys.wire.address import ip_address
from mapsys.wire.auth import Key
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.records import EidRecord, RlocRecord

CONTROL_PORT: Final = 4342
_HMAC_SHA_256_128: Final = 2
_TURN_SECONDS: Final = 0.1


def etr_config(
    map_server: str,
    key_id: int,
    key: str,
    rloc: str,
    eid: EidPrefix,
    *,
    proxy_reply: bool,
) -> EtrConfig:
    """An ETR that registers a prefix with one locator, its own address."""
    locator = RlocRecord(ip_address(rloc), 1, 100, 255, 0)
    return EtrConfig(
        map_server=Endpoint(map_server, CONTROL_PORT),
        records=(EidRecord(1440, *from_eid_prefix(eid), rlocs=(locator,)),),
        key=Key(key.encode()),
        key_id=key_id,
        algorithm_id=_HMAC_SHA_256_128,
        proxy_map_reply=proxy_reply,
        local_hosts=frozenset({rloc}),
    )


class Arrived(NamedTuple):
    """A Map-Request that came to an ETR. source: who sent it, by the outer header."""

    eid: EidPrefix
    source: str


class SiteEtr:
    """Registers one site, and answers for it, on a thread of its own."""

    def __init__(self, site: Site, namespace: str, map_server: str) -> None:
        self.site = site
        self.arrived: list[Arrived] = []
        self._map_server = map_server
        self._etr = self._made(site, KEY_ID, site.prefix)
        self._visitor: Etr | None = None
        self._visitor_settled = threading.Event()
        self._socket = socket_in(namespace, site.rloc, CONTROL_PORT)
        self._socket.settimeout(_TURN_SECONDS)
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=site.name, daemon=True)
        self._thread.start()

    def register(self) -> None:
        """Register, and go on doing so."""
        with self._lock:
            # One that has withdrawn would not go on.
            self._etr = self._made(self.site, KEY_ID, self.site.prefix)
            self._carry_out(self._etr.start(time.monotonic()))

    def withdraw(self) -> None:
        """Withdraw the site, and wait for the Map-Notify. Raises CheckFailed."""
        with self._lock:
            self._carry_out(self._etr.withdraw(time.monotonic()))
        self.wait_until_settled()

    def take_in(self, home: Site, host: str) -> None:
        """Register a host of another site that came here, by the key which that site gave.

        Waits for the Map-Notify. Raises CheckFailed.
        """
        self._visitor_settled.clear()
        with self._lock:
            self._visitor = self._made(home, VISITOR_KEY_ID, host)
            self._carry_out(self._visitor.start(time.monotonic()))
        if not self._visitor_settled.wait(PATIENCE_SECONDS):
            raise CheckFailed(f"{self.site.name} got no Map-Notify for {host}")

    def wait_until_settled(self) -> None:
        """Wait for the Map-Notify. Raises CheckFailed."""
        wait_for(lambda: self._etr.is_settled, f"{self.site.name}'s Map-Notify")

    def end(self) -> None:
        """Say nothing more."""
        self._ending.set()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while not self._ending.is_set():
            try:
                data, (host, port) = self._socket.recvfrom(65_535)
            except TimeoutError:
                with self._lock:
                    self._carry_out(self._etr.expire(time.monotonic()))
                continue
            with self._lock:
                self._take(data, Endpoint(host, port))

    def _take(self, data: bytes, source: Endpoint) -> None:
        effects = self._etr.handle(data, source, time.monotonic())
        for effect in effects:
            if isinstance(effect, RequestAnswered):
                self.arrived.append(Arrived(effect.eid, source.host))
        self._carry_out(effects)
        if self._visitor is not None:
            self._visitor.handle(data, source, time.monotonic())
            if self._visitor.is_settled:
                self._visitor = None
                self._visitor_settled.set()

    def _made(self, signer: Site, key_id: int, prefix: str) -> Etr:
        """Registers a prefix at this ETR's address, signed with a key of a site's."""
        eid = EidPrefix.parse(prefix, signer.instance_id)
        key = secret(signer.name, key_id)
        config = etr_config(
            *(self._map_server, key_id, key, self.site.rloc, eid), proxy_reply=signer.proxy_reply
        )
        return Etr(config, time.time_ns)

    def _carry_out(self, effects: Iterable[EtrEffect]) -> None:
        for effect in effects:
            if isinstance(effect, Transmit):
                self._socket.sendto(effect.data, effect.destination)


class AltEtr:
    """An ETR on the ALT: takes Map-Requests in the overlay, answers in the underlay.

    Its kernel has the whole EID-prefix as a local address.
    """

    def __init__(self, overlay: str, underlay: str, rloc: str, prefix: str) -> None:
        self.arrived: list[Arrived] = []
        eid = EidPrefix.parse(prefix)
        # It registers nowhere; only what it answers with matters.
        self._etr = Etr(
            etr_config(rloc, KEY_ID, "unused", rloc, eid, proxy_reply=False), time.time_ns
        )
        self._inside = socket_in(overlay, "0.0.0.0", CONTROL_PORT)
        self._inside.settimeout(_TURN_SECONDS)
        self._outside: socket.socket = socket_in(underlay, rloc, CONTROL_PORT)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="alt-etr", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Say nothing more."""
        self._ending.set()
        self._thread.join()
        self._inside.close()
        self._outside.close()

    def _serve(self) -> None:
        while not self._ending.is_set():
            try:
                data, (host, port) = self._inside.recvfrom(65_535)
            except TimeoutError:
                continue
            for effect in self._etr.handle(data, Endpoint(host, port), time.monotonic()):
                match effect:
                    case RequestAnswered(eid):
                        self.arrived.append(Arrived(eid, host))
                    case Transmit(reply, destination):
                        self._outside.sendto(reply, destination)
