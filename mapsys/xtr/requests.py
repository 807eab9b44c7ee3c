"""Map-Requests that wait for an answer: sent, sent again, given up (RFC 9301, 5.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix
from mapsys.lig import CONTROL_PORT, inner_destination, inner_source
from mapsys.wire.address import Address, ip_address
from mapsys.wire.ecm import Ecm
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.ip import build_ip_udp
from mapsys.wire.map_request import MapRequest, MapRequestRecord

RETRY_SECONDS: Final = 1.0
"""One Map-Request a second for one EID-Prefix."""

RETRIES_LIMIT: Final = 10
HOLD_OFF_SECONDS: Final = 30.0
"""After so many without an answer, nothing is asked for so long."""

WAITING_LIMIT: Final = 1_024
"""EIDs that are asked for at the same time."""

PACKETS_LIMIT: Final = 8
"""Packets kept for one EID until its answer."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Whom to ask, and as whom.

    itr_rlocs: own addresses, at least one. subscribe: sets the N bit (RFC 9437).
    pitr: the p bit. xtr_id, site_id: both None where the sender has none.
    """

    map_resolvers: tuple[Endpoint, ...]
    itr_rlocs: tuple[str, ...]
    pitr: bool
    subscribe: bool
    xtr_id: bytes | None
    site_id: bytes | None


@dataclass(slots=True)
class Question:
    """One EID-Prefix that is asked for. packets: wait for the answer, with their instance-ID."""

    eid: EidPrefix
    source_eid: Address
    smr_invoked: bool
    again_at: float
    sent_at: dict[int, float] = field(default_factory=dict)
    packets: list[tuple[bytes, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A question that nobody answered."""

    question: Question


class Requests:
    """The questions of one router. nonces: a fresh 64-bit nonce at each call."""

    def __init__(self, asking: Asking, nonces: Callable[[], int]) -> None:
        self.asking = asking
        self._nonces = nonces
        self._questions: dict[EidPrefix, Question] = {}
        self._by_nonce: dict[int, Question] = {}
        self._silent_until: dict[EidPrefix, float] = {}

    def __len__(self) -> int:
        return len(self._questions)

    def asks(self, eid: EidPrefix) -> bool:
        """Whether an EID-Prefix is being asked for."""
        return eid in self._questions

    def ask(
        self, eid: EidPrefix, source_eid: Address, now: float, *, smr_invoked: bool = False
    ) -> Question | None:
        """Begin to ask, where that is not done yet; :meth:`expire` sends.

        now: or the time from when on it may be asked.
        None where it may not be asked for now: it was in vain a moment ago, or too
        many others are asked for.
        """
        question = self._questions.get(eid)
        if question is not None:
            return question
        if self._silent_until.get(eid, 0.0) > now or len(self._questions) >= WAITING_LIMIT:
            return None
        question = self._questions[eid] = Question(eid, source_eid, smr_invoked, now)
        return question

    def next_deadline(self) -> float | None:
        """When to call :meth:`expire`."""
        return min((one.again_at for one in self._questions.values()), default=None)

    def expire(self, now: float) -> list[tuple[bytes, Endpoint] | GivenUp]:
        """Map-Requests to send, each with its Map-Resolver, and what is given up."""
        found: list[tuple[bytes, Endpoint] | GivenUp] = []
        for question in [one for one in self._questions.values() if one.again_at <= now]:
            if len(question.sent_at) > RETRIES_LIMIT:
                self._forget(question)
                self._silent_until[question.eid] = now + HOLD_OFF_SECONDS
                found.append(GivenUp(question))
            else:
                found.append(self._sent(question, now))
        self._silent_until = {k: until for k, until in self._silent_until.items() if until > now}
        return found

    def answered(self, nonce: int) -> Question | None:
        """The question that a nonce belongs to, which is then no longer asked."""
        question = self._by_nonce.get(nonce)
        if question is not None:
            self._forget(question)
        return question

    def _sent(self, question: Question, now: float) -> tuple[bytes, Endpoint]:
        # A new nonce each time; an answer to any of them counts.
        nonce = self._nonces()
        resolvers = self.asking.map_resolvers
        resolver = resolvers[len(question.sent_at) % len(resolvers)]
        question.sent_at[nonce] = now
        question.again_at = now + RETRY_SECONDS
        self._by_nonce[nonce] = question
        return self._encapsulated(question, nonce, resolver), resolver

    def _encapsulated(self, question: Question, nonce: int, resolver: Endpoint) -> bytes:
        asking = self.asking
        address, mask_len = from_eid_prefix(question.eid)
        request = MapRequest(
            nonce=nonce,
            source_eid=question.source_eid,
            itr_rlocs=tuple(ip_address(host) for host in asking.itr_rlocs),
            records=(MapRequestRecord(address, mask_len, asking.subscribe),),
            pitr=asking.pitr,
            smr_invoked=question.smr_invoked,
            xtr_id=asking.xtr_id,
            site_id=asking.site_id,
        )
        inner = build_ip_udp(
            inner_source(question.eid, _nearest(asking.itr_rlocs, resolver)),
            inner_destination(question.eid, resolver),
            CONTROL_PORT,
            CONTROL_PORT,
            request.octets(),
        )
        return Ecm(inner).octets()

    def _forget(self, question: Question) -> None:
        del self._questions[question.eid]
        for nonce in question.sent_at:
            del self._by_nonce[nonce]


def _nearest(hosts: Sequence[str], resolver: Endpoint) -> list[str]:
    """Own addresses, those of the Map-Resolver's version first."""
    return sorted(hosts, key=lambda host: (":" in host) != (":" in resolver.host))
