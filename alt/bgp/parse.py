"""Lines of ExaBGP's JSON encoder become events; what cannot be read is counted.

Every member name that is read stands in the structures below. Both forms of
the AS path are read: 5.0's numbered segments and 4.2's flat list.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any, Final

import msgspec

from alt.bgp.events import (
    EndOfRibReceived,
    EventsLost,
    NotificationReceived,
    OpenReceived,
    PeerDown,
    PeerEvent,
    PeerUp,
    RefreshKind,
    RefreshReceived,
    UpdateReceived,
)
from alt.model import AltConfig
from alt.rib.attributes import Origin, PathAttributes
from mapsys.eid import WIDTH_BITS, EidPrefix, Family

LINE_COUNTS: Final = ("event", "malformed", "unknown-neighbour", "gap", "as-set", "ignored")
"""What a line can turn out to be; the keys of ``EventReader.counts``."""

_FAMILIES: Final = {
    "ipv4 unicast": Family.IPV4,
    "ipv6 unicast": Family.IPV6,
    "ipv4/unicast": Family.IPV4,
    "ipv6/unicast": Family.IPV6,
}
_SOCKET_FAMILY: Final = {Family.IPV4: socket.AF_INET, Family.IPV6: socket.AF_INET6}
_ORIGINS: Final = {"igp": Origin.IGP, "egp": Origin.EGP, "incomplete": Origin.INCOMPLETE}
_CLEAN: Final = ("notification sent", "notification received", "stop, message")
"""How a reason for "down" begins where a NOTIFICATION went over the wire."""

_GRACEFUL: Final = "64"
_MULTIPROTOCOL: Final = "1"
"""Capability codes (RFC 4724, 3; RFC 4760, 8)."""


_Word32 = Annotated[int, msgspec.Meta(ge=0, le=0xFFFFFFFF)]


class _Address(msgspec.Struct):
    peer: str


class _Multiprotocol(msgspec.Struct):
    families: list[str]


class _Graceful(msgspec.Struct):
    time: Annotated[int, msgspec.Meta(ge=0, le=4_095)]
    flags: dict[str, list[str]] = msgspec.field(name="address-family-flags")


class _Open(msgspec.Struct):
    router_id: str
    capabilities: dict[str, Any]


class _Nlri(msgspec.Struct):
    nlri: str


class _Segment(msgspec.Struct):
    element: str
    value: list[_Word32]


class _Attribute(msgspec.Struct):
    origin: str = "igp"
    as_path: dict[str, _Segment] | list[_Word32] = msgspec.field(
        name="as-path", default_factory=dict
    )
    med: _Word32 | None = None
    community: list[Any] = []


class _Update(msgspec.Struct):
    attribute: _Attribute = msgspec.field(default_factory=_Attribute)
    announce: dict[str, dict[str, list[_Nlri]]] = {}
    withdraw: dict[str, list[_Nlri]] = {}


class _Family(msgspec.Struct):
    afi: str
    safi: str
    subtype: str = "query"


class _Message(msgspec.Struct):
    update: _Update | None = None
    eor: _Family | None = None


class _Notification(msgspec.Struct):
    code: int
    subcode: int


class _Neighbor(msgspec.Struct):
    address: _Address
    direction: str = "receive"
    state: str = ""
    reason: str = ""
    open: _Open | None = None
    message: _Message | None = None
    notification: _Notification | None = None
    refresh: _Family | None = msgspec.field(name="route-refresh", default=None)


class _Line(msgspec.Struct):
    type: str
    counter: int = 0
    neighbor: _Neighbor | None = None


class MalformedError(Exception):
    """A line says what no event says."""


class EventReader:
    """Reads lines for one ALT instance.

    counts: lines by what they turned out to be (LINE_COUNTS).
    """

    def __init__(self, config: AltConfig) -> None:
        self.counts: Counter[str] = Counter()
        self._decode = msgspec.json.Decoder(_Line).decode
        self._last: dict[str, int] = {}
        self._read: dict[str, Callable[[str, _Neighbor], Iterable[PeerEvent]]] = {
            "state": self._state,
            "open": self._open,
            "update": self._update,
            "refresh": self._refresh,
            "notification": self._notification,
        }
        self.adopt(config)

    def adopt(self, config: AltConfig) -> None:
        """Read for this configuration from now on."""
        self._instance_id = config.instance_id
        self._names = {t.peer_address(t.session_family): t.name for t in config.tunnels}

    def restart(self) -> None:
        """Another ExaBGP process is read from now on; it counts from one."""
        self._last.clear()

    def read(self, line: bytes) -> list[PeerEvent]:
        """The events of one line; none where it has none or cannot be read. Never raises."""
        try:
            decoded = self._decode(line)
            if decoded.neighbor is None or decoded.type not in self._read:
                self.counts["ignored"] += 1
                return []
            peer = self._names.get(decoded.neighbor.address.peer)
            if peer is None:
                self.counts["unknown-neighbour"] += 1
                return []
            events: list[PeerEvent] = list(self._lost(peer, decoded.counter))
            events += self._read[decoded.type](peer, decoded.neighbor)
        except (msgspec.DecodeError, MalformedError, ValueError, RecursionError):
            self.counts["malformed"] += 1
            return []
        self.counts["event" if events else "ignored"] += 1
        return events

    def _lost(self, peer: str, counter: int) -> Iterator[PeerEvent]:
        """Lines of a neighbour are numbered; a number left out is a line lost."""
        last = self._last.get(peer)
        if counter and last is not None and counter > last + 1:
            self.counts["gap"] += 1
            yield EventsLost(peer)
        self._last[peer] = counter

    def _state(self, peer: str, neighbor: _Neighbor) -> Iterator[PeerEvent]:
        if neighbor.state == "up":
            yield PeerUp(peer)
        elif neighbor.state == "down":
            yield PeerDown(peer, neighbor.reason, neighbor.reason.startswith(_CLEAN))

    def _open(self, peer: str, neighbor: _Neighbor) -> Iterator[PeerEvent]:
        if neighbor.open is None:
            raise MalformedError
        if neighbor.direction != "receive":
            return
        capabilities = neighbor.open.capabilities
        families = frozenset({Family.IPV4})
        if _MULTIPROTOCOL in capabilities:
            offered = msgspec.convert(capabilities[_MULTIPROTOCOL], _Multiprotocol)
            families = _families(offered.families)
        seconds, forwarding = None, frozenset[Family]()
        if _GRACEFUL in capabilities:
            graceful = msgspec.convert(capabilities[_GRACEFUL], _Graceful)
            seconds = graceful.time
            forwarding = _families(text for text, flags in graceful.flags.items() if flags)
        router_id = _address_number(neighbor.open.router_id, Family.IPV4)
        yield OpenReceived(peer, router_id, families, seconds, forwarding)

    def _update(self, peer: str, neighbor: _Neighbor) -> Iterator[PeerEvent]:
        message = neighbor.message
        if message is None or (message.update is None and message.eor is None):
            raise MalformedError
        if message.eor is not None:
            for family in _families([f"{message.eor.afi} {message.eor.safi}"]):
                yield EndOfRibReceived(peer, family)
            return
        assert message.update is not None
        update = message.update
        withdrawn = [
            self._prefix(_FAMILIES[family], nlri)
            for family, nlris in update.withdraw.items()
            if family in _FAMILIES
            for nlri in nlris
        ]
        as_path = _as_path(update.attribute)
        announced: list[tuple[PathAttributes, tuple[EidPrefix, ...]]] = []
        for next_hop, prefixes in self._announced(update):
            if as_path is None:
                # An AS_SET hides where a route came from; the route counts as
                # withdrawn (RFC 9774, 3).
                self.counts["as-set"] += 1
                withdrawn += prefixes
            else:
                announced.append((_attributes(update.attribute, as_path, next_hop), prefixes))
        if announced or withdrawn:
            yield UpdateReceived(peer, tuple(announced), tuple(withdrawn))

    def _announced(self, update: _Update) -> Iterator[tuple[str, tuple[EidPrefix, ...]]]:
        """Prefixes by next hop; a link-local next hop only repeats the global one's."""
        for family, by_next_hop in update.announce.items():
            if family not in _FAMILIES:
                continue
            for next_hop, nlris in by_next_hop.items():
                if not next_hop.startswith("fe80:"):
                    yield next_hop, tuple(self._prefix(_FAMILIES[family], n) for n in nlris)

    def _prefix(self, family: Family, nlri: _Nlri) -> EidPrefix:
        address, _, length = nlri.nlri.partition("/")
        number = _address_number(address, family)
        bits = int(length) if length.isdecimal() else -1
        if not 0 <= bits <= WIDTH_BITS[family]:
            raise MalformedError
        return EidPrefix.masked(self._instance_id, family, number, bits)

    def _refresh(self, peer: str, neighbor: _Neighbor) -> Iterator[PeerEvent]:
        if neighbor.refresh is None:
            raise MalformedError
        kind = RefreshKind(neighbor.refresh.subtype)
        for family in _families([f"{neighbor.refresh.afi} {neighbor.refresh.safi}"]):
            yield RefreshReceived(peer, family, kind)

    def _notification(self, peer: str, neighbor: _Neighbor) -> Iterator[PeerEvent]:
        if neighbor.notification is None:
            raise MalformedError
        if neighbor.direction == "receive":
            yield NotificationReceived(
                peer, neighbor.notification.code, neighbor.notification.subcode
            )


def _families(texts: Iterable[str]) -> frozenset[Family]:
    """The ones the ALT carries; others are no matter of its."""
    return frozenset(_FAMILIES[text] for text in texts if text in _FAMILIES)


def _address_number(text: str, family: Family) -> int:
    try:
        return int.from_bytes(socket.inet_pton(_SOCKET_FAMILY[family], text), "big")
    except OSError:
        raise MalformedError from None


def _as_path(attribute: _Attribute) -> tuple[int, ...] | None:
    """AS numbers in order; None where the path holds anything but sequences."""
    if isinstance(attribute.as_path, list):
        return tuple(attribute.as_path)
    segments = [attribute.as_path[number] for number in sorted(attribute.as_path, key=int)]
    if any(segment.element != "as-sequence" for segment in segments):
        return None
    return tuple(asn for segment in segments for asn in segment.value)


def _attributes(attribute: _Attribute, as_path: tuple[int, ...], next_hop: str) -> PathAttributes:
    if attribute.origin not in _ORIGINS:
        raise MalformedError
    pairs = [tuple(pair) for pair in attribute.community if isinstance(pair, list)]
    if any(len(pair) != 2 or not all(isinstance(half, int) for half in pair) for pair in pairs):
        raise MalformedError
    return PathAttributes(
        as_path, next_hop, _ORIGINS[attribute.origin], attribute.med, tuple(sorted(pairs))
    )
