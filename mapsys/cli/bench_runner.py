"""Carries the datagrams of one ``mapsys bench`` over a socket."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Sequence
from typing import Final

from mapsys.bench import TURN_LIMIT, Bench, Load, Work
from mapsys.cli.exits import Unreachable
from mapsys.core.effects import Endpoint

RECEIVE_OCTETS: Final = 8 * 1024 * 1024
"""Asked of the kernel, which gives what it allows: answers that find no room look lost."""

DATAGRAM_LIMIT: Final = 65_535

LONGEST_NAP_SECONDS: Final = 0.1
"""Between looks at whether the run is over or was interrupted."""


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

    def read() -> None:
        # As many as leave in a turn, lest answers wait here while messages are sent.
        for _ in range(TURN_LIMIT):
            try:
                data = sender.recv(DATAGRAM_LIMIT)
            except BlockingIOError:
                return
            bench.receive(data, loop.time())

    loop.add_reader(sender, read)
    loop.add_signal_handler(signal.SIGINT, bench.stop)
    try:
        while (due := bench.next_deadline()) is not None:
            for octets in bench.send(loop.time()):
                await loop.sock_sendto(sender, octets, server)
            await asyncio.sleep(min(max(due - loop.time(), 0), LONGEST_NAP_SECONDS))
        ends = loop.time() + patience_seconds
        while not bench.is_over and loop.time() < ends:
            await asyncio.sleep(min(max(ends - loop.time(), 0), LONGEST_NAP_SECONDS))
    except OSError as error:
        raise Unreachable(
            f"cannot send to {server.host} port {server.port}: {error.strerror}; is there a"
            " route, and no firewall in between?"
        ) from error
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        loop.remove_reader(sender)
    return bench
