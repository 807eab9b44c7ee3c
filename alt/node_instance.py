"""One ALT at work: overlay, tunnels, ExaBGP, routes and packets of one instance-ID.

Carries effects between ``router`` (decides), ``bgp.speaker`` (tells neighbours),
``plane_carrier`` (moves packets) and the node.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from alt.bgp.dialect import Dialect
from alt.bgp.events import (
    AltEvent,
    DayChanged,
    OriginateLocal,
    PeerDown,
    PeerUp,
    SpeakerLost,
    WithdrawLocal,
)
from alt.bgp.speaker import Speaker
from alt.effects import AltEffect, FibChange, Rejected
from alt.fib import Fib
from alt.helped_process import start_in_overlay
from alt.helper_client import TunnelHelper
from alt.model import AltConfig, Backend
from alt.netns import overlay_name
from alt.node_denial import may_deny_hole
from alt.node_peers import PeerStories
from alt.node_tunnels import close_tunnels, exchange_tunnels, open_tunnels, tunnel_specs
from alt.plane import AltPlane
from alt.plane_carrier import PlaneCarrier
from alt.plane_effects import Deliver, SendNegative
from alt.reasons import IMPORT_REASONS
from alt.router import AltRouter
from alt.tunnel.auto import BackendChoice, BackendKind, choose, make_backend
from alt.tunnel.base import TunnelError
from alt.tunnel.probe import Abilities
from alt.tunnel.underlay import GreUnderlay
from mapsys.eid import EidPrefix
from mapsys.net.log import Event, Logger
from mapsys.net.log_limit import LogLimit
from mapsys.table import PrefixTable

LEAVE_SECONDS: Final = 2.0
"""How long ExaBGP may take to accept that everything is withdrawn."""

SENDING_SECONDS: Final = 0.3
"""What it has accepted is on the wire some turns of its loop later (its speed is 0.1 s)."""

SPEAKER_GONE: Final = "this node's BGP speaker is gone"

_CHOICES: Final[dict[Backend, BackendChoice]] = {
    Backend.AUTO: "auto",
    Backend.KERNEL: "kernel",
    Backend.USERSPACE: "userspace",
}


class AltStartError(Exception):
    """An ALT instance cannot run; the text says what is missing and what to do."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all instances of a node share.

    folder: holds a folder for each instance. underlay_versions: the IP versions of
    the node's own addresses. on_deliver, on_negative: take what leaves an ALT here.
    """

    node: str
    folder: Path
    helper: TunnelHelper
    underlay: GreUnderlay
    underlay_versions: frozenset[int]
    on_deliver: Callable[[Deliver], None]
    on_negative: Callable[[SendNegative], None]
    log: Logger


class AltInstance:
    """Made inside the loop it runs on; opens nothing before :meth:`start`."""

    def __init__(self, config: AltConfig, around: Surroundings) -> None:
        self.router = AltRouter(config, _today())
        self.fib = Fib(config.instance_id)
        self.plane = AltPlane(
            config.instance_id,
            self.fib,
            self._may_deny_hole,
            underlay_versions=around.underlay_versions,
            node=config.name,
        )
        self._around = around
        self._loop = asyncio.get_running_loop()
        self._delegated = _delegated(config)
        self._log_limit = LogLimit()
        self._carrier: PlaneCarrier | None = None
        self._speaker: Speaker | None = None
        self._speaking: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._midnight: asyncio.TimerHandle | None = None
        self._overlay = overlay_name(around.node, config.instance_id)
        self._started_at = self._loop.time()
        self.stories = PeerStories()
        self.wanted_sites: set[EidPrefix] = set()
        """What the Map-Server here serves, whether policy lets it onto the ALT or not."""

    @property
    def config(self) -> AltConfig:
        """The configuration in force."""
        return self.router.config

    @property
    def carrier(self) -> PlaneCarrier:
        """The packets' side. Only after :meth:`start`."""
        assert self._carrier is not None
        return self._carrier

    @property
    def is_running(self) -> bool:
        """Whether the instance was started and not stopped."""
        return self._speaking is not None

    # Life.

    async def start(self, abilities: Abilities, sites: Iterable[AltEvent]) -> None:
        """Bring everything up; sessions follow.

        abilities: what each tunnel backend misses here. sites: what the Map-Server
        has to say before neighbours hear anything.
        Raises AltStartError, TunnelError or ConfRefusedError; then :meth:`stop` it.
        """
        around, config = self._around, self.config
        kind = _backend(config, abilities)
        dialect = Dialect()
        if not Path(dialect.program).exists():
            raise AltStartError(
                f"{dialect.program} is missing, and the ALT speaks BGP by it;"
                " install exabgp 5.0 into the environment that mapsys runs from"
            )
        overlay = await asyncio.to_thread(around.helper.make_overlay, self._overlay)
        self._carrier = PlaneCarrier(
            self.plane,
            self.fib,
            lambda receive: make_backend(kind, overlay, around.underlay, receive, self._loop),
            clock=self._loop.time,
            on_deliver=around.on_deliver,
            on_negative=around.on_negative,
            on_recursion=self._recursion,
        )
        folder = around.folder / str(config.instance_id)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._speaker = Speaker(
            config,
            folder,
            start=partial(start_in_overlay, around.helper, self._overlay),
            on_event=self.handle,
            on_fault=self._fault,
            dialect=dialect,
        )
        self._carry_out(self.router.start(self._loop.time()))
        for event in sites:
            self.handle(event)
        open_tunnels(self._carrier, tunnel_specs(config).values())
        self._speaking = asyncio.create_task(self._speaker.run(), name=f"alt {self._overlay}")
        await self._until_speaking(self._speaker, self._speaking)
        self._speaking.add_done_callback(self._speaking_ended)
        self._await_midnight()

    async def stop(self) -> None:
        """Take leave of the neighbours, end ExaBGP, take tunnels and overlay away."""
        for timer in (self._deadline, self._midnight):
            if timer is not None:
                timer.cancel()
        speaking, self._speaking = self._speaking, None
        if speaking is not None:
            if not speaking.done():
                await self._take_leave(self.router.peers)
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)
        if self._carrier is not None:
            self._carrier.backend.shutdown()
            with contextlib.suppress(TunnelError):  # a helper that is gone leaves it to the next
                await asyncio.to_thread(self._around.helper.remove_overlay, self._overlay)

    async def reconfigure(self, config: AltConfig) -> None:
        """Go over to another configuration; unchanged sessions and tunnels stay.

        New tunnels come up before others go down.
        Raises AltStartError, TunnelError, ConfRefusedError, with the old one in force.
        """
        assert self._speaker is not None
        before = self.config
        if config == before:
            return
        if (config.backend, config.name) != (before.backend, before.name):
            raise AltStartError("backend and name of an ALT instance change with a restart only")
        await self._speaker.check(config)
        old, new = tunnel_specs(before), tunnel_specs(config)
        open_tunnels(self.carrier, (new[name] for name in new if name not in old))
        parting = [name for name in old if new.get(name) != old[name]]
        await self._take_leave(parting)
        try:
            exchange_tunnels(self.carrier, old, new)
        except TunnelError:
            close_tunnels(self.carrier, new.keys() - old.keys())
            self._adopt(before)  # those that were taken leave of are told everything again
            raise
        self._adopt(config)
        await self._speaker.reconfigure(config)
        close_tunnels(self.carrier, old.keys() - new.keys())

    # What comes in.

    def handle(self, event: AltEvent) -> None:
        """Take what a neighbour, ExaBGP or the Map-Server says."""
        now = self._loop.time()
        tells = self.stories.observe(event, now)
        match event:
            case OriginateLocal(prefix):
                self.wanted_sites.add(prefix)
            case WithdrawLocal(prefix):
                self.wanted_sites.discard(prefix)
            case PeerUp(peer):
                self._say(Event.ALT_PEER_UP, peer=peer)
            case PeerDown(peer, reason) if tells:
                self._say(Event.ALT_PEER_DOWN, peer=peer, why=reason)
            case SpeakerLost():
                for peer in self.stories.lose_all(SPEAKER_GONE, now):
                    self._say(Event.ALT_PEER_DOWN, peer=peer, why=SPEAKER_GONE)
        self._carry_out(self.router.handle(event, now))

    # What others ask.

    def free_around(self, eid: EidPrefix, shortest: int) -> EidPrefix | None:
        """The least-specific prefix around an EID that neither a route nor a delegation touches."""
        free = self.fib.free_around(eid, shortest)
        return None if free is None else self._delegated.hole(eid, free.length)

    def knows_what_is_missing(self, eid: EidPrefix) -> bool:
        """Whether what has no route here does not exist (RFC 9301, 8.4)."""
        return self.router.knows_what_is_missing(eid.family)

    def problems(self) -> list[str]:
        """What is wrong at present, a sentence each."""
        of = f"the ALT of instance-ID {self.config.instance_id}"
        if self._speaking is not None and self._speaking.done():
            return [f"{of} has no BGP speaker any more; restart the node"]
        if self._speaker is not None and self._speaker.supervisor.pid is None:
            return [f"{of} has no BGP speaker at the moment; it is started again"]
        return []

    def _may_deny_hole(self, eid: EidPrefix) -> bool:
        return may_deny_hole(eid, self.router, self._loop.time() - self._started_at)

    # What goes out.

    def _carry_out(self, effects: Sequence[AltEffect]) -> None:
        """The FIB first: nobody is told of a way before it can be gone."""
        for effect in effects:
            match effect:
                case FibChange():
                    self.carrier.change_route(effect)
                case Rejected():
                    self._refused(effect)
        if self._speaker is not None:
            self._speaker.execute(effects)
        self._rearm()

    def _rearm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        due = self.router.next_deadline()
        if due is not None:
            self._deadline = self._loop.call_at(due, self._expire)

    def _expire(self) -> None:
        self._deadline = None
        self._carry_out(self.router.expire(self._loop.time()))

    def _await_midnight(self) -> None:
        now = datetime.now(UTC)
        midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), UTC)
        seconds = (midnight - now).total_seconds() + 1
        self._midnight = self._loop.call_later(seconds, self._new_day)

    def _new_day(self) -> None:
        self.handle(DayChanged(_today()))
        self._await_midnight()

    def _adopt(self, config: AltConfig) -> None:
        self._delegated = _delegated(config)
        self._carry_out(self.router.reconfigure(config, _today(), self._loop.time()))

    async def _take_leave(self, names: Iterable[str]) -> None:
        """Withdraw everything from neighbours whose sessions are to end for good.

        ExaBGP ends a session with graceful restart without a word, and the neighbour
        would keep our routes for a while: requests would go where nobody is.
        """
        assert self._speaker is not None
        withdrawals: list[AltEffect] = []
        for name in names:
            peer = self.router.peers[name]
            if peer.is_up:
                withdrawals += peer.adj_out.update(dict.fromkeys(peer.adj_out.told).items())
        if not withdrawals:
            return
        self._speaker.execute(withdrawals)
        deadline = self._loop.time() + LEAVE_SECONDS
        while len(self._speaker.window) and self._loop.time() < deadline:
            await asyncio.sleep(0.02)
        await asyncio.sleep(SENDING_SECONDS)

    # The speaker's task.

    async def _until_speaking(self, speaker: Speaker, speaking: asyncio.Task[None]) -> None:
        """Until ExaBGP has taken its configuration. Raises what kept it from it."""
        while not speaking.done() and not speaker.supervisor.starts:
            await asyncio.sleep(0.02)
        if speaking.done():
            speaking.result()

    def _speaking_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._fault("speaker-given-up", f"the BGP speaker failed: {task.exception()!r}")

    # What the operator is told.

    def _fault(self, kind: str, sentence: str) -> None:
        if self._log_limit.admits((Event.ALT_FAULT, kind), self._loop.time()):
            self._around.log.warning(
                Event.ALT_FAULT,
                instance_id=self.config.instance_id,
                kind=kind,
                problem=sentence,
            )

    def _recursion(self, prefix: EidPrefix, tunnels: list[str]) -> None:
        self._fault(
            "recursion",
            f"{prefix} covers the remote end of {', '.join(tunnels)}; a remote is an RLOC,"
            " and has no place in an EID-Prefix",
        )

    def _refused(self, rejected: Rejected) -> None:
        key = (Event.ALT_ROUTE_REFUSED, rejected.reason, rejected.peer or "")
        if self._log_limit.admits(key, self._loop.time()):
            self._say(
                Event.ALT_ROUTE_REFUSED,
                peer=rejected.peer,
                eid=str(rejected.prefix),
                reason=rejected.reason,
                why=IMPORT_REASONS[rejected.reason],
                delegation=None if rejected.delegation is None else str(rejected.delegation),
            )

    def _say(self, event: Event, **facts: str | None) -> None:
        self._around.log.info(event, instance_id=self.config.instance_id, **facts)


def _backend(config: AltConfig, abilities: Abilities) -> BackendKind:
    if config.backend is Backend.MEMORY:
        raise AltStartError(
            "backend memory joins nodes of one process, for tests; use backend auto"
        )
    return choose(_CHOICES[config.backend], abilities)


def _delegated(config: AltConfig) -> PrefixTable[None]:
    table: PrefixTable[None] = PrefixTable()
    for delegation in config.delegations:
        table.put(delegation.block, None)
    return table


def _today() -> date:
    return datetime.now(UTC).date()
