"""What a member of a fleet knows, and how it makes its node hold what others wrote."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Final, Protocol

import msgspec

from mapsys.change_log import Put
from mapsys.core.adoption import UnfitError
from mapsys.core.effects import Effect, Withdrawn
from mapsys.core.engine import Engine
from mapsys.eid import EidPrefix
from mapsys.fleet.contract import (
    SharedEngine,
    Stored,
    partition_of,
)
from mapsys.fleet.known import NEVER, Known, KnownStates
from mapsys.fleet.outbox import Gatherer, Outbox
from mapsys.fleet.state import State
from mapsys.histogram import Histogram
from mapsys.store import Registration, Store

FLUSH_SECONDS: Final = 0.01
FLUSH_RECORDS: Final = 500
"""What changes is told after the first or at once from the second on."""

WATCH_SECONDS: Final = 1.0
FIRST_PAUSE_SECONDS: Final = 0.05
LAST_PAUSE_SECONDS: Final = 2.0
"""Between tries while the engine is away; doubled from the first to the last."""

ASK_SECONDS: Final = 2.0
"""For which what ran out here is kept while the engine is asked about it."""

CANCEL_SECONDS: Final = 0.2
TRIES: Final = 5
"""To write one EID-Prefix against others that change it at the same time."""

SLICE: Final = 200
"""States taken over before the loop looks at the sockets again."""

SKEW_MS: Final = 1_000

LAG_BOUNDS_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


class Surroundings(Protocol):
    """What takes part in the decisions of a member: ``net.shell.Shell``."""

    def decide(self, during: str, ask: Callable[[float], list[Effect]]) -> None: ...


MEMBERS_LIMIT: Final = 256
NAME_CHARACTERS: Final = 255
"""Of what the engine says of members, which is shown."""


class About(msgspec.Struct, frozen=True):
    """What a member leaves word of. at_ms: its clock. registrations: that it holds."""

    version: Annotated[str, msgspec.Meta(max_length=64)]
    at_ms: Annotated[int, msgspec.Meta(ge=0, le=2**47)]
    registrations: Annotated[int, msgspec.Meta(ge=0, le=2**47)]
    outbox: Annotated[int, msgspec.Meta(ge=0, le=2**47)]


@dataclass(slots=True)
class Numbers:
    """Totals since the start."""

    written: int = 0
    adopted: int = 0
    refused: int = 0
    overwritten: int = 0
    replayed: int = 0
    resyncs: int = 0
    failures: int = 0


@dataclass(slots=True)
class Condition:
    """problem: why the engine cannot be used; None while it can.

    since: when that began, or ended. lag_seconds: of what was followed last.
    """

    problem: str | None = "the engine has not been reached yet"
    since: float = field(default_factory=time.time)
    lag_seconds: float = 0.0
    skew_ms: int = 0
    members: dict[str, About] = field(default_factory=dict)


class Taking:
    """What a member knows, hears from its own node, and takes over from others."""

    def __init__(
        self,
        name: str,
        shared: SharedEngine,
        core: Engine,
        store: Store,
        *,
        version: str,
        replicas: int = 0,
        serve_stale_seconds: float = 0.0,
        log: Callable[[str, str], None] = lambda _what, _detail: None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """name: of this member alone. replicas: that confirm each write.

        serve_stale_seconds: for which what others registered is kept past its lifetime while
        the engine is away. log: told of what happens, in a word and a sentence.
        """
        self._name = name
        self._shared = shared
        self._core = core
        self._store = store
        self._version = version
        self._replicas = replicas
        self._serve_stale = serve_stale_seconds
        self._log = log
        self._clock = clock
        self._wall = wall
        self._known = KnownStates()
        self._gatherer = Gatherer(self._known, self._site_of)
        self._in_flight: Outbox | None = None
        self._adopting = False
        self._failing: set[str] = set()
        """Kinds of work that have failed, and have not succeeded since."""
        self._absent: set[bytes] = set()
        self._stale: set[bytes] = set()
        """What came by others and is kept past its lifetime until the engine can be asked."""
        self._overtaken: dict[bytes, Stored] = {}
        """What others wrote while our own change was on its way."""
        self._marks: dict[bytes, int] = {}
        self._wake = asyncio.Event()
        self._followed: dict[int, int] = {}
        self._life: str | None = None
        self._joined = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._surroundings: Surroundings | None = None
        self._ticket = 0
        self._told_ticket = 0
        self._on_told: Callable[[int], None] = lambda _ticket: None
        self.numbers = Numbers()
        self.condition = Condition()
        self.lag = Histogram(LAG_BOUNDS_SECONDS)
        core.lives_elsewhere = self.lives_elsewhere

    # What comes here

    def gather(self, ticket: int, changes: bytes) -> None:
        """What the journal is about to be given; nothing that came from the fleet is sent back."""
        self._ticket = ticket
        if changes and not self._adopting:
            at_ms = self._now_ms()
            self._gatherer.gather(changes, self._clock(), at_ms)
            self._marks.update(
                (mark, nonce) for mark, (nonce, _) in self._gatherer.outbox.marks.items()
            )
        if len(self._gatherer.outbox):
            self._wake.set()
        elif self._in_flight is None:
            self._told(ticket)

    def observe(self, effects: Iterable[Effect], _now: float) -> None:
        """Hear what took place: an owner's withdrawal is for all, an end of lifetime is not."""
        for effect in effects:
            if isinstance(effect, Withdrawn) and not self._adopting:
                self._gatherer.withdrawn.add(effect.eid)

    def when_told(self, on_told: Callable[[int], None]) -> None:
        """on_told: given each ticket up to which the engine has everything."""
        self._on_told = on_told

    @property
    def outbox_records(self) -> int:
        """What the engine has yet to hear."""
        waiting = 0 if self._in_flight is None else len(self._in_flight)
        return waiting + len(self._gatherer.outbox)

    def lives_elsewhere(self, eid: EidPrefix, registrant: bytes, now: float) -> bool:
        """Whether to keep what has run out here, since another member may know better."""
        key = eid.pack()
        known = self._known.get(key)
        if known is None:
            return False
        if key in self._absent:
            self._absent.discard(key)
            self._known.forget(key)
            return False
        registration = _of(self._store, eid, registrant)
        if registration is None:
            return False
        if self.condition.problem is not None:
            stale = self._wall() - self.condition.since
            if stale >= self._serve_stale or known.own_until != NEVER:
                self._known.forget(key)
                self._stale.discard(key)
                return False
            self._stale.add(key)
        else:
            self._gatherer.outbox.asked[key] = eid
            self._wake.set()
        self._gatherer.prolonged.add(eid)
        self._store.touch(eid, registrant, deadline=now + ASK_SECONDS, digest=registration.digest)
        return True

    def is_stale(self, eid: EidPrefix) -> bool:
        """Whether it came by another member, and is kept past its lifetime."""
        key = eid.pack()
        if key not in self._stale:
            return False
        known = self._known.get(key)
        return known is not None and known.own_until == NEVER

    # What others wrote

    def _told(self, ticket: int) -> None:
        self._told_ticket = max(self._told_ticket, ticket)
        self._on_told(self._told_ticket)

    def _is_waiting(self, key: bytes) -> bool:
        """Whether our own change is on its way: it will meet what others wrote there."""
        in_flight = self._in_flight
        return key in self._gatherer.outbox.pending or (
            in_flight is not None and key in in_flight.pending
        )

    def _take_over(self, states: Sequence[tuple[EidPrefix, Stored | None]]) -> None:
        """Have the core and the store hold these; what does not fit is counted and left.

        Left, too, is what changed here since it was told: that will meet what others wrote;
        and what has been overtaken by something newer while it was on its way.
        """
        if not states:
            return
        with self._speaking_for_others():  # the outbox knows of all that changed here
            fitting: list[tuple[EidPrefix, list[Put]]] = []
            for eid, stored in states:
                puts = self._noted(eid, stored)
                if puts is not None:
                    fitting.append((eid, puts))
            if fitting:
                self._decide(fitting)

    def _noted(self, eid: EidPrefix, stored: Stored | None) -> list[Put] | None:
        """What to hold of one, noted as known; None where it is left."""
        key = eid.pack()
        known = self._known.get(key)
        newer = known is not None and stored is not None and known.version > stored.version
        if newer or key in self._gatherer.outbox.pending:
            return None
        if stored is None:
            self._known.forget(key)
            return []
        try:
            state = State.unpack(stored.octets, eid)
        except ValueError as error:
            self._refused(eid, str(error))
            return None
        site = self._site_of(eid)
        self._absent.discard(key)
        self._note(key, partition_of(site or ""), stored.version, stored.epoch, state.changed_ms)
        puts = state.puts
        if len(puts) == 1:
            ends = self._clock() + stored.ttl_ms / 1e3 + self._offset
            puts = [puts[0]._replace(deadline=ends)]
        return puts

    def _take_over_puts(self, eid: EidPrefix, puts: list[Put]) -> None:
        """The same of what was just written; while that was under way we may have changed it."""
        key = eid.pack()
        with self._speaking_for_others():
            known = self._known.get(key)
            if key not in self._gatherer.outbox.pending:
                self._decide([(eid, puts)])
            elif known is not None:
                # As if we did not know it: what others have in it is put together with ours.
                self._known.put(key, known._replace(version=0))

    def _decide(self, wanted: list[tuple[EidPrefix, list[Put]]]) -> None:
        def ask(now: float) -> list[Effect]:
            effects: list[Effect] = []
            for eid, puts in wanted:
                here = [one._replace(deadline=one.deadline - self._offset) for one in puts]
                try:
                    effects += self._core.adoption.adopt(eid, here, now)
                    self.numbers.adopted += 1
                except UnfitError as error:
                    self._refused(eid, str(error))
            return effects

        assert self._surroundings is not None
        self._surroundings.decide("fleet", ask)

    def _speaking_for_others(self) -> _Adopting:
        return _Adopting(self)

    def set_adopting(self, adopting: bool) -> None:
        """Whether what changes in the store comes from the fleet.

        What changed before is fetched first, so that nothing of ours is taken for theirs.
        """
        if self._surroundings is not None:
            self._surroundings.decide("fleet", lambda _now: [])
        self._adopting = adopting

    def _refused(self, eid: EidPrefix, why: str) -> None:
        self.numbers.refused += 1
        self._log("refused", f"{eid}: {why}")

    def _note(self, key: bytes, partition: int, version: int, epoch: int, changed_ms: int) -> None:
        known = self._known.get(key)
        own, told = (NEVER, NEVER) if known is None else (known.own_until, self._clock())
        self._known.put(key, Known(partition, version, epoch, changed_ms, own, told))

    # Clocks and sites

    @property
    def _offset(self) -> float:
        """Unix time minus the core's clock."""
        return self._wall() - self._clock()

    def _now_ms(self) -> int:
        return int(self._wall() * 1e3)

    def _site_of(self, eid: EidPrefix) -> str | None:
        match = self._core.sites.longest_match(eid)
        return None if match is None else match[0].name


class _Adopting:
    """While it lasts, what changes in the store comes from the fleet."""

    def __init__(self, member: Taking) -> None:
        self._member = member

    def __enter__(self) -> None:
        self._member.set_adopting(True)

    def __exit__(self, *_: object) -> None:
        self._member.set_adopting(False)


def _of(store: Store, eid: EidPrefix, registrant: bytes) -> Registration | None:
    mapping = store.get(eid)
    found = () if mapping is None else mapping.registrations
    return next((one for one in found if one.registrant == registrant), None)
