"""The configuration in force, and how another one, or a site of the database, takes its place."""

from __future__ import annotations

import time

from mapsys.config.diff import changes
from mapsys.config.model import Config
from mapsys.config_source import ConfigSource
from mapsys.core.effects import Effect, Expired
from mapsys.core.engine import Engine
from mapsys.core.settings import Settings
from mapsys.core.site import LispSite
from mapsys.core_setup import settings_of
from mapsys.daemon_alt import DaemonAlt
from mapsys.daemon_children import Children
from mapsys.daemon_view import DaemonView
from mapsys.datapath.contract import Datapath
from mapsys.hooks.hand_over import require_usable_hooks
from mapsys.http_access import require_usable
from mapsys.net.log import Event, Logger
from mapsys.net.shell import Shell
from mapsys.provision.sites import ProvisionedSites
from mapsys.query_events_rows import EventKind
from mapsys.start_error import StartError, cannot_listen, require_free_tcp


def settings_with(config: Config, provisioned: ProvisionedSites) -> Settings:
    """What files and database say together, for the core."""
    everything = provisioned.beside(config)
    return settings_of(everything, config.control.listen, time.time() - time.monotonic())


def load_beside(source: ConfigSource, provisioned: ProvisionedSites) -> Config:
    """The files as they are now. Raises ConfigError, also where the database holds the same."""
    config = source.load()
    provisioned.refuse_collisions(config)
    return config


class Configuration:
    """Puts it in force, everywhere or nowhere. current: the one that is."""

    def __init__(
        self,
        config: Config,
        source: ConfigSource,
        log: Logger,
        *,
        provisioned: ProvisionedSites,
        engine: Engine,
        datapath: Datapath,
        shell: Shell,
        alt: DaemonAlt,
        view: DaemonView,
        children: Children,
    ) -> None:
        self.current = config
        self._source = source
        self._log = log
        self._provisioned = provisioned
        self._engine = engine
        self._datapath = datapath
        self._shell = shell
        self._alt = alt
        self._view = view
        self._children = children

    def listen(self, config: Config) -> None:
        """Have the sockets that a configuration asks for. Raises StartError."""
        try:
            self._shell.listen(config.control.listen)
        except OSError as error:
            raise cannot_listen(error, "udp", "control.listen", self._source) from error

    def site_changed(self, name: str, site: LispSite | None, effects: list[Effect]) -> None:
        """One site of the database is another than before."""
        self._datapath.forget()
        self._shell.carry_out(effects)
        self._view.site_states.put(name, site)
        if site is None:
            self._view.ledger.forget(name)
        self._alt.site_changed(name, site)

    async def take_over(self, config: Config) -> None:
        """Prepare everything that can fail, then swap. Raises StartError, nothing changed."""
        async with self._provisioned.turn:
            if faults := self._provisioned.collisions(config):  # with one that came meanwhile
                raise StartError(str(faults[0]))
            await self._swap(config)

    async def _swap(self, config: Config) -> None:
        old = self.current
        for key, before, after in (
            ("state", old.state, config.state),
            ("engine", old.engine, config.engine),
            ("fleet", old.fleet, config.fleet),
            (
                "control.receive-buffer",
                old.control.receive_buffer_octets,
                config.control.receive_buffer_octets,
            ),
        ):
            if before != after:
                raise StartError(f"{key} changes with a restart only")
        settings = settings_with(config, self._provisioned)
        require_usable_hooks(config.hooks)
        if config.http is not None:
            require_usable(config.http)
        # The same port at another address is still held by the process that is to end.
        if config.http is not None and (
            old.http is None or old.http.listen.port != config.http.listen.port
        ):
            require_free_tcp(config.http.listen, "http.listen", self._source)
        self.listen(config)
        try:
            await self._alt.reconfigure(config)
        except StartError:
            self.listen(old)
            raise
        effects = self._engine.reconfigure(settings, time.monotonic())
        self._datapath.forget()
        self._shell.carry_out(effects)
        self._alt.sites_changed()
        self.current = config
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
        await self._children.reconfigure(old, config)
