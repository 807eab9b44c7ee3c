"""lig, the LISP Internet Groper, without its socket: octets and times in, octets and answers out.

``cli.lig`` carries the datagrams. Source: RFC 6835, 3 and 4.2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix, Family
from mapsys.wire.address import Address, NoAddress, ip_address
from mapsys.wire.ecm import Ecm
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.errors import WireError
from mapsys.wire.ip import build_ip_udp
from mapsys.wire.map_reply import MapReply
from mapsys.wire.map_request import MapRequest, MapRequestRecord
from mapsys.wire.message import decode
from mapsys.wire.records import EidRecord

COUNT_DEFAULT: Final = 3
COUNT_LIMIT: Final = 5
"""Map-Requests sent before giving up (RFC 6835, 4.2)."""

TIMEOUT_SECONDS_DEFAULT: Final = 2.0
"""How long each Map-Request waits for its Map-Reply (RFC 6835, 4.2)."""

CONTROL_PORT: Final = 4342

UNSPECIFIED: Final = {Family.IPV4: "0.0.0.0", Family.IPV6: "::"}
"""The inner source where this host has no address of the EID's family."""


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask, of whom, and where the Map-Reply is to go.

    eid: one EID (a host prefix), or for self-lig the site's EID-Prefix, whose
    first address is then asked for.
    itr_rloc, source_port: this host's address and port, where it listens.
    source_eid: what stands as Source-EID; None leaves it empty (AFI 0).
    inner_source: the source of the inner header, of the EID's family where the
    EID is an IP address, else of the Map-Resolver's.
    count: Map-Requests sent at most, 1..5; timeout_seconds: waited after each.
    """

    eid: EidPrefix
    map_resolver: Endpoint
    itr_rloc: str
    source_port: int
    inner_source: str
    source_eid: str | None = None
    count: int = COUNT_DEFAULT
    timeout_seconds: float = TIMEOUT_SECONDS_DEFAULT


@dataclass(frozen=True, slots=True)
class Answer:
    """A Map-Reply to one of the Map-Requests.

    record: the one that covers the EID, the longest where several do.
    others: further records of the same Map-Reply (RFC 9301, 5.5).
    """

    map_replier: Endpoint
    rtt_seconds: float
    requests_sent: int
    record: EidRecord
    others: tuple[EidRecord, ...]

    @property
    def is_negative(self) -> bool:
        """Whether the EID has no locators."""
        return not self.record.rlocs


class Lig:
    """One query: sends, waits, sends again with a new nonce, until answered or out of tries.

    nonces: gives a fresh 64-bit nonce at each call.
    """

    def __init__(self, question: Question, nonces: Callable[[], int]) -> None:
        if not 1 <= question.count <= COUNT_LIMIT:
            raise ValueError(f"count is 1 to {COUNT_LIMIT}, not {question.count}")
        self._question = question
        self._nonces = nonces
        self._sent_at: dict[int, float] = {}
        self._last_sent = 0.0

    @property
    def requests_sent(self) -> int:
        """Map-Requests sent so far."""
        return len(self._sent_at)

    def next_deadline(self) -> float:
        """When to send again, or to give up; seconds on the caller's clock."""
        return self._last_sent + self._question.timeout_seconds

    def send(self, now: float) -> bytes | None:
        """The next Map-Request in an ECM, for the Map-Resolver; None when all were sent."""
        if self.requests_sent == self._question.count:
            return None
        nonce = self._nonces()
        self._sent_at[nonce] = self._last_sent = now
        return encapsulated_map_request(self._question, nonce)

    def receive(self, data: bytes, source: Endpoint, now: float) -> Answer | None:
        """The answer in a datagram; None where it is not one to this query."""
        try:
            reply = decode(data)
        except WireError:
            return None
        if not isinstance(reply, MapReply) or reply.nonce not in self._sent_at:
            return None
        covering = [one for one in reply.records if self._covers(one)]
        if not covering:
            return None
        record = max(covering, key=lambda one: one.eid_prefix.length)
        return Answer(
            map_replier=source,
            rtt_seconds=now - self._sent_at[reply.nonce],
            requests_sent=self.requests_sent,
            record=record,
            others=tuple(one for one in reply.records if one is not record),
        )

    def _covers(self, record: EidRecord) -> bool:
        try:
            return record.eid_prefix.covers(asked_eid(self._question.eid))
        except WireError:
            return False


def asked_eid(eid: EidPrefix) -> EidPrefix:
    """The one EID asked for: the first address of a prefix, a name as it is."""
    if eid.family is Family.NAME:
        return eid
    return EidPrefix(eid.instance_id, eid.family, eid.network, eid.width)


def encapsulated_map_request(question: Question, nonce: int) -> bytes:
    """A Map-Request in an ECM, with one record of full mask-len. Source: RFC 9301, 5.2, 5.8."""
    eid = asked_eid(question.eid)
    address, mask_len = from_eid_prefix(eid)
    source_eid: Address = NoAddress()
    if question.source_eid is not None:
        source_eid = ip_address(question.source_eid)
    request = MapRequest(
        nonce=nonce,
        source_eid=source_eid,
        itr_rlocs=(ip_address(question.itr_rloc),),
        records=(MapRequestRecord(address, mask_len),),
    )
    inner = build_ip_udp(
        question.inner_source,
        inner_destination(eid, question.map_resolver),
        question.source_port,
        CONTROL_PORT,
        request.octets(),
    )
    return Ecm(inner).octets()


def inner_source(eid: EidPrefix, own: Sequence[str]) -> str:
    """The source of the inner header: an own address of the EID's family, or an unspecified one.

    own: addresses of this host, the best first, at least one.
    """
    if eid.family not in UNSPECIFIED:
        return own[0]
    unspecified = UNSPECIFIED[eid.family]
    return next((host for host in own if (":" in host) == (":" in unspecified)), unspecified)


def inner_destination(eid: EidPrefix, map_resolver: Endpoint) -> str:
    """The EID where it is an IP address; any other kind has none, so the Map-Resolver's."""
    address, _ = from_eid_prefix(EidPrefix(0, eid.family, eid.network, eid.length))
    text = getattr(address, "text", None)
    return text if isinstance(text, str) else map_resolver.host
