"""The loop around the core: readable sockets and timers in, effects carried out.

On the path: ``Datapath.run`` -> (punt) ``Engine.handle`` -> effects -> ``Datapath.send``
and, for what changed, the journal. No step calls back up.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from mapsys.core.effects import Answered, Datagram, Effect, Endpoint, Inject, Published, Send
from mapsys.datapath.contract import Datapath
from mapsys.datapath.counters import Counters
from mapsys.histogram import Histogram
from mapsys.net.log import Event, Logger
from mapsys.net.log_limit import LogLimit

EXPIRY_PAUSE_SECONDS: Final = 0.05
"""Between two calls of ``expire`` when the first had nothing to do; never a busy loop."""

FAULT_PAUSE_SECONDS: Final = 1.0
"""Before ``expire`` is called again after a fault in it."""

TURN_BOUNDS_SECONDS: Final = (1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.5)
"""A turn with one Map-Request takes a tenth of a millisecond, one with a full batch a few."""

Observer = Callable[[Sequence[Effect], float], None]
"""Told what took place and when, on the core's clock, after it has been carried out."""

Record = Callable[[Datagram, float], None]
"""Shown each datagram and when it came, before the core is."""

_EVERYDAY: Final = frozenset({Send, Answered, Published})
"""Counted, and not told to observers: they come with every packet."""


class Core(Protocol):
    """What decides: ``core.engine.Engine``."""

    def handle(self, datagram: Datagram, now: float) -> list[Effect]: ...
    def next_deadline(self) -> float | None: ...
    def expire(self, now: float) -> list[Effect]: ...
    def set_writable(self, writable: bool) -> None: ...


class Shell:
    """Runs one core over one datapath on the running loop.

    commit: called after each batch, for the journal to fetch ``datapath.marks``.
    inject: carries a packet onto the ALT. record: shown every datagram; the datapath
    then repeats nothing by itself, so that all of them come by here.
    clock: the core's, monotonic seconds.

    request_seconds: how long Map-Requests took, each counted with the whole turn that
    read it: two looks at the clock a turn, and never less than the truth.
    """

    def __init__(
        self,
        core: Core,
        datapath: Datapath,
        log: Logger,
        *,
        commit: Callable[[], None],
        inject: Callable[[Inject], None] | None = None,
        record: Record | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._core = core
        self._datapath = datapath
        self._log = log
        self._commit = commit
        self._inject = inject
        self._record = record
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._counters = Counters()
        self.request_seconds = Histogram(TURN_BOUNDS_SECONDS)
        self._observers: list[Observer] = []
        self._fault_limit = LogLimit()
        self._watched: set[int] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._reading = False

    def subscribe(self, observer: Observer) -> None:
        """Tell an observer what takes place from now on, save Sends and answers."""
        self._observers.append(observer)

    def start(self) -> None:
        """Read from now on, and let time pass for the core."""
        self._reading = True
        self._watch()
        self._rearm(0.0)

    def stop(self) -> None:
        """Read no more; what waits for the journal can still be released."""
        self._reading = False
        self._watch()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def listen(self, addresses: Iterable[Endpoint]) -> None:
        """Serve exactly these addresses. Raises OSError before anything is changed."""
        before = self._watched
        self._watched = set()
        for fileno in before:
            self._loop.remove_reader(fileno)  # while it is open: uvloop insists
        try:
            self._datapath.listen(addresses)
        finally:
            self._watch()

    def carry_out(self, effects: Sequence[Effect]) -> None:
        """Carry out what the core decided outside of a turn, as on a reload."""
        now = self._clock()
        self._perform(effects, now)
        self._after_batch(now)

    def decide(self, during: str, ask: Callable[[float], list[Effect]]) -> None:
        """Have the core decide about what did not come by the datapath, and carry it out.

        ask: given the time; a bug in it costs this one decision.
        """
        now = self._clock()
        try:
            effects = ask(now)
        except Exception:
            # As in ``_handle``.
            self._fault(now, during)
            return
        self._perform(effects, now)
        self._after_batch(now)

    def committed(self, ticket: int) -> None:
        """The journal holds everything up to this ticket."""
        self._datapath.release(ticket)

    def set_writable(self, writable: bool) -> None:
        """Whether the journal writes. While not, Map-Registers are refused, lookups go on."""
        self._core.set_writable(writable)

    def totals(self) -> dict[str, int]:
        """Counters of the datapath and of effects, by the names in ``datapath.counters``."""
        return {**self._datapath.counters(), **self._counters.totals()}

    def _watch(self) -> None:
        wanted = set(self._datapath.filenos()) if self._reading else set()
        for fileno in self._watched - wanted:
            self._loop.remove_reader(fileno)
        for fileno in wanted - self._watched:
            self._loop.add_reader(fileno, self._turn)
        self._watched = wanted

    def _turn(self) -> None:
        now = self._clock()
        answers = self._counters.answers
        punts = self._datapath.run(now)
        repeated = self._datapath.take_effects()
        if repeated:
            self._tell(repeated, now)
        for punt in punts:
            self._handle(punt, now)
        if self._counters.answers > answers:
            self.request_seconds.observe(self._clock() - now, self._counters.answers - answers)
        self._after_batch(now)

    def _handle(self, punt: Datagram, now: float) -> None:
        if self._record is not None:
            self._record(punt, now)
        try:
            effects = self._core.handle(punt, now)
        except Exception:
            # The core raises nothing, so this is a bug in it. One sender's message
            # must not cost the others in its batch theirs.
            self._fault(now, "handle", source=punt.source.host, octets=punt.data[:64].hex())
            return
        if self._record is None:
            self._datapath.learn(punt, effects)
        self._perform(effects, now)

    def _fault(self, now: float, during: str, **facts: str) -> None:
        """Count a bug, and log it with the traceback being handled; seldom, if it repeats."""
        self._counters.add("failed")
        if self._fault_limit.admits((Event.FAULT, during), now):
            self._log.exception(Event.FAULT, during=during, **facts)

    def _perform(self, effects: Sequence[Effect], now: float) -> None:
        self._datapath.send([effect for effect in effects if isinstance(effect, Send)])
        if self._inject is not None:
            for effect in effects:
                if isinstance(effect, Inject):
                    self._inject(effect)
        self._tell(effects, now)

    def _tell(self, effects: Sequence[Effect], now: float) -> None:
        self._counters.fold(effects)
        notable = [effect for effect in effects if type(effect) not in _EVERYDAY]
        if notable:
            for observer in self._observers:
                observer(notable, now)

    def _after_batch(self, now: float) -> None:
        self._commit()
        deadline = self._core.next_deadline()
        if deadline is not None and (self._timer is None or deadline < self._due):
            self._rearm(max(0.0, deadline - now))

    def _rearm(self, delay: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due = self._clock() + delay
        self._timer = self._loop.call_later(delay, self._expire) if self._reading else None

    def _expire(self) -> None:
        """One slice: what is left comes after the loop has looked at the sockets."""
        self._timer = None
        now = self._clock()
        pause = EXPIRY_PAUSE_SECONDS
        try:
            effects = self._core.expire(now)
        except Exception:
            # A bug as in ``_handle``; without a next call nothing would ever expire again.
            self._fault(now, "expire")
            effects, pause = [], FAULT_PAUSE_SECONDS
        if effects:
            pause = 0.0
            self._perform(effects, now)
            self._commit()
        deadline = self._core.next_deadline()
        if deadline is not None:
            self._rearm(max(pause, deadline - now))
