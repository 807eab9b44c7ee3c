"""The core's own answers, given again to equal messages; no record is ever read here.

Two messages are equal when all their octets are, apart from what differs each
time an xTR asks the same: the nonce, the inner IP identification, checksums and
authentication data. Inner checksums are still held to account: octets that may
differ and the checksum that covers them have one sum modulo 65,535, which has to
stay what it was when the core accepted the message (RFC 1624). A damaged copy
therefore goes up to the core, which drops it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import Struct
from typing import Any, Final

from mapsys.core.effects import Datagram, Effect, Endpoint, Refreshed, Repeat, Send
from mapsys.datapath.listener import Route, SocketAddress

MAP_REQUEST: Final = 1
MAP_REGISTER: Final = 3
ENCAPSULATED: Final = 8
"""Type codes (RFC 9301, 5.1)."""

ANSWERS_LIMIT: Final = 16_384
"""Of each kind. An answer is a few objects, which the garbage collector has to walk."""

_UDP: Final = 17
_NO_CHECKSUM: Final = 0xFFFF  # no sum modulo 65,535 has this value

# Behind the 4 octets of the encapsulation header (RFC 9301, 5.8): the inner IP
# header, 8 octets of UDP, the Map-Request's 4 octets of flags, its nonce.
_IPV4_NONCE: Final = 4 + 20 + 8 + 4
_IPV6_NONCE: Final = 4 + 40 + 8 + 4
_BARE_NONCE: Final = 4
_IPV4_PARTS = Struct(">8sH4sH14sH4sQ").unpack_from
_IPV6_PARTS = Struct(">50sH4sQ").unpack_from

Key = tuple[bytes, str, int, Endpoint]
"""Octets that have to be equal, source host and port (0: any), local address.

The port from which an encapsulated Map-Request came matters to nobody: the answer
goes to the inner one. Which host it came from does, for that host's budget.
"""


class Answer:
    """How to answer a Map-Request that the core has answered before.

    sums: of checksums and what they cover, as the core accepted them.
    nonce_at: where the Map-Request's nonce stands in the datagram.
    route: the way its answer leaves by.
    also: the core's further effects, which repeat with the answer.
    """

    __slots__ = (
        "_head",
        "_inner",
        "_tail",
        "admit",
        "also",
        "destination",
        "nonce_at",
        "route",
        "sums",
    )

    def __init__(
        self, send: Send, route: Route, sums: int, nonce_at: int, also: tuple[Effect, ...]
    ) -> None:
        self.sums = sums
        self.nonce_at = nonce_at
        self.admit = send.admit
        self.also = also
        self.route = route
        self.destination = send.destination
        self._inner = send.repeat is Repeat.INNER
        self._head = send.data[:4]
        self._tail = b"" if self._inner else send.data[12:]

    def reply(self, data: bytes) -> bytes:
        """The payload that answers an equal Map-Request."""
        if self._inner:
            return self._head + data[4:]
        at = self.nonce_at
        return self._head + data[at : at + 8] + self._tail


Again = Callable[[Datagram, float], list[Effect] | None]
RouteOf = Callable[[Send], Route | None]


class Repeats:
    """What may be repeated, until the owner clears it.

    limit: entries of each kind, at least 1.
    """

    def __init__(self, limit: int = ANSWERS_LIMIT) -> None:
        self._limit = limit
        self._answers: dict[Key, Answer] = {}
        self._refreshes: dict[Key, tuple[Endpoint, Again]] = {}

    def clear(self) -> None:
        """Forget everything."""
        self._answers.clear()
        self._refreshes.clear()

    def __len__(self) -> int:
        return len(self._answers) + len(self._refreshes)

    def answer(self, data: bytes, source: SocketAddress, local: Endpoint) -> Answer | None:
        """How to answer this Map-Request, bare or encapsulated; None asks the core."""
        found = _fingerprint(data)
        if found is None:
            return None
        octets, sums, nonce_at = found
        port = source[1] if nonce_at == _BARE_NONCE else 0
        known = self._answers.get((octets, source[0], port, local))
        return known if known is not None and known.sums == sums else None

    def refresh(
        self, data: bytes, source: SocketAddress, local: Endpoint
    ) -> tuple[Endpoint, Again] | None:
        """The source and what renews its registration; None asks the core."""
        if len(data) < 16:
            return None
        return self._refreshes.get((_without_authentication(data), source[0], source[1], local))

    def learn(self, punt: Datagram, effects: Sequence[Effect], route_of: RouteOf) -> None:
        """Take up the core's answer, where it says that it may be repeated."""
        if not punt.data:
            return
        kind = punt.data[0] >> 4
        if kind in (ENCAPSULATED, MAP_REQUEST):
            self._learn_answer(punt, effects, route_of)
        elif kind == MAP_REGISTER and len(punt.data) >= 16:
            for effect in effects:
                if isinstance(effect, Refreshed) and effect.again is not None:
                    key = (_without_authentication(punt.data), *punt.source, punt.local)
                    _make_room(self._refreshes, self._limit)
                    self._refreshes[key] = (punt.source, effect.again)

    def _learn_answer(self, punt: Datagram, effects: Sequence[Effect], route_of: RouteOf) -> None:
        sends = [effect for effect in effects if isinstance(effect, Send)]
        if len(sends) != 1 or sends[0].repeat is Repeat.NEVER or sends[0].after is not None:
            return
        found = _fingerprint(punt.data)
        route = route_of(sends[0])
        if found is None or route is None:
            return
        octets, sums, nonce_at = found
        port = punt.source.port if nonce_at == _BARE_NONCE else 0
        also = tuple(effect for effect in effects if effect is not sends[0])
        _make_room(self._answers, self._limit)
        self._answers[octets, punt.source.host, port, punt.local] = Answer(
            sends[0], route, sums, nonce_at, also
        )


def _make_room(entries: dict[Key, Any], limit: int) -> None:
    """Empty a full table: what is asked for often comes back at once."""
    if len(entries) >= limit:
        entries.clear()


def _without_authentication(data: bytes) -> bytes:
    """A Map-Register without its nonce and authentication data (RFC 9301, 5.6)."""
    return data[:4] + data[12:16] + data[16 + (data[14] << 8 | data[15]) :]


def _fingerprint(data: bytes) -> tuple[bytes, int, int] | None:
    """The octets that stay, the sums that have to, and where the nonce is.

    None where the message is laid out in a way that fixed offsets do not reach:
    authentication data in the encapsulation header, IPv4 options, IPv6 extension
    headers, a payload that is too short.
    """
    first = data[0]
    length = len(data)
    if first >> 4 == MAP_REQUEST:
        return (data[:4] + data[12:], 0, _BARE_NONCE) if length >= 12 else None
    if first & 0xF8 != ENCAPSULATED << 4 or length < _IPV4_NONCE + 8:
        return None
    if data[4] == 0x45 and data[13] == _UDP:
        head, identification, ttl, header_sum, addresses, udp_sum, flags, nonce = _IPV4_PARTS(data)
        octets = head + ttl + addresses + flags + data[44:]
        header = (identification + header_sum) % 65_535 << 16
        datagram = (nonce + udp_sum) % 65_535 if udp_sum else _NO_CHECKSUM
        return octets, header | datagram, _IPV4_NONCE
    if data[4] >> 4 == 6 and data[10] == _UDP and length >= _IPV6_NONCE + 8:
        head, udp_sum, flags, nonce = _IPV6_PARTS(data)
        octets = head + flags + data[64:]
        datagram = (nonce + udp_sum) % 65_535 if udp_sum else _NO_CHECKSUM
        return octets, datagram, _IPV6_NONCE
    return None
