"""A load for a running server, without its socket: moments in, datagrams out, answers counted.

Each message has a moment at which it is due, whatever became of those before it, and its
latency counts from then: a server that holds up the sender does not look faster for it.
``cli.bench_runner`` carries the datagrams. Messages: RFC 9301, 5.2, 5.6, 5.8.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from math import ceil
from typing import Final, NamedTuple, Protocol

from mapsys.etr import EtrConfig, signed_register
from mapsys.lig import Question, encapsulated_map_request
from mapsys.wire.errors import WireError
from mapsys.wire.map_notify import MapNotify
from mapsys.wire.map_reply import MapReply
from mapsys.wire.message import decode

RATE_LIMIT: Final = 10_000
SECONDS_LIMIT: Final = 60
COUNT_LIMIT: Final = RATE_LIMIT * SECONDS_LIMIT

TURN_LIMIT: Final = 64
"""Datagrams handed out at once, so that answers are read in between."""

_NONCE = slice(4, 12)
"""Where every message with an answer has its nonce, and the answer too."""


@dataclass(frozen=True, slots=True)
class Load:
    """How much is sent: rate messages a second, above 0 to 10,000, for up to 60 seconds.

    count: messages at most, 1 to 600,000. Raises ValueError for anything else.
    """

    rate: float
    seconds: float
    count: int = COUNT_LIMIT

    def __post_init__(self) -> None:
        if not 0 < self.rate <= RATE_LIMIT:
            raise ValueError(f"the rate is above 0 and at most {RATE_LIMIT}/s, not {self.rate:g}")
        if not 0 < self.seconds <= SECONDS_LIMIT:
            raise ValueError(f"it takes above 0 s and at most {SECONDS_LIMIT}, not {self.seconds}")
        if not 1 <= self.count <= COUNT_LIMIT:
            raise ValueError(f"the count is 1 to {COUNT_LIMIT}, not {self.count}")

    @property
    def messages(self) -> int:
        """How many that comes to, at least one."""
        return max(1, min(self.count, int(self.rate * self.seconds)))


class Measured(NamedTuple):
    """What became of the messages of one kind; times in seconds.

    negative: answers without a locator. lost: without an answer so far. Percentiles: of
    the answers' latencies, None without any. sent_late_seconds: how long after it was due
    the latest one left, which is this side's doing and part of its latency.
    """

    work: str
    sent: int
    answered: int
    negative: int
    lost: int
    answers_a_second: float
    p50_seconds: float | None
    p99_seconds: float | None
    p99_9_seconds: float | None
    sent_late_seconds: float


class Work(Protocol):
    """One kind of message, and how its answer is known."""

    name: str

    def message(self) -> tuple[int, bytes]:
        """The next one, with its nonce."""

    def answer(self, data: bytes) -> bool | None:
        """Whether a datagram with a right nonce has locators; None where it is no answer."""


class MapRequests:
    """Map-Requests in ECMs that ask the same questions in turns.

    questions: at least one. nonces: gives a fresh 64-bit nonce at each call.
    """

    name = "Map-Request"

    def __init__(self, questions: Sequence[Question], nonces: Callable[[], int]) -> None:
        if not questions:
            raise ValueError("there is no EID to ask for")
        self._templates = cycle([RequestTemplate(one) for one in questions])
        self._nonces = nonces

    def message(self) -> tuple[int, bytes]:
        nonce = self._nonces()
        return nonce, next(self._templates).octets(nonce)

    def answer(self, data: bytes) -> bool | None:
        try:
            reply = decode(data)
        except WireError:
            return None
        if not isinstance(reply, MapReply):
            return None
        return any(record.rlocs for record in reply.records)


class RequestTemplate:
    """A Map-Request in an ECM whose nonce is put in, far quicker than all of it is written."""

    def __init__(self, question: Question) -> None:
        octets = encapsulated_map_request(question, nonce=0)
        ip_octets = 40 if octets[4] >> 4 == 6 else 20
        udp = 4 + ip_octets
        self._octets = octets
        self._checksum = slice(udp + 6, udp + 8)
        self._nonce = slice(udp + 8 + _NONCE.start, udp + 8 + _NONCE.stop)

    def octets(self, nonce: int) -> bytes:
        """What ``lig.encapsulated_map_request`` makes of the question with this nonce."""
        octets = bytearray(self._octets)
        octets[self._nonce] = nonce.to_bytes(8, "big")
        # In ones' complement, 2**16 is 1: the nonce and the sum of its words are the same.
        before = int.from_bytes(octets[self._checksum], "big")
        octets[self._checksum] = ((before - nonce) % 0xFFFF or 0xFFFF).to_bytes(2, "big")
        return bytes(octets)


class MapRegisters:
    """Map-Registers of the same records, each of which wants a Map-Notify.

    nonces: gives a nonce at each call, higher than all before.
    """

    name = "Map-Register"

    def __init__(self, config: EtrConfig, nonces: Callable[[], int]) -> None:
        self._config = config
        self._nonces = nonces

    def message(self) -> tuple[int, bytes]:
        nonce = self._nonces()
        return nonce, signed_register(self._config, self._config.records, nonce)

    def answer(self, data: bytes) -> bool | None:
        try:
            notify = decode(data)
        except WireError:
            return None
        if not isinstance(notify, MapNotify) or notify.key_id != self._config.key_id:
            return None
        return True if self._config.key.verify(data) else None


@dataclass(slots=True)
class _Tally:
    """The counts of one kind of message."""

    work: Work
    sent: int = 0
    negative: int = 0
    sent_late: float = 0.0
    answered_at: float = 0.0
    latencies: array[float] = field(default_factory=lambda: array("d"))


class Bench:
    """One run. works: sent in turns; began: when the first message is due.

    Moments are seconds on the caller's clock, never decreasing.
    """

    def __init__(self, load: Load, works: Sequence[Work], began: float) -> None:
        self._load = load
        self._began = began
        self._tallies = [_Tally(work) for work in works]
        self._sent = 0
        self._messages = load.messages
        self._under_way: dict[int, tuple[_Tally, float]] = {}

    def next_deadline(self) -> float | None:
        """When the next message is due; None where all were sent."""
        if self._sent == self._messages:
            return None
        return self._began + self._sent / self._load.rate

    def send(self, now: float) -> list[bytes]:
        """Messages that are due, :data:`TURN_LIMIT` at most."""
        leaving: list[bytes] = []
        while len(leaving) < TURN_LIMIT:
            due = self.next_deadline()
            if due is None or due > now:
                break
            tally = self._tallies[self._sent % len(self._tallies)]
            nonce, octets = tally.work.message()
            self._under_way[nonce] = (tally, due)
            tally.sent += 1
            tally.sent_late = max(tally.sent_late, now - due)
            self._sent += 1
            leaving.append(octets)
        return leaving

    def receive(self, data: bytes, now: float) -> None:
        """Count an answer; anything else, and a second answer, counts for nothing."""
        nonce = int.from_bytes(data[_NONCE], "big")
        found = self._under_way.get(nonce)
        if found is None:
            return
        tally, due = found
        has_locators = tally.work.answer(data)
        if has_locators is None:
            return
        del self._under_way[nonce]
        tally.latencies.append(now - due)
        tally.negative += not has_locators
        tally.answered_at = now

    def stop(self) -> None:
        """Send nothing more; what is under way may still be answered."""
        self._messages = self._sent

    @property
    def is_over(self) -> bool:
        """Whether everything was sent and answered."""
        return self._sent == self._messages and not self._under_way

    def measured(self) -> list[Measured]:
        """What there is to tell so far, a line for each kind."""
        return [self._measured(tally) for tally in self._tallies]

    def _measured(self, tally: _Tally) -> Measured:
        latencies = sorted(tally.latencies)
        answered = len(latencies)
        # The last message has an interval of its own, or answers would outrun the rate.
        took = max(tally.answered_at - self._began, self._sent / self._load.rate)
        return Measured(
            work=tally.work.name,
            sent=tally.sent,
            answered=answered,
            negative=tally.negative,
            lost=tally.sent - answered,
            answers_a_second=answered / took if answered else 0.0,
            p50_seconds=percentile(latencies, 50),
            p99_seconds=percentile(latencies, 99),
            p99_9_seconds=percentile(latencies, 99.9),
            sent_late_seconds=tally.sent_late,
        )


def percentile(rising: Sequence[float], percent: float) -> float | None:
    """The least value that so many percent are not above; None of nothing.

    percent: above 0, to 100. Nearest rank: always one of the values.
    """
    if not rising:
        return None
    return rising[max(ceil(round(len(rising) * percent / 100, 6)), 1) - 1]
