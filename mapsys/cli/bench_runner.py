"""Carries the datagrams of one ``mapsys bench`` over a socket."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Sequence
from typing import Final

from mapsys.bench import Bench, Load, Work
from mapsys.cli.exits import Unreachable
from mapsys.core.effects import Endpoint

RECEIVE_OCTETS: Final = 8 * 1024 * 1024
"""Asked of the kernel, which gives what it allows: answers that find no room look lost."""

LONGEST_NAP_SECONDS: Final = 0.1
"""Between looks at whether the run is over or was interrupted."""


class _Answers(asyncio.DatagramProtocol):
    """Hands each datagram to the run as it comes."""

    def __init__(self, bench: Bench, clock: Callable[[], float]) -> None:
        self._bench = bench
        self._clock = clock
        self.fault: Exception | None = None

    def datagram_received(self, data: bytes, _source: tuple[str | int, ...]) -> None:
        self._bench.receive(data, self._clock())

    def error_received(self, error: Exception) -> None:
        self.fault = error


async def run(
    sender: socket.socket,
    server: Endpoint,
    load: Load,
    works: Sequence[Work],
    patience_seconds: float,
) -> Bench:
    """Send the load from a bound socket, and wait so long after the last message for answers.

    Ctrl-C ends the sending, not the waiting. Raises Unreachable where nothing can be sent.
    """
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_OCTETS)
    sender.setblocking(False)
    loop = asyncio.get_running_loop()
    bench = Bench(load, works, loop.time())
    transport, answers = await loop.create_datagram_endpoint(
        lambda: _Answers(bench, loop.time), sock=sender
    )
    loop.add_signal_handler(signal.SIGINT, bench.stop)
    try:
        while (due := bench.next_deadline()) is not None:
            for octets in bench.send(loop.time()):
                transport.sendto(octets, server)
            if answers.fault is not None:
                raise Unreachable(
                    f"cannot send to {server.host} port {server.port}: {answers.fault}"
                ) from answers.fault
            await asyncio.sleep(min(max(due - loop.time(), 0), LONGEST_NAP_SECONDS))
        ends = loop.time() + patience_seconds
        while not bench.is_over and loop.time() < ends:
            await asyncio.sleep(min(max(ends - loop.time(), 0), LONGEST_NAP_SECONDS))
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        transport.close()
    return bench
