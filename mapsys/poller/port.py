"""A UDP port for many queries at once; each Map-Reply finds its own by the nonce."""

from __future__ import annotations

import asyncio
import secrets
import socket
from dataclasses import dataclass
from typing import Final, cast

from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix
from mapsys.lig import CONTROL_PORT, Answer, Lig, Question, inner_source

NONCE_OFFSET: Final = 4
"""Octets in a Map-Reply before its nonce, which takes eight (RFC 9301, 5.4)."""


@dataclass(frozen=True, slots=True)
class _Query:
    """One under way; its Lig knows its nonces."""

    lig: Lig
    answered: asyncio.Future[Answer]


class LigPort(asyncio.DatagramProtocol):
    """One local address to ask from. Made by :func:`open_port`."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queries: dict[int, _Query] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        self._transport = cast(asyncio.DatagramTransport, transport)
        self._local = Endpoint(*transport.get_extra_info("sockname")[:2])

    def datagram_received(self, data: bytes, addr: tuple[object, ...]) -> None:
        """Whatever comes; only an answer to a query under way matters."""
        nonce = int.from_bytes(data[NONCE_OFFSET : NONCE_OFFSET + 8], "big")
        query = self._queries.get(nonce)
        if query is None or query.answered.done():
            return
        source = Endpoint(str(addr[0]).partition("%")[0], int(str(addr[1])))
        answer = query.lig.receive(data, source, self._loop.time())
        if answer is not None:
            query.answered.set_result(answer)

    def error_received(self, exc: Exception) -> None:
        """A Map-Request could not be delivered: silence, as for the ITR it stands for."""

    async def ask(
        self, eid: EidPrefix, map_resolver: Endpoint, count: int, timeout_seconds: float
    ) -> Answer | None:
        """What the Map-Resolver answers; None after ``count`` Map-Requests without a word."""
        question = Question(
            eid=eid,
            map_resolver=map_resolver,
            itr_rloc=self._local.host,
            source_port=self._local.port,
            inner_source=inner_source(eid, [self._local.host]),
            count=count,
            timeout_seconds=timeout_seconds,
        )
        nonces: list[int] = []

        def fresh_nonce() -> int:
            nonces.append(secrets.randbits(64))
            return nonces[-1]

        query = _Query(Lig(question, fresh_nonce), self._loop.create_future())
        try:
            while (message := query.lig.send(self._loop.time())) is not None:
                self._queries[nonces[-1]] = query
                self._transport.sendto(message, map_resolver)
                await asyncio.wait([query.answered], timeout=timeout_seconds)
                if query.answered.done():
                    return query.answered.result()
            return None
        finally:
            for nonce in nonces:
                self._queries.pop(nonce, None)

    def close(self) -> None:
        """Close the socket."""
        self._transport.close()


async def open_port(map_resolver: Endpoint) -> LigPort:
    """A port at this host's address towards a Map-Resolver. Raises OSError where it has none."""
    family = socket.AF_INET6 if ":" in map_resolver.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((map_resolver.host, CONTROL_PORT))
        host = probe.getsockname()[0]
    loop = asyncio.get_running_loop()
    _, port = await loop.create_datagram_endpoint(LigPort, local_addr=(host, 0))
    return port
