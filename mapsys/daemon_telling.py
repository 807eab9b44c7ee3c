"""What the daemon tells of itself unasked: that it is ready, and from time to time how it goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from mapsys.banner import banner
from mapsys.config.model import Config
from mapsys.config_source import ConfigSource
from mapsys.core.engine import Engine
from mapsys.daemon_view import small_buffer
from mapsys.datapath.contract import Datapath
from mapsys.datapath.counters import split_name
from mapsys.engine_choice import EngineChoice
from mapsys.net.log import Event, Logger
from mapsys.net.notify_socket import NotifySocket
from mapsys.store import Store


class Telling:
    """To the log, the service manager, and the terminal where there is one."""

    def __init__(
        self,
        *,
        source: ConfigSource,
        choice: EngineChoice,
        engine: Engine,
        store: Store,
        datapath: Datapath,
        notify: NotifySocket,
        log: Logger,
        totals: Callable[[], dict[str, int]],
    ) -> None:
        """totals: counters since the start, by their whole names."""
        self._source = source
        self._choice = choice
        self._engine = engine
        self._store = store
        self._datapath = datapath
        self._notify = notify
        self._log = log
        self._totals = totals
        self._restored = len(store)

    def summary(self) -> str:
        """How much there is, in a few words."""
        return f"{len(self._engine.sites)} sites, {len(self._store)} registrations"

    def log_summary(self) -> None:
        """A line of the log that says how it goes."""
        totals: Counter[str] = Counter()
        for name, times in self._totals().items():
            totals[split_name(name)[0]] += times
        self._log.info(
            Event.SUMMARY,
            sites=len(self._engine.sites),
            registrations=len(self._store),
            received=totals["received"],
            refused=totals["dropped"] + totals["refused"],
        )

    def ready(self, config: Config) -> None:
        """It serves; where, with which engine, and what was restored."""
        granted = []
        for each in self._datapath.listening():
            self._log.info(
                Event.LISTENING,
                address=str(each.address),
                receive_buffer_octets=each.receive_buffer_octets,
            )
            granted.append(each.receive_buffer_octets)
        asked = config.control.receive_buffer_octets
        if min(granted) < asked:
            self._log.warning(Event.RECEIVE_BUFFER_SMALL, problem=small_buffer(min(granted), asked))
        self._log.info(
            Event.READY,
            sites=len(self._engine.sites),
            restored=self._restored,
            engine=self._choice.engine,
            engine_reason=self._choice.reason,
        )
        self._notify.ready(self.summary())
        if not self._notify.is_used:
            told = banner(
                config,
                self._choice,
                self._datapath.listening(),
                self._restored,
                self._source.path,
            )
            print(told, flush=True)
