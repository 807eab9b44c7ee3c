"""From a configuration to a running node: what is opened around the loop, and closed after it.

State folder and journal, the ALT's privileges, the sites of the database, and a
recording where one is wanted.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from alt.helper_client import TunnelHelper
from mapsys.config.model import Config, MapServerConfig
from mapsys.config_source import ConfigSource
from mapsys.core.effects import Endpoint
from mapsys.daemon import Daemon
from mapsys.daemon_alt import tunnel_helper
from mapsys.daemon_front import Front
from mapsys.daemon_reload import configuration_at_start
from mapsys.engine_choice import EngineChoice, choose, new_datapath, new_store
from mapsys.held_configuration import Mark
from mapsys.net.inherited import inherited_sockets
from mapsys.net.journal import Journal
from mapsys.net.log import Event, Logger, open_log
from mapsys.net.loop import run as run_on_loop
from mapsys.net.process_guard import guard_memory
from mapsys.net.recorder import Recorder
from mapsys.net.shell import Record
from mapsys.provision.sites import ProvisionedSites, provisioned_sites
from mapsys.start_error import StartError
from mapsys.store import Store


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
        if journal.mended is not None:
            log.warning(Event.STATE_MENDED, finding=journal.mended)
        with _recording(record, log) as note:
            run_on_loop(
                _serve(
                    source,
                    config,
                    journal,
                    log,
                    choice=choice,
                    provisioned=provisioned,
                    record=note,
                    helper=helper,
                    inherited=inherited,
                    mark=mark,
                )
            )


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
    log: Logger,
    *,
    choice: EngineChoice,
    provisioned: ProvisionedSites,
    record: Record | None,
    helper: TunnelHelper | None,
    inherited: Mapping[Endpoint, socket.socket],
    mark: Mark | None,
) -> None:
    store = new_store(choice)
    datapath = new_datapath(
        choice,
        store,
        receive_buffer_octets=config.control.receive_buffer_octets,
        inherited=inherited,
    )
    front = Front(source, config, datapath, log)
    try:
        await front.open()
        await _load(journal, store, log)
        daemon = Daemon(
            source,
            config,
            journal,
            store,
            log,
            choice=choice,
            provisioned=provisioned,
            front=front,
            record=record,
            helper=helper,
        )
    except BaseException:  # being told to end, too, leaves nothing open
        await front.close()
        raise
    try:
        await daemon.start(mark)
        await daemon.until_told_to_stop()
    finally:
        await daemon.stop()


async def _load(journal: Journal, store: Store, log: Logger) -> None:
    """Read what was registered, while HTTP has its turns."""
    for _ in journal.loading(store):
        await asyncio.sleep(0)
    for finding in journal.findings:
        log.error(Event.STATE_DAMAGED, finding=finding)
    _settle_collector()
