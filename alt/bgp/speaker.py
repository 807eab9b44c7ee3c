"""The BGP speaker of one ALT instance: ExaBGP, told by effects, heard as events.

Stands between ``AltRouter`` and the process: effects become commands, each
waits for its answer in the window, lines become events.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from alt.bgp.conf import ConfFile, ConfRefusedError
from alt.bgp.dialect import Dialect
from alt.bgp.events import AltEvent, AnnounceRefused, PeerDown, PeerUp, SpeakerLost
from alt.bgp.parse import EventReader
from alt.bgp.process import StartProcess
from alt.bgp.supervisor import Supervisor, Timing
from alt.bgp.window import Command, CommandWindow
from alt.effects import (
    AltEffect,
    Announce,
    EndOfRib,
    RequestRefresh,
    Resume,
    Suspend,
    Teardown,
    Withdraw,
)
from alt.model import AltConfig

FAULTS: Final = (
    "command-refused",
    "speaker-lost",
    "speaker-stalled",
    "reload-lost",
    "reload-refused",
)
"""The keys of ``Speaker.faults``."""


class Speaker:
    """Owns the process, its configuration file and its socket, all in one folder.

    start: starts ExaBGP in the overlay's network namespace.
    on_event: what ``AltRouter.handle`` takes. on_fault: one of FAULTS and a
    sentence for the operator.
    """

    def __init__(
        self,
        config: AltConfig,
        folder: Path,
        *,
        start: StartProcess,
        on_event: Callable[[AltEvent], None],
        on_fault: Callable[[str, str], None],
        dialect: Dialect | None = None,
        timing: Timing | None = None,
    ) -> None:
        self.config = config
        self.faults: Counter[str] = Counter()
        self._dialect = dialect or Dialect()
        self._timing = timing or Timing()
        self._on_event = on_event
        self._report = on_fault
        self._socket_path = folder / "bgp.sock"
        self._conf = ConfFile(folder / "exabgp.conf", self._dialect)
        self.reader = EventReader(config)
        self.window = CommandWindow()
        self._suspended: set[str] = set()
        self._up: set[str] = set()
        self._waiters: dict[int, asyncio.Future[tuple[str, ...]]] = {}
        self._reload_wanted = asyncio.Event()
        self._connected = asyncio.Event()
        self.supervisor = Supervisor(
            self._socket_path,
            start=start,
            timing=self._timing,
            on_ready=self._ready,
            on_line=self._line,
            on_lost=self._lost,
        )

    async def run(self) -> None:
        """Serve until cancelled. Raises ConfRefusedError where ExaBGP refuses the first file."""
        await self._conf.replace(self._text())
        command = self._dialect.server(self._conf.path)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.supervisor.run(command, self._dialect.environment(self.config)))
            tasks.create_task(self._watch())
            tasks.create_task(self._reload_when_wanted())

    async def check(self, config: AltConfig) -> None:
        """Ask whether ExaBGP would go over to other tunnels.

        Raises ConfRefusedError where it would not, OSError where it cannot be asked.
        """
        await self._conf.check(self._text_of(config))

    async def reconfigure(self, config: AltConfig) -> None:
        """Go over to other tunnels; unchanged neighbours keep their sessions.

        Returns once ExaBGP has taken the file over or is being restarted with it.
        Raises ConfRefusedError where ExaBGP refuses it; then nothing has changed.
        """
        before = self.config
        self.config = config
        try:
            await self._conf.replace(self._text())
        except (ConfRefusedError, OSError):
            self.config = before
            raise
        self.reader.adopt(config)
        self._part_from_others(before)
        await self._reload()

    def _part_from_others(self, before: AltConfig) -> None:
        """Sessions to an address that is no longer configured end without a word of ExaBGP."""
        kept = {(t.name, t.peer_address(t.session_family)) for t in self.config.tunnels}
        for tunnel in before.tunnels:
            if (tunnel.name, tunnel.peer_address(tunnel.session_family)) not in kept:
                self._suspended.discard(tunnel.name)
                self._down(PeerDown(tunnel.name, "no longer configured", clean=True))

    def execute(self, effects: Iterable[AltEffect]) -> None:
        """Carry out what concerns neighbours; the rest is for others.

        Nothing is sent to a neighbour whose session is down: what ExaBGP has queued
        for one makes it lose reloads. The router says everything again when it is up.
        """
        for effect in effects:
            match effect:
                case Suspend(peer):
                    self._suspended.add(peer)
                    self._reload_wanted.set()
                case Resume(peer):
                    self._suspended.discard(peer)
                    self._reload_wanted.set()
                case Announce() | Withdraw() | EndOfRib() | RequestRefresh() | Teardown():
                    if effect.peer in self._up:
                        self._say(effect)
        self._flush()

    def _say(self, effect: Announce | Withdraw | EndOfRib | RequestRefresh | Teardown) -> None:
        tunnel = next(t for t in self.config.tunnels if t.name == effect.peer)
        match effect:
            case Announce(peer, prefixes, attributes):
                for line, part in self._dialect.announce(tunnel, prefixes, attributes):
                    self.window.submit(Command(line, peer, part))
            case Withdraw(peer, prefixes):
                for line, _ in self._dialect.withdraw(tunnel, prefixes):
                    self.window.submit(Command(line, peer))
            case EndOfRib(peer, family):
                self.window.submit(Command(self._dialect.end_of_rib(tunnel, family), peer))
            case RequestRefresh(peer, family):
                self.window.submit(Command(self._dialect.request_refresh(tunnel, family), peer))
            case Teardown(peer, _, subcode):
                self.window.submit(Command(self._dialect.teardown(tunnel, subcode), peer))

    # From the process.

    def _ready(self) -> None:
        self.reader.restart()
        self._connected.set()

    def _line(self, line: bytes) -> None:
        if line.startswith(b"{"):
            for event in self.reader.read(line):
                if isinstance(event, PeerDown):
                    self._down(event)
                    continue
                if isinstance(event, PeerUp):
                    self._up.add(event.peer)
                self._on_event(event)
        elif line:
            self._answered(line.decode("utf-8", "replace"))
        self._flush()

    def _down(self, event: PeerDown) -> None:
        self._up.discard(event.peer)
        self.window.forget(event.peer)
        self._on_event(event)

    def _answered(self, line: str) -> None:
        answer = self.window.answered(line, asyncio.get_running_loop().time())
        if answer is None:
            return
        waiter = self._waiters.pop(id(answer.command), None)
        if waiter is not None and not waiter.done():
            waiter.set_result(answer.output if answer.is_done else ())
        if not answer.is_done:
            command = answer.command
            self._fault("command-refused", f"ExaBGP refused: {command.line[:200]}")
            if command.peer is not None and command.prefixes:
                self._on_event(AnnounceRefused(command.peer, command.prefixes))

    def _lost(self, why: str) -> None:
        self._fault("speaker-lost", f"ExaBGP is gone: {why}; it is started again")
        self._connected.clear()
        self.window.clear()
        self._up.clear()
        for waiter in self._waiters.values():
            waiter.cancel()
        self._waiters.clear()
        self._on_event(SpeakerLost())

    def _flush(self) -> None:
        if not self._connected.is_set():
            return
        for command in self.window.ready(asyncio.get_running_loop().time()):
            self.supervisor.write(command.line)

    def _fault(self, kind: str, sentence: str) -> None:
        self.faults[kind] += 1
        self._report(kind, sentence)

    # Watching it.

    async def _ask(self, line: str) -> tuple[str, ...]:
        """Send a command; returns the lines of its answer, none where it is refused.

        Raises TimeoutError where no answer comes.
        """
        command = Command(line)
        waiter: asyncio.Future[tuple[str, ...]] = asyncio.get_running_loop().create_future()
        self._waiters[id(command)] = waiter
        self.window.submit(command)
        self._flush()
        try:
            return await asyncio.wait_for(waiter, self._timing.answer)
        except asyncio.CancelledError:
            if waiter.cancelled():
                raise TimeoutError(line) from None
            raise
        finally:
            self._waiters.pop(id(command), None)

    async def _watch(self) -> None:
        """A frozen ExaBGP answers nothing; it is killed, so that another can take over."""
        while True:
            await asyncio.sleep(self._timing.ping)
            await self._connected.wait()
            silent_since = self.window.silent_since()
            now = asyncio.get_running_loop().time()
            if silent_since is None:
                self.window.submit(Command(self._dialect.ping))
                self._flush()
            elif now - silent_since > self._timing.answer:
                self._fault(
                    "speaker-stalled",
                    f"ExaBGP answered nothing for {now - silent_since:.0f} s; it is restarted",
                )
                self._restart("it did not answer")

    def _restart(self, why: str) -> None:
        """Nothing more is said to the present process."""
        self._connected.clear()
        self.window.clear()
        self.supervisor.restart(why)

    # The configuration.

    def _text(self) -> str:
        return self._text_of(self.config)

    def _text_of(self, config: AltConfig) -> str:
        tunnels = [t for t in config.tunnels if t.name not in self._suspended]
        return self._dialect.configuration(config, tunnels, self._socket_path)

    async def _reload_when_wanted(self) -> None:
        while True:
            await self._reload_wanted.wait()
            self._reload_wanted.clear()
            try:
                await self._conf.replace(self._text())
            except (ConfRefusedError, OSError) as error:
                self._fault("reload-refused", f"a neighbour cannot be held off: {error}")
            else:
                await self._reload()

    async def _reload(self) -> None:
        """Have the file in place read, and see to it that it was.

        ExaBGP answers "done" also where it drops the request, so what it shows
        afterwards is compared; where nothing else helps, it is restarted. A process
        that has just been started may have read the file before it was replaced.
        """
        await self._connected.wait()
        for _ in range(self._timing.reload_tries):
            try:
                await self._ask(self._dialect.reload)
                for _ in range(self._timing.reload_polls):
                    if await self._shows_configured():
                        return
                    await asyncio.sleep(self._timing.reload_poll)
            except TimeoutError:
                break
            self._fault("reload-lost", "ExaBGP dropped a reload; it is asked again")
        self._restart("it did not take over its configuration")

    async def _shows_configured(self) -> bool:
        shown = await self._ask(self._dialect.show_neighbors)
        try:
            neighbors = json.loads("".join(shown))
            present = {(n["peer"]["address"], n["peer"]["as"]) for n in neighbors}
        except (ValueError, TypeError, KeyError):
            return False
        return present == set(self._expected())

    def _expected(self) -> Iterable[tuple[str, int]]:
        for tunnel in self.config.tunnels:
            if tunnel.name not in self._suspended:
                yield tunnel.peer_address(tunnel.session_family), tunnel.peer_as
