"""A UDP relay that loses, doubles, delays, reorders and damages what it carries, by a seed.

Real sockets on loopback. What becomes of a datagram is drawn from the seed, its
direction, its octets and how often these have come: not from when it comes, so that
equal traffic meets an equal network.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from mapsys.core.effects import Endpoint

HOST = "127.0.0.1"


class Impairment(NamedTuple):
    """Shares of datagrams from 0 to 1; delay: up to so many seconds, which reorders."""

    loss: float = 0.0
    duplication: float = 0.0
    corruption: float = 0.0
    delay_seconds: float = 0.0


class Relay:
    """Stands between clients and one server; each client has a port of its own towards it.

    Made inside the loop it runs on; ``fates`` counts what became of datagrams.
    """

    def __init__(self, seed: int, server: Endpoint, impairment: Impairment) -> None:
        self.impairment = impairment
        self.fates: Counter[str] = Counter()
        self._seed, self._server = seed, tuple(server)
        self._seen: Counter[tuple[str, bytes]] = Counter()
        self._front: asyncio.DatagramTransport | None = None
        self._backs: dict[tuple[str, int], asyncio.Future[asyncio.DatagramTransport]] = {}

    async def start(self) -> Endpoint:
        """Open the port that clients send to, and return it."""
        self._front = await _opened(self._from_client)
        return Endpoint(*self._front.get_extra_info("sockname")[:2])

    def heal(self) -> None:
        """Carry everything at once from now on."""
        self.impairment = Impairment()

    def close(self) -> None:
        """Give the ports back; what is under way is lost."""
        if self._front is not None:
            self._front.close()
        for back in self._backs.values():
            if back.done():
                back.result().close()
            else:
                back.cancel()

    def _from_client(self, data: bytes, client: tuple[str, int]) -> None:
        back = self._backs.get(client)
        if back is None:
            opening = _opened(lambda heard, _: self._carry("back", heard, self._to_client(client)))
            back = self._backs[client] = asyncio.ensure_future(opening)
        self._carry("there", data, partial(self._to_server, back))

    def _to_server(self, back: asyncio.Future[asyncio.DatagramTransport], data: bytes) -> None:
        back.add_done_callback(
            lambda opened: opened.cancelled() or opened.result().sendto(data, self._server)
        )

    def _to_client(self, client: tuple[str, int]) -> Callable[[bytes], None]:
        assert self._front is not None
        return partial(self._front.sendto, addr=client)

    def _carry(self, direction: str, data: bytes, send: Callable[[bytes], None]) -> None:
        """Let a datagram meet its fate; send: hands it over."""
        times = self._seen[direction, data]
        self._seen[direction, data] += 1
        rng, network = (
            random.Random(f"{self._seed} {direction} {times} {data.hex()}"),
            self.impairment,
        )
        copies = 1 + (rng.random() < network.duplication)
        self.fates["doubled"] += copies - 1
        for _ in range(copies):
            if rng.random() < network.loss:
                self.fates["lost"] += 1
                continue
            octets = data
            if rng.random() < network.corruption:
                self.fates["damaged"] += 1
                octets = damaged(rng, data)
            self.fates["carried"] += 1
            delay = rng.random() * network.delay_seconds
            asyncio.get_running_loop().call_later(delay, send, octets)


def damaged(rng: random.Random, data: bytes) -> bytes:
    """The same octets with a bit turned, or with the end missing; never empty."""
    at = rng.randrange(len(data))
    if rng.random() < 0.3:
        return data[: at or 1]
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


class _Port(asyncio.DatagramProtocol):
    def __init__(self, hears: Callable[[bytes, tuple[str, int]], None]) -> None:
        self._hears = hears

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self._hears(data, (addr[0], addr[1]))


async def _opened(
    hears: Callable[[bytes, tuple[str, int]], None],
) -> asyncio.DatagramTransport:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Port(hears), local_addr=(HOST, 0))
    return transport
