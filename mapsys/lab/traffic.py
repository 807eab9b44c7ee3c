"""Packets that hosts of the lab exchange, and what became of them."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import threading
import time
from struct import Struct
from typing import Final, NamedTuple

from alt.netns import inside
from mapsys.lab.network import socket_in
from mapsys.lab.waiting import wait_for
from mapsys.wire.ip import ones_complement_sum

_ECHO: Final = Struct("!BBHHH")
_REQUEST, _REPLY = {4: 8, 6: 128}, {4: 0, 6: 129}
_NUMBER: Final = Struct("!Q")
_PORT: Final = 7_007
_TURN_SECONDS: Final = 0.05
_TCP_INFO_TOTAL_RETRANS: Final = 100
"""Where the count of retransmissions stands in Linux's struct tcp_info."""


class Pinged(NamedTuple):
    """What became of some echo requests. milliseconds: on average, of those answered."""

    sent: int
    received: int
    milliseconds: float | None

    def __str__(self) -> str:
        mean = "" if self.milliseconds is None else f", {self.milliseconds:.1f} ms"
        return f"{self.received} of {self.sent} answered{mean}"


def ping(
    namespace: str, destination: str, *, count: int = 3, octets: int = 56, wait_seconds: float = 5.0
) -> Pinged:
    """Echo requests, each waiting for its answer before the next one goes."""
    version = 6 if ":" in destination else 4
    protocol = socket.IPPROTO_ICMPV6 if version == 6 else socket.IPPROTO_ICMP
    sent_at: dict[int, float] = {}
    seconds: list[float] = []
    identifier = os.getpid() & 0xFFFF
    with _raw_icmp(namespace, version, protocol) as icmp:
        for number in range(count):
            sent_at[number] = time.monotonic()
            icmp.sendto(_echo_request(version, identifier, number, octets), (destination, 0))
            answered = _wait_for_reply(icmp, version, identifier, number, wait_seconds)
            if answered:
                seconds.append(time.monotonic() - sent_at[number])
    mean = sum(seconds) / len(seconds) * 1_000 if seconds else None
    return Pinged(count, len(seconds), mean)


def _raw_icmp(namespace: str, version: int, protocol: int) -> socket.socket:
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    with inside(namespace):
        return socket.socket(family, socket.SOCK_RAW, protocol)


def _echo_request(version: int, identifier: int, number: int, octets: int) -> bytes:
    body = bytes(octets)
    head = _ECHO.pack(_REQUEST[version], 0, 0, identifier, number)
    if version == 6:
        return head + body  # the kernel fills in this one's checksum
    checksum = -ones_complement_sum(head + body) % 0xFFFF
    return _ECHO.pack(_REQUEST[version], 0, checksum, identifier, number) + body


def _wait_for_reply(
    icmp: socket.socket, version: int, identifier: int, number: int, wait_seconds: float
) -> bool:
    deadline = time.monotonic() + wait_seconds
    while (left := deadline - time.monotonic()) > 0:
        icmp.settimeout(left)
        try:
            octets = icmp.recv(65_535)
        except TimeoutError:
            return False
        except OSError:
            continue  # an ICMP error about the request
        start = 0 if version == 6 else (octets[0] & 0xF) * 4
        kind, _, _, its_identifier, its_number = _ECHO.unpack_from(octets, start)
        if (kind, its_identifier, its_number) == (_REPLY[version], identifier, number):
            return True
    return False


class Arrived(NamedTuple):
    """What became of numbered datagrams."""

    sent: int
    received: int

    @property
    def lost(self) -> int:
        """Those that never came."""
        return self.sent - self.received


class UdpStream:
    """Numbered datagrams one way, one every few milliseconds, from a thread of its own."""

    def __init__(self, source: tuple[str, str], destination: tuple[str, str]) -> None:
        """Each end: its namespace and its address."""
        self._destination = (destination[1], _PORT)
        self._sender = socket_in(*source, 0)
        self._receiver = socket_in(*destination, _PORT)
        self._receiver.settimeout(_TURN_SECONDS)
        self._got: set[int] = set()
        self._sent = 0
        self._ending = threading.Event()
        runs = (self._send, self._get)
        self._threads = [threading.Thread(target=run, daemon=True) for run in runs]

    def start(self, interval_seconds: float = 0.005) -> None:
        """Begin; returns when the first one has come."""
        self._interval_seconds = interval_seconds
        for thread in self._threads:
            thread.start()
        wait_for(lambda: bool(self._got), "the first datagram of a stream")

    def count(self) -> int:
        """How many have come."""
        return len(self._got)

    def stop(self) -> Arrived:
        """Send no more, and wait a moment for what is under way."""
        self._ending.set()
        for thread in self._threads:
            thread.join()
        self._sender.close()
        self._receiver.close()
        return Arrived(self._sent, len(self._got))

    def _send(self) -> None:
        while not self._ending.is_set():
            # While it moves, a host has no route, and that datagram is lost.
            with contextlib.suppress(OSError):
                self._sender.sendto(_NUMBER.pack(self._sent), self._destination)
            self._sent += 1
            time.sleep(self._interval_seconds)

    def _get(self) -> None:
        quiet = False
        while not (quiet and self._ending.is_set()):
            try:
                self._got.add(_NUMBER.unpack(self._receiver.recv(64))[0])
                quiet = False
            except TimeoutError:
                quiet = True


class Flowed(NamedTuple):
    """What became of a TCP connection on which numbers went to and fro.

    longest_pause: seconds between two answers at most. retransmissions: by the
    sender's kernel.
    """

    answers: int
    longest_pause: float
    retransmissions: int

    def __str__(self) -> str:
        return (
            f"{self.answers} answers, longest pause {self.longest_pause * 1_000:.0f} ms,"
            f" {self.retransmissions} retransmissions"
        )


class TcpFlow:
    """One connection that is never closed: a number goes, and comes back, and the next goes."""

    def __init__(self, client: tuple[str, str], server: tuple[str, str]) -> None:
        """Each end: its namespace and its address. Raises OSError where it cannot connect."""
        listener = socket_in(*server, 0, socket.SOCK_STREAM)
        listener.listen(1)
        self._client = socket_in(*client, 0, socket.SOCK_STREAM)
        self._client.settimeout(30.0)
        self._client.connect((server[1], listener.getsockname()[1]))
        self._server, _ = listener.accept()
        listener.close()
        self._server.settimeout(_TURN_SECONDS)
        self._client.settimeout(_TURN_SECONDS)
        self._answered_at: list[float] = []
        self._ending = threading.Event()
        runs = (self._ask, self._echo)
        self._threads = [threading.Thread(target=run, daemon=True) for run in runs]

    def start(self) -> None:
        """Begin; returns when the first answer has come."""
        for thread in self._threads:
            thread.start()
        self.wait_for_more()

    def wait_for_more(self, answers: int = 20) -> None:
        """Until so many more answers have come. Raises CheckFailed."""
        before = len(self._answered_at)
        wait_for(
            lambda: len(self._answered_at) >= before + answers, "answers on the TCP connection"
        )

    def stop(self) -> Flowed:
        """Send no more, and say what happened."""
        self._ending.set()
        for thread in self._threads:
            thread.join()
        info = self._client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        retransmissions = int.from_bytes(
            info[_TCP_INFO_TOTAL_RETRANS : _TCP_INFO_TOTAL_RETRANS + 4], "little"
        )
        self._client.close()
        self._server.close()
        at = self._answered_at
        pauses = [later - earlier for earlier, later in itertools.pairwise(at)]
        return Flowed(len(at), max(pauses, default=0.0), retransmissions)

    def _ask(self) -> None:
        number = 0
        while not self._ending.is_set():
            self._client.sendall(_NUMBER.pack(number))
            if not self._whole(self._client):
                return
            self._answered_at.append(time.monotonic())
            number += 1
            time.sleep(0.005)

    def _echo(self) -> None:
        while not self._ending.is_set():
            number = self._whole(self._server)
            if number:
                self._server.sendall(number)

    def _whole(self, end: socket.socket) -> bytes:
        octets = b""
        while len(octets) < _NUMBER.size and not self._ending.is_set():
            try:
                octets += end.recv(_NUMBER.size - len(octets))
            except TimeoutError:
                continue
        return octets
