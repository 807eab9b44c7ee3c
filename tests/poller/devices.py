"""Simulated xTRs at loopback addresses: they register, and answer Map-Requests, well or badly."""

from __future__ import annotations

import heapq
import select
import socket
import threading
import time
from dataclasses import dataclass
from typing import Self

from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix
from mapsys.wire.address import Address, Ipv4, ip_address
from mapsys.wire.auth import Key
from mapsys.wire.ecm import Ecm
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.map_register import MapRegister
from mapsys.wire.map_reply import MapReply
from mapsys.wire.map_request import MapRequest
from mapsys.wire.message import decode
from mapsys.wire.records import EidRecord, RlocRecord

PATIENCE_SECONDS = 60.0


def record(prefix: EidPrefix, *hosts: str) -> EidRecord:
    """An EID-Record with these locators."""
    address, mask_len = from_eid_prefix(prefix)
    rlocs = tuple(RlocRecord(ip_address(host), 1, 100, 255, 0) for host in hosts)
    return EidRecord(1440, address, mask_len, rlocs, authoritative=True)


@dataclass(frozen=True)
class Device:
    """One xTR with one EID-Prefix.

    claims: the locator in its Map-Replies; by default the one it registers.
    delay_seconds: before each Map-Reply; None is silence.
    """

    host: str
    prefix: EidPrefix
    claims: str | None = None
    delay_seconds: float | None = 0.0


class Devices:
    """All of them on one thread; a context manager that leaves nothing behind."""

    def __init__(self, devices: list[Device], port: int) -> None:
        self._sockets: dict[socket.socket, Device] = {}
        for device in devices:
            listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._sockets[listener] = device
            listener.bind((device.host, port))
        self._due: list[tuple[float, int, socket.socket, bytes, Endpoint]] = []
        self._order = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def register(self, map_server: Endpoint, secret: bytes) -> None:
        """Register every EID-Prefix, without proxy replies, and see it acknowledged."""
        key = Key(secret)
        for nonce, (listener, device) in enumerate(self._sockets.items(), start=1):
            message = MapRegister(
                nonce, 1, 2, bytes(32), (record(device.prefix, device.host),), want_map_notify=True
            )
            listener.sendto(key.sign(message.octets()), map_server)
            readable, _, _ = select.select([listener], [], [], PATIENCE_SECONDS)
            assert readable, f"no Map-Notify for {device.prefix}"
            assert key.verify(listener.recv(65_535))

    def answer(self) -> None:
        """Answer Map-Requests from now on."""
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(PATIENCE_SECONDS)
        for listener in self._sockets:
            listener.close()

    def _serve(self) -> None:
        while not self._stop.is_set():
            readable, _, _ = select.select([*self._sockets], [], [], 0.02)
            for listener in readable:
                self._receive(listener, self._sockets[listener])
            while self._due and self._due[0][0] <= time.monotonic():
                _, _, listener, data, to = heapq.heappop(self._due)
                listener.sendto(data, to)

    def _receive(self, listener: socket.socket, device: Device) -> None:
        message = decode(listener.recv(65_535))
        if device.delay_seconds is None or not isinstance(message, Ecm):
            return
        request = message.message
        assert isinstance(request, MapRequest)
        reply = MapReply(request.nonce, (record(device.prefix, device.claims or device.host),))
        to = Endpoint(_host(request.itr_rlocs[0]), message.inner_header.source_port)
        self._order += 1
        due = time.monotonic() + device.delay_seconds
        heapq.heappush(self._due, (due, self._order, listener, reply.octets(), to))


def _host(address: Address) -> str:
    assert isinstance(address, Ipv4)
    return address.text
