"""ALT traceroute: which nodes a Map-Request for an EID passes, and what each matches it with.

Map-Requests with few hops go onto the ALT one after the other; the node at which
one's hops are used up tells of itself over the underlay (``alt.plane_trace``).
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address as ip
from typing import Final, NamedTuple

from alt.model import AltConfig
from alt.plane_trace import TRACE_MARK, Hop, read_hop_report
from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix
from mapsys.wire.address import ip_address
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.errors import WireError
from mapsys.wire.ip import build_ip_udp
from mapsys.wire.map_reply import MapReply
from mapsys.wire.map_request import MapRequest, MapRequestRecord
from mapsys.wire.message import decode

HOPS_LIMIT: Final = 16
"""Far more than a hierarchy of three levels has."""

ANSWER_SECONDS: Final = 0.7
"""How long one hop may take; neighbours answer within milliseconds."""

SILENT_LIMIT: Final = 3
"""So many hops without an answer in a row end the trace: the way is lost."""

CONTROL_PORT: Final = 4342


class TraceError(ValueError):
    """A trace cannot be made; the text says why."""


class TracedHop(NamedTuple):
    """One step of the way.

    hops: 0 for this node. hop: None where nothing told of it. address: where the
    answer came from. seconds: how long it took. answered: it was an ordinary
    Map-Reply, so the way has ended here.
    """

    hops: int
    hop: Hop | None
    address: str | None = None
    seconds: float | None = None
    answered: bool = False

    @property
    def is_end(self) -> bool:
        """Whether no Map-Request for the EID goes beyond."""
        return self.answered or (self.hop is not None and self.hop.is_last)


@dataclass(frozen=True, slots=True)
class Vantage:
    """From where a trace is made. own: underlay addresses of this node, the best first.

    hop: what this node does with a packed EID. inject: puts a packet onto the ALT.
    """

    own: tuple[str, ...]
    hop: Callable[[bytes], Hop]
    inject: Callable[[bytes], None]


def own_addresses(config: AltConfig, listen: tuple[Endpoint, ...]) -> tuple[str, ...]:
    """Underlay addresses of this node that others reach: of each family at most one.

    The addresses it listens at, else those that the system would send from.
    """
    found: dict[int, str] = {}
    listening = [endpoint.host for endpoint in listen]
    sending = [t.local or _towards(t.remote) for t in config.tunnels]
    for host in (*listening, *sending):
        if host is not None and not ip(host).is_loopback and not ip(host).is_unspecified:
            found.setdefault(ip(host).version, host)
    return tuple(found.values())


async def trace(eid: EidPrefix, vantage: Vantage) -> list[TracedHop]:
    """Follow the way of Map-Requests for one EID, from this node on.

    Takes SILENT_LIMIT times ANSWER_SECONDS where the way is lost.
    Raises TraceError.
    """
    traced = [TracedHop(0, vantage.hop(eid.network_octets()))]
    if traced[0].is_end:
        return traced
    async with _Listener(vantage.own) as listener:
        for hops in range(1, HOPS_LIMIT + 1):
            traced.append(await _probe(eid, hops, listener, vantage))
            silent = [one.hop is None and not one.answered for one in traced[-SILENT_LIMIT:]]
            if traced[-1].is_end or (len(silent) == SILENT_LIMIT and all(silent)):
                break
    return traced


async def probe(eid: EidPrefix, hops: int, vantage: Vantage) -> TracedHop:
    """Send one Map-Request with so many hops, and hear who answers. Raises TraceError."""
    async with _Listener(vantage.own) as listener:
        return await _probe(eid, hops, listener, vantage)


async def _probe(eid: EidPrefix, hops: int, listener: _Listener, vantage: Vantage) -> TracedHop:
    source = next((host for host in vantage.own if ip(host).version == _version(eid)), None)
    if source is None:
        raise TraceError(
            f"this node has no underlay address of the family of {eid}; add one to control: listen"
        )
    nonce = secrets.randbits(64)
    address, mask_len = from_eid_prefix(eid)
    request = MapRequest(
        nonce,
        TRACE_MARK,
        (ip_address(listener.address.host),),
        (MapRequestRecord(address, mask_len),),
    )
    packet = build_ip_udp(
        source,
        str(ip(eid.network_octets())),
        listener.address.port,
        CONTROL_PORT,
        request.octets(),
        hop_limit=hops,
    )
    began = time.perf_counter()
    vantage.inject(packet)
    answer = await listener.answer_to(nonce)
    if answer is None:
        return TracedHop(hops, None)
    reply, host = answer
    hop = read_hop_report(reply)
    seconds = time.perf_counter() - began
    return TracedHop(hops, hop, host, seconds, answered=hop is None)


class _Listener(asyncio.DatagramProtocol):
    """A UDP socket of its own, since what comes to port 4342 is the servers'."""

    def __init__(self, own: tuple[str, ...]) -> None:
        """own: as in Vantage; answers come to the first."""
        if not own:
            raise TraceError("this node has no underlay address; add one to control: listen")
        self._host = own[0]
        self._heard: asyncio.Queue[tuple[MapReply, str]] = asyncio.Queue(HOPS_LIMIT)
        self._transport: asyncio.DatagramTransport | None = None

    async def __aenter__(self) -> _Listener:
        loop = asyncio.get_running_loop()
        try:
            self._transport, _ = await loop.create_datagram_endpoint(
                lambda: self, local_addr=(self._host, 0)
            )
        except OSError as error:
            raise TraceError(f"cannot listen at {self._host}: {error.strerror}") from error
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._transport is not None:
            self._transport.close()

    @property
    def address(self) -> Endpoint:
        """Where answers come to."""
        assert self._transport is not None
        return Endpoint(*self._transport.get_extra_info("sockname")[:2])

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        with suppress(WireError, asyncio.QueueFull):
            message = decode(data)
            if isinstance(message, MapReply):
                self._heard.put_nowait((message, addr[0]))

    async def answer_to(self, nonce: int) -> tuple[MapReply, str] | None:
        """The Map-Reply to a nonce, with its sender; None where none comes in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS):
                while True:
                    reply, host = await self._heard.get()
                    if reply.nonce == nonce:
                        return reply, host
        return None


def _version(eid: EidPrefix) -> int:
    return ip(eid.network_octets()).version


def _towards(remote: str) -> str | None:
    """The address that the system sends from towards another."""
    family = socket.AF_INET6 if ":" in remote else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((remote, CONTROL_PORT))
        except OSError:
            return None
        return str(probe.getsockname()[0])


def does(step: TracedHop) -> str | None:
    """What a step did, in the words of ``mapsys.query_alt_rows.AltHopRow``."""
    if step.answered:
        return "answers"
    return None if step.hop is None else step.hop.does
