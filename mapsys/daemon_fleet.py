"""The daemon's part in a fleet; without a fleet nothing beyond the project is imported."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

import mapsys
from mapsys.config.model import Config, FleetConfig
from mapsys.core.engine import Engine
from mapsys.eid import EidPrefix
from mapsys.fleet.member import Member
from mapsys.fleet.taking import About
from mapsys.fleet.target import read_url
from mapsys.net.log import Event, Logger
from mapsys.net.log_limit import LogLimit
from mapsys.net.shell import Shell
from mapsys.query_fleet_rows import FleetMemberRow, FleetRow
from mapsys.query_measures_rows import SampleRow
from mapsys.start_error import StartError
from mapsys.store import Store

JOIN_SECONDS = 10.0
"""A start waits for the engine so long; after that it serves what its own journal holds."""

_EVENTS = {
    "joined": Event.FLEET_JOINED,
    "away": Event.FLEET_AWAY,
    "resync": Event.FLEET_RESYNC,
    "overwritten": Event.FLEET_OVERWRITTEN,
    "refused": Event.FLEET_REFUSED,
}


class DaemonFleet:
    """Puts a member between the journal's queue, the shell and the engine.

    take: gives the journal's changes; what goes through here is told to the fleet. release:
    sends what waited for a ticket.
    """

    def __init__(
        self,
        config: Config,
        core: Engine,
        store: Store,
        log: Logger,
        *,
        take: Callable[[], tuple[int, bytes]],
        release: Callable[[int], None],
    ) -> None:
        """Raises StartError where the packages for it are not installed."""
        self._take = take
        self._release = release
        self._log = log
        self._log_limit = LogLimit()
        self._committed = self._told = 0
        self._member: Member | None = None
        self._waits_for_engine = False
        if config.fleet is not None:
            self._member = self._make(config.node, config.fleet, core, store)
            self._waits_for_engine = config.fleet.ack != "local"
            self._member.when_told(self._engine_has)

    def _make(self, node: str, fleet: FleetConfig, core: Engine, store: Store) -> Member:
        try:
            from mapsys.fleet.redis_clients import connector  # noqa: PLC0415
            from mapsys.fleet.redis_engine import RedisEngine  # noqa: PLC0415
        except ImportError as error:
            raise StartError(
                f"fleet: {error.name} is not installed; install mapsys[fleet]"
            ) from error
        target = dataclasses.replace(
            read_url(fleet.url),
            user=fleet.user,
            password=None if fleet.password is None else fleet.password.reveal().decode(),
            ca=None if fleet.ca is None else str(fleet.ca),
        )
        return Member(
            node,
            RedisEngine(connector(target), node, fleet.prefix),
            core,
            store,
            version=mapsys.__version__,
            replicas=int(fleet.ack == "replica"),
            serve_stale_seconds=fleet.serve_stale_seconds,
            log=self._note,
        )

    async def start(self, shell: Shell) -> None:
        """Join, before anything is answered; no longer than JOIN_SECONDS."""
        if self._member is not None:
            shell.subscribe(self._member.observe)
            self._member.start(shell)
            await self._member.joined(JOIN_SECONDS)

    async def stop(self) -> None:
        """Leave."""
        if self._member is not None:
            await self._member.stop()

    def take(self) -> tuple[int, bytes]:
        """The journal's changes, on their way past the fleet."""
        ticket, changes = self._take()
        if self._member is not None:
            self._member.gather(ticket, changes)
        return ticket, changes

    def committed(self, ticket: int) -> None:
        """The journal has it; a Map-Notify leaves when all have that are waited for."""
        self._committed = max(self._committed, ticket)
        self._release_both()

    def _engine_has(self, ticket: int) -> None:
        self._told = max(self._told, ticket)
        if self._waits_for_engine:
            self._release_both()

    def _release_both(self) -> None:
        both = min(self._committed, self._told) if self._waits_for_engine else self._committed
        self._release(both)

    def row(self) -> FleetRow | None:
        """For status; None without a fleet."""
        member = self._member
        if member is None:
            return None
        condition = member.condition
        return FleetRow(
            problem=condition.problem,
            since=condition.since,
            lag_seconds=condition.lag_seconds,
            outbox=member.outbox_records,
            members=[
                FleetMemberRow(
                    name, about.version, about.at_ms / 1e3, _is_live(about), about.registrations
                )
                for name, about in sorted(condition.members.items())
            ],
        )

    def is_stale(self, eid: EidPrefix) -> bool:
        """Whether it is served past its lifetime, since the engine cannot be asked."""
        return self._member is not None and self._member.is_stale(eid)

    def problems(self) -> list[str]:
        """Sentences about what is wrong."""
        member = self._member
        if member is None or member.condition.problem is None:
            return []
        away = round(time.time() - member.condition.since)
        return [
            f"the fleet's engine has been away for {away} s: {member.condition.problem};"
            f" {member.outbox_records} records wait, and what is known is served"
        ]

    def gauges(self) -> dict[str, list[SampleRow]]:
        """By the names of metric families."""
        member = self._member
        if member is None:
            return {}
        numbers = dataclasses.asdict(member.numbers)
        live = sum(map(_is_live, member.condition.members.values()))
        return {
            "fleet_engine_up": [SampleRow([], float(member.condition.problem is None))],
            "fleet_outbox_records": [SampleRow([], member.outbox_records)],
            "fleet_members": [SampleRow([], live)],
            "fleet_lag_seconds": [SampleRow([], member.condition.lag_seconds)],
            "fleet_clock_skew_seconds": [SampleRow([], member.condition.skew_ms / 1e3)],
            "fleet_events": [SampleRow([name], total) for name, total in numbers.items()],
        }

    def _note(self, what: str, detail: str) -> None:
        event = _EVENTS[what]
        if self._log_limit.admits((event,), time.monotonic()):
            write = self._log.info if event is Event.FLEET_JOINED else self._log.warning
            write(event, detail=detail)


LIVE_SECONDS = 5.0
"""A member that left no word for so long is away."""


def _is_live(about: About) -> bool:
    return about.at_ms / 1e3 > time.time() - LIVE_SECONDS
