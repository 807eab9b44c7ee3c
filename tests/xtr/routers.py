"""Tunnel routers without sockets: settings, a clock, and what they would send."""

from __future__ import annotations

import itertools
from collections.abc import Container
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from mapsys.config.secret import Secret
from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix
from mapsys.wire.address import ip_address
from mapsys.wire.auth import Key
from mapsys.wire.ecm import Ecm
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.ip import build_ip_udp
from mapsys.wire.map_notify import MapNotify
from mapsys.wire.map_reply import MapReply
from mapsys.wire.map_request import MapRequest
from mapsys.wire.message import decode
from mapsys.wire.records import EidRecord, RlocRecord
from mapsys.xtr.effects import Effect, SendControl, SendOuter, ToSite
from mapsys.xtr.inner_packet import InnerPacket
from mapsys.xtr.router import Xtr
from mapsys.xtr.settings import (
    DeviceSettings,
    LocatorSettings,
    MapServerSettings,
    SharedKey,
    VisitorSettings,
    XtrSettings,
)
from mapsys.xtr.state import Randomness

SERVER: Final = Endpoint("192.0.2.1", 4342)
RESOLVER: Final = Endpoint("192.0.2.2", 4342)
OWN_RLOC: Final = "192.0.2.11"
OWN_RLOC_IPV6: Final = "2001:db8:f::11"
FAR_RLOC: Final = "192.0.2.12"
SECRET: Final = b"a secret of the tests"
KEY: Final = SharedKey(1, "hmac-sha-256-128", Secret(SECRET))
SUBSCRIPTION_SECRET: Final = b"a secret of subscriptions"

SETTINGS: Final = XtrSettings(
    name="xtr",
    state=Path("nonce"),
    status_socket=Path("xtr.sock"),
    locators=(LocatorSettings(OWN_RLOC, 1, 100, True), LocatorSettings(OWN_RLOC_IPV6, 1, 0, True)),
    eids=(EidPrefix.parse("198.18.1.0/24"), EidPrefix.parse("2001:db8:e001::/48")),
    map_servers=(MapServerSettings(SERVER, KEY),),
    map_resolvers=(RESOLVER,),
    visitors=(),
    devices=(
        DeviceSettings("lisp0", 0, None, ("198.18.1.1/32", "2001:db8:e001::1/128"), (), None),
    ),
    subscribe=None,
    xtr_id=None,
    site_id=bytes(8),
    proxy_reply=False,
    merge=False,
    ttl_minutes=1440,
    probe_interval_seconds=10,
    path_mtu=1500,
    locator_status_bits=False,
    pitr=False,
    petr=False,
    use_petr=(),
)


class Router:
    """One router with a clock that is moved by hand. What it sent is read by kind."""

    def __init__(self, **changes: Any) -> None:
        numbers = itertools.count(0x1000)
        rising = itertools.count(1)
        randomness = Randomness(lambda: next(numbers), lambda: next(rising), lambda: 0.5)
        self.xtr = Xtr(replace(SETTINGS, **changes), randomness)
        self.now = 1000.0
        self.effects: list[Effect] = list(self.xtr.start(self.now))

    def site_sends(self, octets: bytes, instance_id: int = 0) -> None:
        """A packet is routed into the device."""
        self._took(self.xtr.handle_packet(octets, instance_id, self.now))

    def underlay_sends(
        self, payload: bytes, source: str = FAR_RLOC, *, hop_limit: int = 64, traffic_class: int = 0
    ) -> None:
        """A datagram comes to port 4341."""
        args = (payload, source, hop_limit, traffic_class)
        self._took(self.xtr.handle_outer(*args, self.now))

    def hears(self, message: Any, source: str = FAR_RLOC) -> None:
        """A control message, or the octets of one, comes to port 4342."""
        data = message if isinstance(message, bytes) else message.octets()
        endpoint = Endpoint(source, 4342)
        self._took(self.xtr.handle_control(data, endpoint, OWN_RLOC, self.now))

    def passes(self, seconds: float, *, answering: Container[str] = ()) -> None:
        """Time goes by, deadline after deadline. answering: locators that answer probes."""
        until = self.now + seconds
        while (deadline := self.xtr.next_deadline()) <= until:
            self.now = max(self.now, deadline)
            before = len(self.direct())
            self._took(self.xtr.expire(self.now))
            for host, message in self.direct()[before:]:
                if message.probe and host in answering:
                    self.hears(MapReply(message.nonce, (), probe=True), host)
        self.now = until

    def answers(self, *records: EidRecord) -> None:
        """The last Map-Request sent is answered."""
        self.hears(MapReply(self.asked()[-1].nonce, records), RESOLVER.host)

    def knows(self, *records: EidRecord) -> None:
        """Have it resolve a record by a packet to its first address."""
        eid = records[0].eid_prefix
        host = EidPrefix(eid.instance_id, eid.family, eid.network, eid.width)
        destination = str(host).rpartition("]")[2].partition("/")[0]
        source = "2001:db8:e001::9" if ":" in destination else "198.18.1.9"
        self.site_sends(udp(source, destination), eid.instance_id)
        self.passes(0)
        self.answers(*records)

    def asked(self) -> list[MapRequest]:
        """Map-Requests sent to the Map-Resolver, oldest first."""
        ecms = (decode(one.data) for one in self.control() if one.destination == RESOLVER)
        return [m.message for m in ecms if isinstance(m, Ecm) and isinstance(m.message, MapRequest)]

    def direct(self, kind: type[Any] = MapRequest) -> list[tuple[str, Any]]:
        """(Destination, message) of each message of a kind that was sent to other routers."""
        found = ((one.destination.host, decode(one.data)) for one in self.control())
        return [(host, message) for host, message in found if isinstance(message, kind)]

    def control(self) -> list[SendControl]:
        return [one for one in self.effects if isinstance(one, SendControl)]

    def outer(self) -> list[SendOuter]:
        return [one for one in self.effects if isinstance(one, SendOuter)]

    def to_site(self) -> list[InnerPacket]:
        return [InnerPacket.read(one.packet) for one in self.effects if isinstance(one, ToSite)]

    def uncarried(self) -> dict[str, int]:
        return {str(why): count for why, count in self.xtr.state.uncarried.items()}

    def _took(self, effects: list[Effect]) -> None:
        self.effects += effects


def record(
    prefix: str, *rlocs: str | tuple[str, int, int], ttl: int = 1440, action: int = 0
) -> EidRecord:
    """An EID-Record; a locator is its address, or that with priority and weight."""
    parts = [(one, 1, 100) if isinstance(one, str) else one for one in rlocs]
    locators = tuple(
        RlocRecord(ip_address(host), priority, weight, 255, 0) for host, priority, weight in parts
    )
    address, mask_len = from_eid_prefix(EidPrefix.parse(prefix))
    return EidRecord(ttl, address, mask_len, locators, action)


def map_notify(
    *records: EidRecord, nonce: int = 77, secret: bytes = SECRET, key_id: int = 1
) -> bytes:
    """A signed Map-Notify."""
    notify = MapNotify(nonce, key_id, 2, bytes(32), records)
    return Key(secret).sign(notify.octets())


def udp(
    source: str, destination: str, *, octets: int = 20, port: int = 5000, **fields: int
) -> bytes:
    """A host's packet. fields: hop_limit and traffic_class; df sets DF."""
    packet = build_ip_udp(
        source, destination, port, 6000, b"." * octets, hop_limit=fields.get("hop_limit", 64)
    )
    inner = InnerPacket.read(packet)
    packet = inner.marked(inner.hop_limit, fields.get("traffic_class", 0)).octets
    if fields.get("df"):
        packet = packet[:6] + b"\x40" + packet[7:]
    return packet


def visitor(prefix: str) -> VisitorSettings:
    """Hosts of another site that may come."""
    return VisitorSettings(EidPrefix.parse(prefix), SERVER, KEY)
