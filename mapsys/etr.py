"""A small ETR without its socket: registers, acknowledges and answers for its EID-Prefixes.

``cli.register`` carries the datagrams. Sources: RFC 9301, 5.6, 5.7, 8.2.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix
from mapsys.record_view import address_text
from mapsys.wire.address import Address, Ipv4, Ipv6
from mapsys.wire.auth import Key
from mapsys.wire.ecm import Ecm
from mapsys.wire.errors import WireError
from mapsys.wire.map_notify import MapNotify, MapNotifyAck
from mapsys.wire.map_register import MapRegister
from mapsys.wire.map_reply import MapReply
from mapsys.wire.map_request import MapRequest
from mapsys.wire.message import decode
from mapsys.wire.records import EidRecord, RlocRecord

INTERVAL_SECONDS_DEFAULT: Final = 60.0
"""Between Map-Registers (RFC 9301, 8.2)."""

RETRY_SECONDS_FIRST: Final = 1.0
RETRY_SECONDS_LIMIT: Final = 60.0
"""A Map-Register without its Map-Notify is sent again after 1 s, then doubling (RFC 9301, 5.7)."""

RECORD_OCTETS_LIMIT: Final = 1_100
"""Records in one Map-Register; with its headers it stays within 1,280 octets (RFC 9301, 5)."""

MAC_OCTETS: Final = {1: 20, 2: 32, 3: 16}
"""Authentication data by Algorithm-ID. For 1 and 2 the untruncated MAC, which every
known Map-Server accepts; several refuse the truncated one that RFC 9301 names."""

ANSWERED_NONCES_LIMIT: Final = 64


@dataclass(frozen=True, slots=True)
class EtrConfig:
    """What is registered, where, and signed how.

    records: at least one; their locators are what Map-Requests are answered with.
    key: the secret shared with the Map-Server under ``key_id``.
    xtr_id: 16 octets and site_id: 8 octets, or both None.
    local_hosts: own addresses; locators among them are marked local (L bit).
    """

    map_server: Endpoint
    records: tuple[EidRecord, ...]
    key: Key
    key_id: int
    algorithm_id: int
    proxy_map_reply: bool = False
    merge_request: bool = False
    xtr_id: bytes | None = None
    site_id: bytes | None = None
    interval_seconds: float = INTERVAL_SECONDS_DEFAULT
    local_hosts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Transmit:
    """A UDP payload to send from the ETR's port."""

    data: bytes
    destination: Endpoint


@dataclass(frozen=True, slots=True)
class RegisterSent:
    """A Map-Register left; attempt counts from 1 within one round."""

    nonce: int
    attempt: int
    records: tuple[EidRecord, ...]


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The Map-Server's Map-Notify for a Map-Register, authenticated."""

    nonce: int
    rtt_seconds: float
    records: tuple[EidRecord, ...]
    source: Endpoint


@dataclass(frozen=True, slots=True)
class Notified:
    """A Map-Notify that nobody asked for, authenticated; its Map-Notify-Ack is sent."""

    records: tuple[EidRecord, ...]
    source: Endpoint


@dataclass(frozen=True, slots=True)
class RequestAnswered:
    """A Map-Request for an own EID-Prefix; the Map-Reply is sent."""

    eid: EidPrefix
    destination: Endpoint


@dataclass(frozen=True, slots=True)
class Ignored:
    """A datagram that got silence, and why."""

    source: Endpoint
    reason: str


EtrEvent = RegisterSent | Acknowledged | Notified | RequestAnswered | Ignored
"""What a person would like to be told."""

EtrEffect = Transmit | EtrEvent
"""Effects take place in the order in which they are listed."""


@dataclass(slots=True)
class _Round:
    """The Map-Registers for one group of records until one of them is acknowledged."""

    records: tuple[EidRecord, ...]
    deadline: float
    sent_at: dict[int, float] = field(default_factory=dict)


class Etr:
    """One registrant. nonces: gives a nonce at each call, higher than all before."""

    def __init__(self, config: EtrConfig, nonces: Callable[[], int]) -> None:
        if not config.records:
            raise ValueError("an ETR registers at least one EID-Prefix")
        if config.algorithm_id not in MAC_OCTETS:
            raise ValueError(f"algorithm {config.algorithm_id} signs nothing")
        self._config = config
        self._nonces = nonces
        self._rounds: list[_Round] = []
        self._answered: deque[int] = deque(maxlen=ANSWERED_NONCES_LIMIT)
        self._withdrawing = False

    def start(self, now: float) -> list[EtrEffect]:
        """Register everything. now: seconds on the caller's clock, never decreasing."""
        self._rounds = [_Round(group, now) for group in grouped(self._config.records)]
        return self.expire(now)

    def withdraw(self, now: float) -> list[EtrEffect]:
        """Register everything with a TTL of 0 and, once acknowledged, nothing more."""
        self._withdrawing = True
        gone = [replace(one, record_ttl_minutes=0) for one in self._config.records]
        self._rounds = [_Round(group, now) for group in grouped(gone)]
        return self.expire(now)

    @property
    def is_settled(self) -> bool:
        """Whether every Map-Register was acknowledged."""
        return not any(one.sent_at for one in self._rounds)

    def next_deadline(self) -> float | None:
        """When to call :meth:`expire`; None when there is nothing more to send."""
        return min((one.deadline for one in self._rounds), default=None)

    def expire(self, now: float) -> list[EtrEffect]:
        """Send the Map-Registers whose time has come."""
        effects: list[EtrEffect] = []
        for one in self._rounds:
            if one.deadline <= now:
                effects += self._register(one, now)
        return effects

    def handle(self, data: bytes, source: Endpoint, now: float) -> list[EtrEffect]:
        """Take in one datagram; anything but a message meant for this ETR is ignored."""
        try:
            message = decode(data)
        except WireError as error:
            return [Ignored(source, error.reason)]
        match message:
            case MapNotify():
                return self._notified(message, data, source, now)
            case MapRequest():
                return self._requested(message, source, source.port)
            case Ecm(message=MapRequest() as request):
                return self._requested(request, source, message.inner_header.source_port)
        return [Ignored(source, "unexpected-type")]

    def _register(self, one: _Round, now: float) -> list[EtrEffect]:
        # Each retransmission is a new message: an equal nonce would be a replay.
        nonce = self._nonces()
        retries = len(one.sent_at)
        one.sent_at[nonce] = now
        one.deadline = now + min(RETRY_SECONDS_FIRST * 2**retries, RETRY_SECONDS_LIMIT)
        return [
            RegisterSent(nonce, retries + 1, one.records),
            Transmit(signed_register(self._config, one.records, nonce), self._config.map_server),
        ]

    def _notified(
        self, notify: MapNotify, data: bytes, source: Endpoint, now: float
    ) -> list[EtrEffect]:
        if notify.key_id != self._config.key_id:
            return [Ignored(source, "unknown-key-id")]
        if not self._config.key.verify(data):
            return [Ignored(source, "authentication-failed")]
        for one in self._rounds:
            if notify.nonce in one.sent_at:
                return [self._acknowledged(one, notify, source, now)]
        if notify.nonce in self._answered:
            return [Ignored(source, "already-acknowledged")]
        signed = self._config.key.sign(MapNotifyAck.of(notify).octets())
        return [Notified(notify.records, source), Transmit(signed, source)]

    def _acknowledged(
        self, one: _Round, notify: MapNotify, source: Endpoint, now: float
    ) -> Acknowledged:
        rtt_seconds = now - one.sent_at[notify.nonce]
        self._answered.extend(one.sent_at)
        one.sent_at.clear()
        one.deadline = now + self._config.interval_seconds
        if self._withdrawing:
            self._rounds.remove(one)
        return Acknowledged(notify.nonce, rtt_seconds, notify.records, source)

    def _requested(self, request: MapRequest, source: Endpoint, reply_port: int) -> list[EtrEffect]:
        if request.smr or request.dont_map_reply:
            return [Ignored(source, "no-map-reply-wanted")]
        try:
            asked = [one.eid_prefix for one in request.records]
        except WireError as error:
            return [Ignored(source, error.reason)]
        destination = self._itr_rloc(request.itr_rlocs)
        if destination is None:
            return [Ignored(source, "no-itr-rloc")]
        effects: list[EtrEffect] = []
        for eid in asked:
            records = self._records_for(eid, request.probe)
            if not records:
                effects.append(Ignored(source, "not-an-own-eid"))
                continue
            to = Endpoint(destination, reply_port)
            reply = MapReply(nonce=request.nonce, records=records, probe=request.probe)
            effects += [RequestAnswered(eid, to), Transmit(reply.octets(), to)]
        return effects

    def _itr_rloc(self, itr_rlocs: Iterable[Address]) -> str | None:
        """The first ITR-RLOC of the Map-Server's family, else the first of any."""
        hosts = [one.text for one in itr_rlocs if isinstance(one, Ipv4 | Ipv6)]
        same = [one for one in hosts if (":" in one) == (":" in self._config.map_server.host)]
        return next(iter(same or hosts), None)

    def _records_for(self, eid: EidPrefix, probe: bool) -> tuple[EidRecord, ...]:
        """The longest own match and what is more specific inside it (RFC 9301, 5.5)."""
        own = [(one.eid_prefix, one) for one in self._config.records]
        covering = [prefix for prefix, _ in own if prefix.covers(eid)]
        if not covering or self._withdrawing:
            return ()
        longest = max(covering, key=lambda prefix: prefix.length)
        return tuple(
            self._authoritative(one, probe) for prefix, one in own if longest.covers(prefix)
        )

    def _authoritative(self, record: EidRecord, probe: bool) -> EidRecord:
        rlocs = tuple(self._marked(one, probe) for one in record.rlocs)
        return replace(record, rlocs=rlocs, authoritative=True)

    def _marked(self, rloc: RlocRecord, probe: bool) -> RlocRecord:
        is_local = address_text(rloc.rloc) in self._config.local_hosts
        return replace(rloc, local=is_local, probed=probe and is_local)


def signed_register(config: EtrConfig, records: tuple[EidRecord, ...], nonce: int) -> bytes:
    """A Map-Register of some of the records that wants a Map-Notify. Source: RFC 9301, 5.6."""
    register = MapRegister(
        nonce=nonce,
        key_id=config.key_id,
        algorithm_id=config.algorithm_id,
        authentication_data=bytes(MAC_OCTETS[config.algorithm_id]),
        records=records,
        proxy_map_reply=config.proxy_map_reply,
        merge_request=config.merge_request,
        want_map_notify=True,
        xtr_id=config.xtr_id,
        site_id=config.site_id,
    )
    return config.key.sign(register.octets())


def grouped(records: Iterable[EidRecord]) -> list[tuple[EidRecord, ...]]:
    """Records in groups that fit one Map-Register, in order."""
    groups: list[list[EidRecord]] = []
    octets = 0
    for record in records:
        size = len(record.octets())
        if not groups or octets + size > RECORD_OCTETS_LIMIT or len(groups[-1]) == 255:
            groups.append([])
            octets = 0
        groups[-1].append(record)
        octets += size
    return [tuple(group) for group in groups]
