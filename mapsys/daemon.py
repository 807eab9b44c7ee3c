"""The composition root: puts the parts together, keeps them running, takes them apart in order.

State folder -> store -> core -> sockets -> loop -> children; a reload swaps the
configuration under them, and drops nothing.
"""

from __future__ import annotations

import asyncio
import gc
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from alt.helper_client import TunnelHelper
from mapsys import query
from mapsys.banner import banner
from mapsys.config.diff import changes
from mapsys.config.faults import ConfigError
from mapsys.config.model import Config, MapServerConfig
from mapsys.config_source import ConfigSource
from mapsys.core.effects import Expired
from mapsys.core.engine import Engine, Settings
from mapsys.core_setup import settings_of
from mapsys.daemon_alt import DaemonAlt, tunnel_helper
from mapsys.daemon_view import DaemonView, small_buffer
from mapsys.datapath.pure import PureDatapath
from mapsys.http_access import hand_over, require_usable
from mapsys.net.audit import AuditTrail
from mapsys.net.children import Child
from mapsys.net.commit_queue import CommitQueue
from mapsys.net.effect_log import EffectLog
from mapsys.net.journal import Journal
from mapsys.net.journal_files import JournalError
from mapsys.net.log import Event, Logger, open_log
from mapsys.net.log_limit import LogLimit
from mapsys.net.loop import run as run_on_loop
from mapsys.net.loop_lag import LoopLag
from mapsys.net.notify_socket import NotifySocket, watchdog_interval_seconds
from mapsys.net.recorder import Recorder
from mapsys.net.shell import Record, Shell
from mapsys.nonce_orders import NonceOrders
from mapsys.query_events_rows import EventKind
from mapsys.start_error import StartError, cannot_listen, require_free_tcp
from mapsys.store_pure import PureStore

TICK_SECONDS: Final = 1.0
"""Between looks at what nothing else wakes the daemon for: held-back log lines, the watchdog."""


def run(source: ConfigSource, record: Path | None = None) -> None:
    """Serve until SIGTERM or SIGINT.

    record: a new file for every control message received; None writes none down.
    Raises ConfigError, StartError or JournalError where it cannot start.
    """
    config = source.load()
    log = open_log()
    for warning in config.warnings:
        log.warning(Event.CONFIG_WARNING, warning=str(warning))
    # First of all, while there is no thread yet that could keep a capability.
    with tunnel_helper(config) as helper, _journal(config) as journal:
        store = PureStore()
        journal.load_into(store)
        for finding in journal.findings:
            log.error(Event.STATE_DAMAGED, finding=finding)
        _settle_collector()
        with _recording(record, log) as note:
            run_on_loop(_serve(source, config, journal, store, log, record=note, helper=helper))


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
    store: PureStore,
    log: Logger,
    *,
    record: Record | None,
    helper: TunnelHelper | None,
) -> None:
    daemon = Daemon(source, config, journal, store, log, record=record, helper=helper)
    try:
        await daemon.start()
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
        store: PureStore,
        log: Logger,
        *,
        record: Record | None = None,
        helper: TunnelHelper | None = None,
    ) -> None:
        self._source = source
        self._config = config
        self._store = store
        self._log = log
        self._notify = NotifySocket()
        self._restored = len(store)
        self._alt = DaemonAlt(config, helper, log, load=source.load, take_over=self._take_over)
        self._engine = Engine(
            store,
            _settings(config),
            lambda: secrets.randbits(64),
            has_alt=self._alt.has_alt,
            also_known=[self._alt],
            may_deny=self._alt.may_deny,
        )
        self._datapath = PureDatapath(
            store, receive_buffer_octets=config.control.receive_buffer_octets
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
            nonce_orders=NonceOrders(
                self._engine, AuditTrail(config.state), log, lambda: self._shell.carry_out(())
            ),
        )
        self._view.use(config)
        self._view.histograms |= {
            "map_request_duration_seconds": self._shell.request_seconds,
            "journal_commit_duration_seconds": self._commits.seconds,
            "event_loop_lag_seconds": self._lag.seconds,
        }
        self._query: query.QueryServer | None = None
        self._stop = asyncio.Event()
        self._reload = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    # Life

    async def start(self) -> None:
        """Open everything and serve. Raises StartError."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload.set)
        self._shell.subscribe(self._view.ledger.observe)
        self._shell.subscribe(self._view.site_states.observe)
        self._shell.subscribe(self._view.events.observe)
        self._shell.subscribe(self._effect_log.observe)
        self._listen(self._config)
        if self._config.http is not None:
            require_usable(self._config.http)
            require_free_tcp(self._config.http.listen, "http.listen", self._source)
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
        self._tasks = [asyncio.create_task(self._tick()), asyncio.create_task(self._reloads())]
        self._tell_ready()

    async def until_told_to_stop(self) -> None:
        """Wait for SIGTERM or SIGINT."""
        await self._stop.wait()

    async def stop(self) -> None:
        """Read no more, commit what there is, send what waited for it, end the children."""
        served, self._view.condition.serving = self._view.condition.serving, False
        if served:
            self._log.info(Event.STOPPING)
            self._notify.stopping()
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
        while True:
            await asyncio.sleep(interval)
            self._effect_log.flush(time.monotonic())
            self._notify.alive(self._summary())

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
        self._log.info(Event.READY, sites=len(self._engine.sites), restored=self._restored)
        self._notify.ready(self._summary())
        if not self._notify.is_used:
            terminal = sys.stdout.isatty()
            told = banner(
                self._config, self._datapath.listening(), self._restored, terminal=terminal
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

    async def _reloads(self) -> None:
        while True:
            await self._reload.wait()
            self._reload.clear()
            self._notify.reloading()
            try:
                if self._alt.turn.locked():
                    raise StartError("an operation of the ALT is under way; reload afterwards")
                async with self._alt.turn:
                    # Reading thousands of sites takes a while; datagrams do not wait for it.
                    config = await asyncio.to_thread(self._source.load)
                    await self._take_over(config)
            except ConfigError as error:
                for fault in error.faults:
                    self._log.error(Event.CONFIG_FAULT, fault=str(fault))
                self._refuse_reload(f"{self._source.path} has {len(error.faults)} faults")
            except StartError as error:
                self._refuse_reload(str(error))
            except Exception:
                # A bug; the node goes on, and listens to the next SIGHUP.
                self._log.exception(Event.FAULT, during="reload")
                self._refuse_reload("a fault in this program; see the log")
            self._notify.ready(self._summary())

    async def _take_over(self, config: Config) -> None:
        """Prepare everything that can fail, then swap. Raises StartError, nothing changed."""
        old = self._config
        for key, before, after in (
            ("state", old.state, config.state),
            (
                "control.receive-buffer",
                old.control.receive_buffer_octets,
                config.control.receive_buffer_octets,
            ),
        ):
            if before != after:
                raise StartError(f"{key} changes with a restart only")
        settings = _settings(config)
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
        self._view.use(config)
        for line in changes(old, config):
            self._log.info(Event.RELOAD_CHANGE, change=line)
        self._view.condition.last_reload_at = time.time()
        self._view.condition.reloads += 1
        self._view.events.note(EventKind.RELOADED)
        self._view.condition.reload_refused = None
        dropped = sum(isinstance(effect, Expired) for effect in effects)
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

    def _refuse_reload(self, why: str) -> None:
        self._view.condition.failed_reloads += 1
        self._view.events.note(EventKind.RELOAD_REFUSED, detail=why)
        self._view.condition.reload_refused = why
        self._log.error(Event.RELOAD_REFUSED, why=why)


def _settings(config: Config) -> Settings:
    return settings_of(config, config.control.listen, time.time() - time.monotonic())
