"""The server under test: engine, store, remembered answers and journal, without a socket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mapsys.core.effects import Datagram, Effect, Send
from mapsys.core.engine import Engine
from mapsys.core.settings import Settings
from mapsys.datapath.repeats import ENCAPSULATED, MAP_REGISTER, MAP_REQUEST, Repeats
from mapsys.datapath.waiting import WaitingSends
from mapsys.store_pure import PureStore
from tests.simulation.disk import Disk

RETRY_SECONDS = 2.0
SLICES_LIMIT = 10_000


@dataclass
class Commit:
    """One that is under way. mark: what the simulation wants to have back once it is durable."""

    changes: bytes
    ticket: int
    now: float
    wall: float
    mark: Any
    fails: bool


class Server:
    """From its start to its crash.

    later: calls a function after some seconds. mark: gives what belongs to a commit.
    on_durable, on_failed, on_leaving: told of commits, and of each datagram that leaves.
    """

    def __init__(
        self,
        store: PureStore,
        settings: Settings,
        fresh_nonce: Callable[[], int],
        disk: Disk,
        *,
        later: Callable[[float, Callable[[], None]], None],
        mark: Callable[[], Any],
        on_durable: Callable[[Any], None],
        on_writable: Callable[[bool], None],
        on_leaving: Callable[[Send], None],
    ) -> None:
        self.store, self.disk = store, disk
        self.engine = Engine(store, settings, fresh_nonce)
        self.alive = True
        self._repeats = Repeats()
        self._generation = store.generation
        self._waiting = WaitingSends()
        self._changes = bytearray()
        self._ticket = 0
        self._retrying = False
        self.under_way: Commit | None = None
        self._later, self._mark = later, mark
        self._on_durable, self._on_writable, self._on_leaving = on_durable, on_writable, on_leaving

    # As in ``datapath.pure``.

    def hear(self, datagram: Datagram, now: float) -> list[Effect]:
        """What a datagram leads to; a Send without a commit to wait for included."""
        data, source, local, _ = datagram
        kind = data[0] >> 4 if data else 0
        self._follow_generation()
        if kind in (ENCAPSULATED, MAP_REQUEST):
            answer = self._repeats.answer(data, tuple(source), local)
            if answer is not None and (answer.admit is None or answer.admit(now)):
                return [*answer.also, Send(answer.reply(data), answer.destination)]
        elif kind == MAP_REGISTER:
            known = self._repeats.refresh(data, tuple(source), local)
            if known is not None:
                effects = known[1](Datagram(data, known[0], local), now)
                if effects is not None:
                    return effects
        effects = self.engine.handle(datagram, now)
        self._follow_generation()
        self._repeats.learn(datagram, effects, lambda send: send)  # type: ignore[arg-type,return-value]
        return effects

    def _follow_generation(self) -> None:
        if self._generation != self.store.generation:
            self._generation = self.store.generation
            self._repeats.clear()

    def forget_answers(self) -> None:
        """As after a reload."""
        self._repeats.clear()

    def expire(self, now: float) -> list[Effect]:
        """All that is due."""
        effects: list[Effect] = []
        for _ in range(SLICES_LIMIT):
            deadline = self.engine.next_deadline()
            if deadline is None or deadline > now:
                return effects
            effects += self.engine.expire(now)
        raise AssertionError("deadlines do not move on")

    def send(self, effects: list[Effect]) -> None:
        """Let leave what may; the rest waits for its commit."""
        for effect in effects:
            if isinstance(effect, Send):
                if self._waiting.holds_back(effect.after):
                    self._waiting.push(effect)
                else:
                    self._on_leaving(effect)

    # As in ``net.commit_queue``.

    def kick(self, now: float, wall: float, *, heartbeat: bool = False) -> None:
        """Commit what has changed; called after each step."""
        self._ticket, changes = self.store.take_changes()
        self._changes += changes
        if self.under_way is None and not self._retrying:
            if self._changes or heartbeat:
                self._commit(now, wall)
            else:
                # Nothing has changed, so all that was accepted is durable as it is.
                self._on_durable(self._mark())
                self._release(self._ticket)

    def _commit(self, now: float, wall: float) -> None:
        seconds = self.disk.seconds(now)
        commit = Commit(
            bytes(self._changes), self._ticket, now, wall, self._mark(), seconds is None
        )
        self._changes.clear()
        self.under_way = commit
        if seconds == 0.0:
            self._done(commit, now, wall)
        else:
            self._later(seconds or 0.0, lambda: self._done_later(commit))

    def _done_later(self, commit: Commit) -> None:
        if self.alive:
            self._done(commit, commit.now, commit.wall)

    def _done(self, commit: Commit, now: float, wall: float) -> None:
        self.under_way = None
        if commit.fails:
            self._changes[:0] = commit.changes
            self._retrying = True
            self._set_writable(False)
            self._later(RETRY_SECONDS, self._try_again)
            return
        self.disk.append(commit.changes, commit.now, commit.wall)
        self._on_durable(commit.mark)
        self._set_writable(True)
        self._release(commit.ticket)
        if self._changes:
            self._commit(now, wall)

    def _try_again(self) -> None:
        self._retrying = False

    def _set_writable(self, writable: bool) -> None:
        self.engine.set_writable(writable)
        self._on_writable(writable)

    def _release(self, ticket: int) -> None:
        for send in self._waiting.release(ticket):
            self._on_leaving(send)

    def crash(self, kept: bool) -> None:
        """Nothing is left but what is durable. kept: the commit under way is, just so."""
        self.alive = False
        commit = self.under_way
        if commit is not None and kept and not commit.fails:
            self.disk.append(commit.changes, commit.now, commit.wall)
            self._on_durable(commit.mark)
