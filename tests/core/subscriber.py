"""An xTR that subscribes: it checks every nonce and MAC that it is sent, and keeps a map-cache."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from mapsys.core.effects import Effect, Endpoint, Send
from mapsys.core.pubsub_settings import KnownXtr, PubSubKey, PubSubSettings
from mapsys.core.settings import Settings
from mapsys.eid import EidPrefix
from mapsys.wire.address import Address, NoAddress, ip_address
from mapsys.wire.auth import Key
from mapsys.wire.ecm import Ecm
from mapsys.wire.ip import build_ip_udp
from mapsys.wire.map_notify import MapNotify, MapNotifyAck
from mapsys.wire.map_reply import MapReply
from mapsys.wire.message import decode
from mapsys.wire.records import EidRecord
from tests.core.world import DEFAULTS, ITR, ITR_PORT, SERVER, World, map_request, of

PUBSUB_KEY = Key(b"the key of the subscribers")
OTHER_KEY = Key(b"another key of a subscriber")
XTR, XTR_2 = bytes(15) + b"\1", bytes(15) + b"\2"

PUBSUB = PubSubSettings(
    keys=(PubSubKey(1, 2, PUBSUB_KEY), PubSubKey(2, 3, OTHER_KEY)), default_key_id=1
)
SUBSCRIBABLE = replace(
    DEFAULTS, pubsub=PUBSUB, known_xtrs=(KnownXtr(XTR), KnownXtr(XTR_2)), map_resolver=True
)


def subscribable(settings: Settings = SUBSCRIBABLE, **pubsub: object) -> World:
    """A world whose Map-Server takes subscriptions; pubsub: settings of its own."""
    wanted = replace(settings.pubsub or PUBSUB, **pubsub)  # type: ignore[arg-type]
    return World(replace(settings, pubsub=wanted))


@dataclass
class Xtr:
    """A subscriber with a nonce for each EID-Prefix, as RFC 9437, 5 and 6 want it."""

    world: World
    xtr_id: bytes = XTR
    site_id: bytes = bytes(8)
    rlocs: tuple[str, ...] = (ITR.host,)
    key: Key = PUBSUB_KEY
    key_id: int = 1
    algorithm_id: int = 2
    asker: Endpoint = ITR
    nonces: dict[EidPrefix, int] = field(default_factory=dict)
    cache: dict[EidPrefix, EidRecord] = field(default_factory=dict)
    outstanding: set[int] = field(default_factory=set)
    last_nonce: int = 1000

    def request(
        self,
        *eids: str,
        nonce: int,
        itr_rlocs: Iterable[Address] | None = None,
        notify: Iterable[bool] | None = None,
        **fields: object,
    ) -> bytes:
        """A Map-Request in an ECM; notify: the N bit of each record, set unless told otherwise."""
        rlocs = tuple(map(ip_address, self.rlocs)) if itr_rlocs is None else tuple(itr_rlocs)
        fields.setdefault("xtr_id", self.xtr_id)
        fields.setdefault("site_id", self.site_id)
        plain = map_request(*eids, nonce=nonce, itr_rlocs=rlocs, **fields)
        wanted = [True] * len(eids) if notify is None else list(notify)
        records = tuple(
            replace(record, notification_requested=bit)
            for record, bit in zip(plain.records, wanted, strict=True)
        )
        request = replace(plain, records=records)
        source = self.asker.host
        destination = "192.0.2.99" if ":" not in source else "2001:db8:f::99"
        packet = build_ip_udp(source, destination, ITR_PORT, 4342, request.octets())
        return Ecm(packet).octets()

    def asks(self, *eids: str, nonce: int | None = None, **fields: object) -> list[Effect]:
        """Send a Map-Request with N bits, and give back what the server does."""
        if nonce is None:
            self.last_nonce += 1
            asked = [EidPrefix.parse(eid) for eid in eids]
            known = [seen + 1 for held, seen in self.nonces.items() if any(map(held.covers, asked))]
            nonce = max([self.last_nonce, *known])
        self.last_nonce = nonce
        self.outstanding.add(nonce)
        to = fields.pop("to", SERVER)
        data = self.request(*eids, nonce=nonce, **fields)  # type: ignore[arg-type]
        return self.world.hear(data, self.asker, to)  # type: ignore[arg-type]

    def subscribes(self, *eids: str, **fields: object) -> MapNotify:
        """Subscribe, check the one confirmation, and acknowledge it."""
        (notify,) = self.hears(self.asks(*eids, **fields))
        self.acknowledges(notify)
        return notify

    def unsubscribes(self, *eids: str, **fields: object) -> list[Effect]:
        """Ask for the end of subscriptions: one ITR-RLOC of AFI 0."""
        return self.asks(*eids, itr_rlocs=(NoAddress(),), **fields)

    def hears(self, effects: Iterable[Effect]) -> list[MapNotify]:
        """The Map-Notifies sent to this xTR, every one of them verified."""
        heard = []
        for send in of(Send, effects):
            message = decode(send.data)
            if not isinstance(message, MapNotify) or send.destination.host not in self.hosts:
                continue
            assert send.destination.port == 4342
            assert (message.key_id, message.algorithm_id) == (self.key_id, self.algorithm_id)
            assert message.xtr_id is None
            assert self.key.verify(send.data), "a MAC that is not of this association"
            self._notes(message)
            heard.append(message)
        return heard

    @property
    def hosts(self) -> tuple[str, ...]:
        return (*self.rlocs, self.asker.host)

    def _notes(self, notify: MapNotify) -> None:
        is_confirmation = notify.nonce in self.outstanding
        for record in notify.records:
            eid = record.eid_prefix
            saved = self.nonces.get(eid)
            assert is_confirmation or saved is None or notify.nonce >= saved, "a replay"
            self.nonces[eid] = max(notify.nonce, saved or 0)
            if record.record_ttl_minutes:
                self.cache[eid] = record
            else:
                self.cache.pop(eid, None)

    def acknowledgment(self, notify: MapNotify, **changes: object) -> bytes:
        """The signed Map-Notify-Ack for a Map-Notify."""
        ack = MapNotifyAck(
            notify.nonce,
            notify.key_id,
            notify.algorithm_id,
            bytes(len(notify.authentication_data)),
            notify.records,
        )
        return self.key.sign(replace(ack, **changes).octets())  # type: ignore[arg-type]

    def acknowledges(self, notify: MapNotify, source: Endpoint | None = None) -> list[Effect]:
        """Acknowledge a Map-Notify."""
        return self.world.hear(self.acknowledgment(notify), source or self.asker)

    def hears_of(self, seconds: float = 0.0, *, acknowledges: bool = True) -> list[MapNotify]:
        """Let time pass, and give back what came; acknowledged unless told otherwise."""
        heard = []
        end = self.world.now + seconds
        while True:
            batch = self.hears(self.world.pass_time(min(1.0, end - self.world.now)))
            heard += batch
            for notify in batch if acknowledges else ():
                assert self.acknowledges(notify) == []
            if self.world.now >= end:
                return heard

    def locators(self, eid: str) -> list[str] | None:
        """What the map-cache has for exactly this EID-Prefix."""
        record = self.cache.get(EidPrefix.parse(eid))
        if record is None:
            return None
        return [rloc.rloc.text for rloc in record.rlocs]  # type: ignore[attr-defined]


def refusal(effects: Iterable[Effect]) -> tuple[int, list[tuple[EidPrefix, int, int]]]:
    """The nonce of the one Map-Reply sent, and (EID-Prefix, action, locators) of each record."""
    (send,) = of(Send, effects)
    message = decode(send.data)
    assert isinstance(message, MapReply), message
    return message.nonce, [(r.eid_prefix, r.action, len(r.rlocs)) for r in message.records]
