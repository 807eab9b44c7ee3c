"""The composition root: puts the parts together, keeps them running, takes them apart in order.

State folder -> store -> core -> sockets -> loop -> children; a reload swaps the
configuration under them, and drops nothing.
"""

from __future__ import annotations

import asyncio
import gc
import secrets
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from alt.helper_capabilities import keep_only
from alt.helper_client import TunnelHelper
from mapsys import query
from mapsys.banner import banner
from mapsys.config.diff import changes
from mapsys.config.model import Config, MapServerConfig
from mapsys.config_source import ConfigSource
from mapsys.core.effects import Effect, Endpoint, Expired
from mapsys.core.engine import Engine, Settings
from mapsys.core.site import LispSite
from mapsys.core_setup import settings_of
from mapsys.daemon_alt import DaemonAlt, tunnel_helper
from mapsys.daemon_ending import Ending
from mapsys.daemon_reload import Reloads, configuration_at_start
from mapsys.daemon_view import DaemonView, small_buffer
from mapsys.datapath.counters import split_name
from mapsys.engine_choice import EngineChoice, choose, new_datapath, new_store
from mapsys.held_configuration import Mark
from mapsys.http_access import hand_over, require_usable
from mapsys.net.audit import AuditTrail
from mapsys.net.children import Child
from mapsys.net.commit_queue import CommitQueue
from mapsys.net.effect_log import EffectLog
from mapsys.net.inherited import inherited_sockets
from mapsys.net.journal import Journal
from mapsys.net.journal_files import JournalError
from mapsys.net.log import Event, Logger, open_log
from mapsys.net.log_limit import LogLimit
from mapsys.net.loop import run as run_on_loop
from mapsys.net.loop_lag import LoopLag
from mapsys.net.notify_socket import NotifySocket, watchdog_interval_seconds
from mapsys.net.process_guard import guard_memory
from mapsys.net.recorder import Recorder
from mapsys.net.shell import Record, Shell
from mapsys.nonce_orders import NonceOrders
from mapsys.provision.sites import ProvisionedSites, provisioned_sites
from mapsys.query_events_rows import EventKind
from mapsys.query_life_rows import ReloadOrder, ReloadRow, StopOrder, StopRow
from mapsys.start_error import StartError, cannot_listen, require_free_tcp
from mapsys.store import Store

SUMMARY_SECONDS: Final = 1_800.0
"""Between two lines of the log that say how it goes."""

TICK_SECONDS: Final = 1.0
"""Between looks at what nothing else wakes the daemon for: held-back log lines, the watchdog."""


def run(source: ConfigSource, record: Path | None = None, *, core_dumps: bool = False) -> None:
    """Serve until SIGTERM or SIGINT.

    record: a new file for every control message received; None writes none down.
    core_dumps: let a crash leave the process's memory, secrets and all, on the disk.
    Raises ConfigError, StartError or JournalError where it cannot start.
    """
    log = open_log()
    inherited = _inherited()
    config, mark = configuration_at_start(source, log)
    for warning in config.warnings:
        log.warning(Event.CONFIG_WARNING, warning=str(warning))
    choice = choose(config.engine)
    # First of all, while there is no thread yet that could keep a capability.
    guard_memory(core_dumps=core_dumps)
    with (
        tunnel_helper(config) as helper,
        _journal(config) as journal,
        provisioned_sites(config, log) as provisioned,
    ):
        store = new_store(choice)
        journal.load_into(store)
        for finding in journal.findings:
            log.error(Event.STATE_DAMAGED, finding=finding)
        _settle_collector()
        with _recording(record, log) as note:
            run_on_loop(
                _serve(
                    source,
                    config,
                    journal,
                    store,
                    log,
                    choice=choice,
                    provisioned=provisioned,
                    record=note,
                    helper=helper,
                    inherited=inherited,
                    mark=mark,
                )
            )


def _give_up_privileges() -> None:
    """No capability is needed once the sockets are open, and none is ever regained.

    Before the first thread: a thread keeps what it was started with.
    """
    keep_only(frozenset())


def _inherited() -> dict[Endpoint, socket.socket]:
    try:
        return inherited_sockets()
    except (OSError, ValueError) as error:
        raise StartError(str(error)) from error


@contextmanager
def _journal(config: Config) -> Iterator[Journal]:
    server = config.map_server or MapServerConfig()
    journal = Journal.open(
        config.state,
        now=time.monotonic(),
        wall=time.time(),
        restart_grace_seconds=server.restart_grace_seconds,
    )
    try:
        yield journal
    finally:
        journal.close()


@contextmanager
def _recording(path: Path | None, log: Logger) -> Iterator[Record | None]:
    """Where each datagram is to be noted, if anywhere."""
    if path is None:
        yield None
        return
    try:
        recorder = Recorder.create(path, log)
    except OSError as error:
        raise StartError(
            f"cannot record to {path}: {error.strerror}; name a new file with --record"
        ) from error
    try:
        yield recorder.note
    finally:
        recorder.close()


def _settle_collector() -> None:
    """Keep the garbage collector from walking what was loaded, and what is learned to repeat.

    Full collections become rare: nothing here lives long and in cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 1_000)


async def _serve(
    source: ConfigSource,
    config: Config,
    journal: Journal,
    store: Store,
    log: Logger,
    *,
    choice: EngineChoice,
    provisioned: ProvisionedSites,
    record: Record | None,
    helper: TunnelHelper | None,
    inherited: Mapping[Endpoint, socket.socket],
    mark: Mark | None,
) -> None:
    daemon = Daemon(
        source,
        config,
        journal,
        store,
        log,
        choice=choice,
        provisioned=provisioned,
        record=record,
        helper=helper,
        inherited=inherited,
    )
    try:
        await daemon.start(mark)
        await daemon.until_told_to_stop()
    finally:
        await daemon.stop()


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
        record: Record | None = None,
        helper: TunnelHelper | None = None,
        inherited: Mapping[Endpoint, socket.socket] | None = None,
    ) -> None:
        self._source = source
        self._config = config
        self._store = store
        self._choice = choice
        self._provisioned = provisioned
        self._log = log
        self._notify = NotifySocket()
        self._restored = len(store)
        self._alt = DaemonAlt(config, helper, log, load=self._load, take_over=self._take_over)
        self._engine = Engine(
            store,
            self._settings(config),
            lambda: secrets.randbits(64),
            has_alt=self._alt.has_alt,
            also_known=[self._alt],
            may_deny=self._alt.may_deny,
            hash_key=secrets.token_bytes(32),
        )
        self._datapath = new_datapath(
            choice,
            store,
            receive_buffer_octets=config.control.receive_buffer_octets,
            inherited=inherited,
        )
        self._commits = CommitQueue(
            journal,
            self._datapath.marks,
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
        self._http = self._http_process(config)
        self._poller = self._poller_process(config)
        self._fold = Child(
            "fold", [sys.executable, "-m", "mapsys.net.fold", str(config.state)], log
        )
        self._view = DaemonView(
            store,
            self._engine,
            self._datapath,
            self._shell,
            self._children_away,
            alt=self._alt,
            choice=choice,
            nonce_orders=NonceOrders(
                self._engine, AuditTrail(config.state), log, lambda: self._shell.carry_out(())
            ),
            provisioned=provisioned,
        )
        provisioned.attach(self._engine, self._site_changed)
        self._view.use(config)
        self._view.histograms |= {
            "map_request_duration_seconds": self._shell.request_seconds,
            "journal_commit_duration_seconds": self._commits.seconds,
            "event_loop_lag_seconds": self._lag.seconds,
        }
        self._query: query.QueryServer | None = None
        self._ending = Ending(lambda: self._config.control.lameduck_seconds)
        self._reloads = Reloads(
            source,
            self._load,
            self._view,
            log,
            current=lambda: self._config,
            take_over=self._take_over,
            turn=self._alt.turn,
            notify=self._notify,
            summary=self._summary,
        )
        self._view.life = _Orders(self._reloads, self._ending, log)
        self._tasks: list[asyncio.Task[None]] = []

    # Life

    async def start(self, mark: Mark | None = None) -> None:
        """Open everything and serve; mark: of a configuration on trial. Raises StartError."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._ending.ask)
        loop.add_signal_handler(signal.SIGINT, self._ending.now)
        loop.add_signal_handler(signal.SIGHUP, self._reloads.signal)
        self._shell.subscribe(self._view.ledger.observe)
        self._shell.subscribe(self._view.site_states.observe)
        self._shell.subscribe(self._view.events.observe)
        self._shell.subscribe(self._effect_log.observe)
        self._listen(self._config)
        if self._config.http is not None:
            require_usable(self._config.http)
            require_free_tcp(self._config.http.listen, "http.listen", self._source)
            if (metrics := self._config.http.metrics) is not None:
                require_free_tcp(metrics.listen, "http.metrics.listen", self._source)
        _give_up_privileges()
        try:
            self._query = await query.serve(self._config.state / query.SOCKET_NAME, self._view)
        except OSError as error:
            raise StartError(
                f"{error.strerror}; choose a state folder with a shorter path"
            ) from error
        self._shell.carry_out(self._engine.settle(time.monotonic()))
        await self._alt.start(self._engine, self._shell, self._store)
        self._shell.start()
        for child in self._children():
            child.start()
        self._lag.start()
        self._view.condition.serving = True
        self._tasks = [asyncio.create_task(self._tick())]
        self._reloads.start(mark)
        self._tell_ready()

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
        await self._alt.stop()
        self._lag.stop()
        try:
            await self._commits.close()
        except JournalError as error:
            self._log.error(Event.JOURNAL_FAILED, problem=str(error))
        await asyncio.gather(*(child.stop() for child in self._children()))
        if self._query is not None:
            await self._query.close()
        self._datapath.close()
        self._effect_log.flush(float("inf"))
        if served:
            self._log.info(Event.STOPPED, registrations=len(self._store))

    async def _tick(self) -> None:
        interval = min(TICK_SECONDS, watchdog_interval_seconds() or TICK_SECONDS)
        summary_at = time.monotonic() + SUMMARY_SECONDS
        while True:
            await asyncio.sleep(interval)
            self._effect_log.flush(time.monotonic())
            self._notify.alive(self._summary())
            if time.monotonic() >= summary_at:
                summary_at += SUMMARY_SECONDS
                self._log_summary()

    def _log_summary(self) -> None:
        totals: Counter[str] = Counter()
        for name, times in self._shell.totals().items():
            totals[split_name(name)[0]] += times
        self._log.info(
            Event.SUMMARY,
            sites=len(self._engine.sites),
            registrations=len(self._store),
            received=totals["received"],
            refused=totals["dropped"] + totals["refused"],
        )

    def _tell_ready(self) -> None:
        granted = []
        for each in self._datapath.listening():
            self._log.info(
                Event.LISTENING,
                address=str(each.address),
                receive_buffer_octets=each.receive_buffer_octets,
            )
            granted.append(each.receive_buffer_octets)
        asked = self._config.control.receive_buffer_octets
        if min(granted) < asked:
            self._log.warning(Event.RECEIVE_BUFFER_SMALL, problem=small_buffer(min(granted), asked))
        self._log.info(
            Event.READY,
            sites=len(self._engine.sites),
            restored=self._restored,
            engine=self._choice.engine,
            engine_reason=self._choice.reason,
        )
        self._notify.ready(self._summary())
        if not self._notify.is_used:
            told = banner(
                self._config,
                self._choice,
                self._datapath.listening(),
                self._restored,
                self._source.path,
            )
            print(told, flush=True)

    def _summary(self) -> str:
        return f"{len(self._engine.sites)} sites, {len(self._store)} registrations"

    # Journal

    def _committed(self, ticket: int) -> None:
        self._shell.committed(ticket)
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

    # Children

    def _http_process(self, config: Config) -> Child:
        argv = [sys.executable, "-m", "mapsys.http", "--state", str(config.state)]
        if config.http is not None:
            access = hand_over(config.http, config.state)
            argv += ["--listen", str(config.http.listen), "--access", str(access)]
        return Child("http", argv, self._log)

    def _poller_process(self, config: Config) -> Child | None:
        if config.poller is None:
            return None
        argv = [sys.executable, "-m", "mapsys.poller", "--state", str(config.state)]
        return Child("poller", argv, self._log)

    def _children(self) -> list[Child]:
        """All that should run; the HTTP process comes after those that it tells about."""
        wanted = (self._fold, self._poller, self._http)
        return [child for child in wanted if child is not None]

    def _children_away(self) -> list[str]:
        return [child.name for child in self._children() if child.pid is None]

    # Configuration

    def _listen(self, config: Config) -> None:
        try:
            self._shell.listen(config.control.listen)
        except OSError as error:
            raise cannot_listen(error, "udp", "control.listen", self._source) from error

    def _load(self) -> Config:
        """The files as they are now. Raises ConfigError."""
        config = self._source.load()
        self._provisioned.refuse_collisions(config)
        return config

    def _settings(self, config: Config) -> Settings:
        """What files and database say together."""
        everything = self._provisioned.beside(config)
        return settings_of(everything, config.control.listen, time.time() - time.monotonic())

    def _site_changed(self, name: str, site: LispSite | None, effects: list[Effect]) -> None:
        """One site of the database is another than before."""
        self._datapath.forget()
        self._shell.carry_out(effects)
        self._view.site_states.put(name, site)
        self._alt.sites_changed()

    async def _take_over(self, config: Config) -> None:
        """Prepare everything that can fail, then swap. Raises StartError, nothing changed."""
        async with self._provisioned.turn:
            if faults := self._provisioned.collisions(config):  # with one that came meanwhile
                raise StartError(str(faults[0]))
            await self._swap(config)

    async def _swap(self, config: Config) -> None:
        old = self._config
        for key, before, after in (
            ("state", old.state, config.state),
            ("engine", old.engine, config.engine),
            (
                "control.receive-buffer",
                old.control.receive_buffer_octets,
                config.control.receive_buffer_octets,
            ),
        ):
            if before != after:
                raise StartError(f"{key} changes with a restart only")
        settings = self._settings(config)
        if config.http is not None:
            require_usable(config.http)
        # The same port at another address is still held by the process that is to end.
        if config.http is not None and (
            old.http is None or old.http.listen.port != config.http.listen.port
        ):
            require_free_tcp(config.http.listen, "http.listen", self._source)
        self._listen(config)
        try:
            await self._alt.reconfigure(config)
        except StartError:
            self._listen(old)
            raise
        effects = self._engine.reconfigure(settings, time.monotonic())
        self._datapath.forget()
        self._shell.carry_out(effects)
        self._alt.sites_changed()
        self._config = config
        self._provisioned.use(config)
        self._view.use(config)
        for line in changes(old, config):
            self._log.info(Event.RELOAD_CHANGE, change=line)
        self._view.condition.last_reload_at = time.time()
        self._view.condition.reloads += 1
        self._view.events.note(EventKind.RELOADED)
        self._view.condition.reload_refused = None
        self._view.condition.dropped_by_reload = dropped = sum(
            isinstance(effect, Expired) for effect in effects
        )
        self._log.info(Event.RELOADED, dropped=dropped)
        renews = config.http is not None and config.http.tls is not None
        if config.http != old.http or renews:  # a certificate may be new under the same name
            await self._http.stop()
            self._http = self._http_process(config)
            self._http.start()
        if (config.poller is None) is not (old.poller is None):
            if self._poller is not None:
                await self._poller.stop()
            self._poller = self._poller_process(config)
            if self._poller is not None:
                self._poller.start()


class _Orders:
    """Orders about the daemon's own life (``query_life.Living``)."""

    def __init__(self, reloads: Reloads, ending: Ending, log: Logger) -> None:
        self._reloads = reloads
        self._ending = ending
        self._log = log

    async def reload(self, order: ReloadOrder) -> ReloadRow:
        """Reload, or decide about what is on trial. Raises LifeDeclined."""
        return await self._reloads.carry_out(order)

    def stop(self, order: StopOrder) -> StopRow:
        """End, as an operator wants it."""
        self._log.info(Event.STOP_ORDER, by=order.by)
        return StopRow(self._ending.ask(order.lameduck_seconds))
