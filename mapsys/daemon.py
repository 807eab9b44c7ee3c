"""The composition root: puts the parts together, keeps them running, takes them apart in order.

State folder -> sockets -> store -> core -> loop -> children; a reload swaps the
configuration under them, and drops nothing. What is open before there is a store is
``daemon_front``'s.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
import time
from functools import partial
from typing import Final

from alt.helper_client import TunnelHelper
from mapsys.config.model import Config
from mapsys.config_source import ConfigSource
from mapsys.core.engine import Engine
from mapsys.daemon_alt import DaemonAlt
from mapsys.daemon_configuration import Configuration, load_beside, settings_with
from mapsys.daemon_ending import Ending
from mapsys.daemon_fleet import DaemonFleet
from mapsys.daemon_front import Front
from mapsys.daemon_orders import Orders
from mapsys.daemon_reload import Reloads
from mapsys.daemon_telling import Telling
from mapsys.daemon_view import DaemonView
from mapsys.engine_choice import EngineChoice
from mapsys.held_configuration import Mark
from mapsys.net.audit import AuditTrail
from mapsys.net.commit_queue import CommitQueue
from mapsys.net.effect_log import EffectLog
from mapsys.net.journal import Journal
from mapsys.net.journal_files import JournalError
from mapsys.net.log import Event, Logger
from mapsys.net.log_limit import LogLimit
from mapsys.net.loop_lag import LoopLag
from mapsys.net.notify_socket import NotifySocket, watchdog_interval_seconds
from mapsys.net.shell import Record, Shell
from mapsys.nonce_orders import NonceOrders
from mapsys.provision.sites import ProvisionedSites
from mapsys.query_events_rows import EventKind
from mapsys.store import Store

SUMMARY_SECONDS: Final = 1_800.0
"""Between two lines of the log that say how it goes."""

TICK_SECONDS: Final = 1.0
"""Between looks at what nothing else wakes the daemon for: held-back log lines, the watchdog."""


class Daemon:
    """One running node. Made inside the loop it runs on."""

    def __init__(
        self,
        source: ConfigSource,
        config: Config,
        journal: Journal,
        store: Store,
        log: Logger,
        *,
        choice: EngineChoice,
        provisioned: ProvisionedSites,
        front: Front,
        record: Record | None = None,
        helper: TunnelHelper | None = None,
    ) -> None:
        """store: as it was loaded. front: open, over the same store."""
        self._source = source
        self._store = store
        self._choice = choice
        self._provisioned = provisioned
        self._log = log
        self._notify = NotifySocket()
        load = partial(load_beside, source, provisioned)
        self._alt = DaemonAlt(config, helper, log, load=load, take_over=self._take_over)
        self._engine = Engine(
            store,
            settings_with(config, provisioned),
            lambda: secrets.randbits(64),
            has_alt=self._alt.has_alt,
            also_known=[self._alt],
            may_deny=self._alt.may_deny,
            hash_key=secrets.token_bytes(32),
        )
        self._front = front
        self._datapath = front.datapath
        self._fleet = DaemonFleet(
            config,
            self._engine,
            store,
            log,
            take=self._datapath.marks,
            release=self._release,
        )
        self._commits = CommitQueue(
            journal,
            self._fleet.take,
            on_committed=self._committed,
            on_failed=self._commit_failed,
            occupied=lambda: len(store) > 0,
        )
        self._shell = Shell(
            self._engine,
            self._datapath,
            log,
            commit=self._commits.kick,
            inject=self._alt.inject,
            record=record,
        )
        self._effect_log = EffectLog(log, LogLimit())
        self._lag = LoopLag()
        self._children = front.children
        self._view = DaemonView(
            store,
            self._engine,
            self._datapath,
            self._shell,
            self._children.away,
            alt=self._alt,
            choice=choice,
            nonce_orders=NonceOrders(
                self._engine, AuditTrail(config.state), log, lambda: self._shell.carry_out(())
            ),
            provisioned=provisioned,
            fleet=self._fleet,
        )
        self._configuration = Configuration(
            config,
            source,
            log,
            provisioned=provisioned,
            engine=self._engine,
            datapath=self._datapath,
            shell=self._shell,
            alt=self._alt,
            view=self._view,
            children=self._children,
        )
        provisioned.attach(self._engine, self._configuration.site_changed)
        self._view.use(config)
        self._view.histograms |= {
            "map_request_duration_seconds": self._shell.request_seconds,
            "journal_commit_duration_seconds": self._commits.seconds,
            "event_loop_lag_seconds": self._lag.seconds,
        }
        self._ending = Ending(lambda: self._configuration.current.control.lameduck_seconds)
        self._telling = Telling(
            source=source,
            choice=choice,
            engine=self._engine,
            store=store,
            datapath=self._datapath,
            notify=self._notify,
            log=log,
            totals=self._shell.totals,
        )
        self._reloads = Reloads(
            source,
            load,
            self._view,
            log,
            current=lambda: self._configuration.current,
            take_over=self._take_over,
            keep_room_for=provisioned.keep_room_for,
            turn=self._alt.turn,
            notify=self._notify,
            summary=self._telling.summary,
        )
        self._view.life = Orders(self._reloads, self._ending, log)
        self._tasks: list[asyncio.Task[None]] = []

    # Life

    async def start(self, mark: Mark | None = None) -> None:
        """Serve; mark: of a configuration on trial. Raises StartError."""
        loop, config = asyncio.get_running_loop(), self._configuration.current
        loop.add_signal_handler(signal.SIGTERM, self._ending.ask)
        loop.add_signal_handler(signal.SIGINT, self._ending.now)
        loop.add_signal_handler(signal.SIGHUP, self._reloads.signal)
        self._shell.subscribe(self._view.ledger.observe)
        self._shell.subscribe(self._view.site_states.observe)
        self._shell.subscribe(self._view.events.observe)
        self._shell.subscribe(self._effect_log.observe)
        self._front.answer_from(self._view)
        await self._fleet.start(self._shell)
        self._shell.carry_out(self._engine.settle(time.monotonic()))
        await self._alt.start(self._engine, self._shell, self._store)
        self._shell.start()
        self._children.start()
        self._lag.start()
        self._view.condition.serving = True
        self._tasks = [asyncio.create_task(self._tick())]
        self._reloads.start(mark)
        self._telling.ready(config)

    async def until_told_to_stop(self) -> None:
        """Wait for SIGTERM, SIGINT or an order, and serve on for as long as that says."""
        until = await self._ending.asked()
        seconds = until - time.time()
        if seconds > 0:
            self._view.condition.serves_until = until
            self._notify.stopping(seconds)
            self._log.info(Event.LAMEDUCK, seconds=round(seconds))
            await self._ending.over()

    async def stop(self) -> None:
        """Read no more, commit what there is, send what waited for it, end the children."""
        served, self._view.condition.serving = self._view.condition.serving, False
        if served:
            self._log.info(Event.STOPPING)
            self._notify.stopping()
        await self._reloads.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._shell.stop()
        await self._fleet.stop()
        await self._alt.stop()
        self._lag.stop()
        try:
            await self._commits.close()
        except JournalError as error:
            self._log.error(Event.JOURNAL_FAILED, problem=str(error))
        await self._front.close()
        self._effect_log.flush(float("inf"))
        if served:
            self._log.info(Event.STOPPED, registrations=len(self._store))

    async def _tick(self) -> None:
        interval = min(TICK_SECONDS, watchdog_interval_seconds() or TICK_SECONDS)
        summary_at = time.monotonic() + SUMMARY_SECONDS
        while True:
            await asyncio.sleep(interval)
            self._effect_log.flush(time.monotonic())
            self._notify.alive(self._telling.summary())
            if time.monotonic() >= summary_at:
                summary_at += SUMMARY_SECONDS
                self._telling.log_summary()

    async def _take_over(self, config: Config) -> None:
        await self._configuration.take_over(config)

    # Journal

    def _release(self, ticket: int) -> None:
        self._shell.committed(ticket)

    def _committed(self, ticket: int) -> None:
        self._fleet.committed(ticket)
        if self._view.condition.journal_problem is not None:
            self._view.condition.journal_problem = None
            self._view.events.note(EventKind.JOURNAL_WRITES)
            self._shell.set_writable(True)
            self._log.info(Event.JOURNAL_WRITES)

    def _commit_failed(self, error: BaseException) -> None:
        self._shell.set_writable(False)
        if self._view.condition.journal_problem != str(error):
            self._view.condition.journal_problem = str(error)
            self._view.events.note(EventKind.JOURNAL_FAILED, detail=str(error))
            self._log.error(Event.JOURNAL_FAILED, problem=str(error))
