"""A Map-Server and Map-Resolver on a virtual clock, with ETRs and ITRs to talk to it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from mapsys.core.effects import Datagram, Dropped, Effect, Endpoint, Refused, Send
from mapsys.core.engine import Engine
from mapsys.core.limiter import Limits
from mapsys.core.settings import Settings
from mapsys.core.site import EidRule, LispSite, SiteKey
from mapsys.eid import EidPrefix
from mapsys.store_pure import PureStore
from mapsys.wire.address import Address, NoAddress, ip_address
from mapsys.wire.auth import Key
from mapsys.wire.ecm import Ecm
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.ip import build_ip_udp
from mapsys.wire.map_notify import MapNotify, MapNotifyAck
from mapsys.wire.map_register import MapRegister
from mapsys.wire.map_reply import MapReply
from mapsys.wire.map_request import MapRequest, MapRequestRecord
from mapsys.wire.message import decode
from mapsys.wire.records import EidRecord, RlocRecord

E = TypeVar("E")

SERVER = Endpoint("192.0.2.10", 4342)
SERVER_6 = Endpoint("2001:db8:f::10", 4342)
ITR = Endpoint("198.51.100.1", 4342)
ITR_PORT = 5000

ONE = Key(b"the key of site one")
TWO = Key(b"the key of site two")


def rloc(host: str, priority: int = 1, weight: int = 100, **flags: bool) -> RlocRecord:
    """A locator with the usual multicast values."""
    return RlocRecord(ip_address(host), priority, weight, 255, 0, **flags)


def record(eid: str, *rlocs: RlocRecord | str, ttl: int = 1440, **fields: int | bool) -> EidRecord:
    """An EID-Record; locators may be given as addresses."""
    address, mask_len = from_eid_prefix(EidPrefix.parse(eid))
    locators = tuple(rloc(r) if isinstance(r, str) else r for r in rlocs)
    return EidRecord(ttl, address, mask_len, locators, **fields)  # type: ignore[arg-type]


def site(name: str, key: Key, *prefixes: str, more: bool = True, **fields: object) -> LispSite:
    """A site with one key-id 0 that may be used with every algorithm."""
    keys = (SiteKey(0, frozenset({1, 2, 3}), key),)
    rules = tuple(EidRule(EidPrefix.parse(p), accept_more_specifics=more) for p in prefixes)
    return LispSite(name, keys, rules, **fields)  # type: ignore[arg-type]


def site_one(**fields: object) -> LispSite:
    """10.1.0.0/16 and 2001:db8:1::/48, more-specifics accepted."""
    return site("one", ONE, "10.1.0.0/16", "2001:db8:1::/48", **fields)


def site_two(**fields: object) -> LispSite:
    """10.2.0.0/16, exactly."""
    return site("two", TWO, "10.2.0.0/16", more=False, **fields)


DEFAULTS = Settings(
    sites=(site_one(), site_two()),
    local=(SERVER, SERVER_6),
    authority=(EidPrefix.parse("10.0.0.0/8"), EidPrefix.parse("2001:db8::/32")),
    limits=Limits.off(),
    wall_offset=1_700_000_000.0,
)


@dataclass
class Etr:
    """One xTR: where it is, what it signs with, and a nonce that rises by itself."""

    host: str = "192.0.2.1"
    key: Key = ONE
    key_id: int = 0
    algorithm_id: int = 2
    mac_length: int = 32
    port: int = 4342
    xtr_id: bytes | None = None
    site_id: bytes | None = None
    nonces: Iterable[int] = field(default_factory=lambda: itertools.count(1))

    def message(self, *records: EidRecord, nonce: int | None = None, **flags: bool) -> bytes:
        """A signed Map-Register that asks for a Map-Notify unless told otherwise."""
        flags.setdefault("want_map_notify", True)
        flags.setdefault("proxy_map_reply", True)
        register = MapRegister(
            next(iter(self.nonces)) if nonce is None else nonce,
            self.key_id,
            self.algorithm_id,
            bytes(self.mac_length),
            records,
            xtr_id=self.xtr_id,
            site_id=self.site_id or (None if self.xtr_id is None else bytes(8)),
            **flags,  # type: ignore[arg-type]
        )
        return self.key.sign(register.octets())

    def acknowledges(self, notify: MapNotify) -> bytes:
        """The Map-Notify-Ack for a Map-Notify."""
        ack = MapNotifyAck(
            notify.nonce,
            notify.key_id,
            notify.algorithm_id,
            bytes(len(notify.authentication_data)),
            notify.records,
            xtr_id=notify.xtr_id,
            site_id=notify.site_id,
        )
        return self.key.sign(ack.octets())


class World:
    """An engine over a store; ``now`` only moves when told to."""

    def __init__(self, settings: Settings = DEFAULTS, **changes: object) -> None:
        self.now = 1000.0
        self.store = PureStore()
        self._nonces = itertools.count(0xABC000)
        self.engine = Engine(
            self.store,
            replace(settings, **changes),  # type: ignore[arg-type]
            lambda: next(self._nonces),
        )

    def hear(
        self, data: bytes, source: Endpoint, to: Endpoint = SERVER, mac_good: bool | None = None
    ) -> list[Effect]:
        """Give the engine a datagram."""
        return self.engine.handle(Datagram(data, source, to, mac_good), self.now)

    def register(
        self, etr: Etr, *records: EidRecord, nonce: int | None = None, **flags: bool
    ) -> list[Effect]:
        """An ETR registers records."""
        data = etr.message(*records, nonce=nonce, **flags)
        to = SERVER if ":" not in etr.host else SERVER_6
        return self.hear(data, Endpoint(etr.host, etr.port), to)

    def ask(self, eid: str, *, nonce: int = 77, **fields: object) -> list[Effect]:
        """An ITR asks for an EID in an ECM."""
        data = map_request_in_ecm(eid, nonce=nonce, **fields)
        return self.hear(data, ITR)

    def answer(self, eid: str, **fields: object) -> MapReply:
        """The one Map-Reply to a question."""
        (send,) = of(Send, self.ask(eid, **fields))
        message = decode(send.data)
        assert isinstance(message, MapReply), message
        assert send.destination == Endpoint(ITR.host, ITR_PORT)
        return message

    def pass_time(self, seconds: float) -> list[Effect]:
        """Let time pass, serving every deadline on the way."""
        end = self.now + seconds
        effects: list[Effect] = []
        for _ in range(100_000):
            deadline = self.engine.next_deadline()
            if deadline is None or deadline > end:
                break
            self.now = max(self.now, deadline)
            effects.extend(self.engine.expire(self.now))
        else:
            raise AssertionError("deadlines do not move on")
        self.now = end
        return effects


def map_request(
    *eids: str,
    nonce: int = 77,
    itr_rlocs: Iterable[Address] | None = None,
    **flags: object,
) -> MapRequest:
    """A Map-Request for EIDs; host prefixes unless a length is given."""
    records = []
    for eid in eids:
        address, mask_len = from_eid_prefix(EidPrefix.parse(eid))
        records.append(MapRequestRecord(address, mask_len))
    rlocs = (ip_address(ITR.host),) if itr_rlocs is None else tuple(itr_rlocs)
    return MapRequest(nonce, NoAddress(), rlocs, tuple(records), **flags)  # type: ignore[arg-type]


def map_request_in_ecm(*eids: str, nonce: int = 77, **fields: object) -> bytes:
    """The same, as an ITR sends it to its Map-Resolver."""
    request = map_request(*eids, nonce=nonce, **fields)  # type: ignore[arg-type]
    prefix = EidPrefix.parse(eids[0])
    body = str(EidPrefix(0, prefix.family, prefix.network, prefix.length))
    destination = body.partition("/")[0] if prefix.family in (1, 2) else ITR.host
    source = ITR.host if ":" not in destination else "2001:db8:f::99"
    return Ecm(build_ip_udp(source, destination, ITR_PORT, 4342, request.octets())).octets()


def of(kind: type[E], effects: Iterable[Effect]) -> list[E]:
    """The effects of one kind, in order."""
    return [effect for effect in effects if isinstance(effect, kind)]


def notifies(effects: Iterable[Effect]) -> list[tuple[MapNotify, Send]]:
    """The Map-Notifies among what is sent."""
    found = []
    for send in of(Send, effects):
        message = decode(send.data)
        if isinstance(message, MapNotify):
            found.append((message, send))
    return found


def drop_reason(effects: Iterable[Effect]) -> str:
    """Why the only effect is a drop."""
    (effect,) = effects
    assert isinstance(effect, Dropped), effect
    return effect.reason


def refusal_reason(effects: Iterable[Effect]) -> str:
    """Why the only effect is a refusal."""
    (effect,) = effects
    assert isinstance(effect, Refused), effect
    return effect.reason
