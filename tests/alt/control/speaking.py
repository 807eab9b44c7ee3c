"""A router joined to a speaker, and network namespaces for it to speak in."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alt.bgp.dialect import Dialect
from alt.bgp.events import AltEvent
from alt.bgp.process import StartProcess
from alt.bgp.speaker import Speaker
from alt.bgp.supervisor import Timing
from alt.effects import AltEffect
from alt.model import AltConfig
from alt.router import AltRouter
from mapsys.eid import EidPrefix
from tests.alt.control.pilot import TODAY, eid
from tests.programs import require_program

WAIT_SECONDS = 60.0
"""Far more than anything here takes; only a failure waits that long."""


class SpeakingNode:
    """An ALT instance's control plane as it runs: events, effects, deadlines."""

    def __init__(
        self,
        config: AltConfig,
        folder: Path,
        *,
        namespace: str = "",
        dialect: Dialect | None = None,
        timing: Timing | None = None,
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.events: list[AltEvent] = []
        self.effects: list[AltEffect] = []
        self.faults: list[tuple[str, str]] = []
        self.router = AltRouter(config, TODAY)
        self.speaker = Speaker(
            config,
            folder,
            start=child_in(namespace and f"/run/netns/{namespace}"),
            dialect=dialect,
            timing=timing,
            on_event=self.handle,
            on_fault=lambda kind, sentence: self.faults.append((kind, sentence)),
        )
        self._timer: asyncio.TimerHandle | None = None

    def handle(self, event: AltEvent) -> None:
        self.events.append(event)
        self._carry_out(self.router.handle(event, self._now()))

    def _expire(self) -> None:
        self._timer = None
        self._carry_out(self.router.expire(self._now()))

    def _carry_out(self, effects: list[AltEffect]) -> None:
        self.effects += effects
        self.speaker.execute(effects)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self.router.next_deadline()
        if due is not None:
            self._timer = asyncio.get_running_loop().call_at(due, self._expire)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[SpeakingNode]:
        self._carry_out(self.router.start(self._now()))
        task = asyncio.create_task(self.speaker.run())
        try:
            yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            if self._timer is not None:
                self._timer.cancel()

    def is_up(self, name: str) -> bool:
        return self.router.peers[name].is_up

    def uses(self, text: str, peer: str) -> bool:
        route = self.router.loc_rib.best(eid(text))
        return route is not None and route.peer == peer

    def prefixes_from(self, peer: str) -> set[EidPrefix]:
        return {route.prefix for route in self.router.loc_rib if route.peer == peer}

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        await until(condition, f"{what}; faults: {self.faults}")


async def until(condition: Callable[[], bool], what: str, seconds: float = WAIT_SECONDS) -> None:
    """Wait for a condition; failing says what did not happen."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"did not happen: {what}"
        await asyncio.sleep(0.05)


class ChildProcess:
    """A child of this very process, which has the privileges that a helper has elsewhere."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        self._process = process
        self.pid = process.pid
        self.stderr = process.stderr

    async def wait(self) -> int:
        return await self._process.wait()

    def send_signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)


def child_in(namespace: str) -> StartProcess:
    """Starts children in a namespace, by its path; empty for this one."""

    async def start(command: Sequence[str], environment: Mapping[str, str]) -> ChildProcess:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "alt.bgp.launch", str(os.getpid()), namespace, *command),
            env={**os.environ, **environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        return ChildProcess(process)

    return start


@dataclass
class Namespaces:
    """Pairs of namespaces joined by a veth that carries a tunnel's inner addresses."""

    made: list[str] = field(default_factory=list)

    def add(self, name: str) -> str:
        full = f"mapsys-c{os.getpid()}-{name}"
        ip(f"netns add {full}")
        self.made.append(full)
        ip(f"-n {full} link set lo up")
        return full

    def join(self, index: int, first: str, second: str) -> None:
        """Tunnel ``index`` of the lab between two namespaces, its addresses on a veth."""
        link = f"t{index}"
        ip(f"link add {link} netns {first} type veth peer name {link} netns {second}")
        for number, namespace in enumerate((first, second)):
            own = 2 * index + number
            ip(f"-n {namespace} addr add 10.255.0.{own}/31 dev {link}")
            ip(f"-n {namespace} -6 addr add fd00:a17::{own:x}/127 dev {link} nodad")
            ip(f"-n {namespace} link set {link} up")

    def remove(self) -> None:
        for name in self.made:
            ip(f"netns del {name}")


def ip(arguments: str) -> None:
    subprocess.run([require_program("ip", "iproute2"), *arguments.split()], check=True)


@contextlib.contextmanager
def namespaces() -> Iterator[Namespaces]:
    made = Namespaces()
    try:
        yield made
    finally:
        made.remove()


@contextlib.contextmanager
def daemon(namespace: str, command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A foreign speaker in a namespace, ended at the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [require_program("ip", "iproute2"), "netns", "exec", namespace, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
