"""The daemon as its status interface sees it (``query_pages.QuerySource``)."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

import mapsys
from mapsys.config.dump import dump, shown
from mapsys.config.model import Config, PollerConfig
from mapsys.core.effects import Endpoint
from mapsys.core.engine import Engine
from mapsys.core.explain import Explanation
from mapsys.core.history import Numbered
from mapsys.core.key_uses import KeyUses
from mapsys.core.resolution import Resolution
from mapsys.core.site import SiteTable
from mapsys.daemon_alt import DaemonAlt
from mapsys.daemon_fleet import DaemonFleet
from mapsys.datapath.contract import Datapath
from mapsys.datapath.counters import counter_name
from mapsys.eid import EidPrefix, Family
from mapsys.engine_choice import EngineChoice
from mapsys.event_ring import EventRing
from mapsys.histogram import Histogram
from mapsys.host_review import host_findings
from mapsys.net.capabilities import effective_capabilities
from mapsys.net.journal_files import CHANGES_NAME
from mapsys.net.shell import Shell
from mapsys.nonce_orders import NonceOrders
from mapsys.provision.sites import ProvisionedSites
from mapsys.query_alt import AltSource
from mapsys.query_config_rows import WARNINGS_LIMIT, ConfigRow
from mapsys.query_keys_rows import ForgetNonce, NonceForgotten
from mapsys.query_ledger import SiteLedger
from mapsys.query_life import Living
from mapsys.query_life_rows import ReloadOrder, ReloadRow, StopOrder, StopRow
from mapsys.query_measures import histogram_row, samples
from mapsys.query_measures_rows import MeasuresRow, PollerRow, SampleRow
from mapsys.query_review_rows import FindingRow
from mapsys.query_rows import ListenRow, StatusRow
from mapsys.review_rows import finding_rows
from mapsys.site_states import SiteStates
from mapsys.store import Store

LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Where to ask a socket that is bound to every address."""

ROLES = {"map_server": "map-server", "map_resolver": "map-resolver", "alt": "alt"}


def roles_of(config: Config) -> list[str]:
    """The roles whose sections are present, by their names in the configuration."""
    return [name for section, name in ROLES.items() if getattr(config, section)]


@dataclass
class Condition:
    """How the daemon is doing, as far as no other part knows it.

    reload_refused: why the last reload was refused; None after one that was not.
    journal_problem: why the journal does not write; None while it does.
    unconfirmed_until: when the configuration is taken back, in Unix time. rolled_back:
    that has taken place. dropped_by_reload: registrations, by the last one.
    serves_until: when it ends, where it was told to.
    """

    started_at: float = field(default_factory=time.time)
    last_reload_at: float = field(default_factory=time.time)
    reloads: int = 0
    failed_reloads: int = 0
    reload_refused: str | None = None
    unconfirmed_until: float | None = None
    rolled_back: bool = False
    dropped_by_reload: int = 0
    serves_until: float | None = None
    journal_problem: str | None = None
    serving: bool = False


class DaemonView:
    """Answers the query socket's questions from the running parts."""

    life: Living
    """Carries out orders about the daemon's own life; given once there is one."""

    def __init__(
        self,
        store: Store,
        engine: Engine,
        datapath: Datapath,
        shell: Shell,
        children_away: Callable[[], list[str]],
        *,
        alt: DaemonAlt,
        choice: EngineChoice,
        nonce_orders: NonceOrders,
        provisioned: ProvisionedSites,
        fleet: DaemonFleet,
    ) -> None:
        """children_away: names of the child processes that should run and do not."""
        self.store = store
        self.ledger = SiteLedger()
        self.site_states = SiteStates(store)
        self.events = EventRing()
        self.condition = Condition()
        self.histograms: dict[str, Histogram] = {}
        """What is measured, by the names of metric families without their prefix."""
        self._engine = engine
        self._datapath = datapath
        self._shell = shell
        self._children_away = children_away
        self._alt = alt
        self._fleet = fleet
        self._choice = choice
        self._nonce_orders = nonce_orders
        self.provisioned = provisioned

    def use(self, config: Config) -> None:
        """The configuration now in effect."""
        self._config = config
        self._config_hash = hashlib.sha256(dump(config).encode()).hexdigest()[:16]
        self.site_states.replace(self._engine.sites)

    @property
    def alt(self) -> AltSource | None:
        """The ALT node, where there is one."""
        return self._alt.source

    @property
    def sites(self) -> SiteTable:
        """The configured sites."""
        return self._engine.sites

    def clocks(self) -> tuple[float, float]:
        """The core's clock and Unix time, read together."""
        return time.monotonic(), time.time()

    def is_stale(self, eid: EidPrefix) -> bool:
        """Whether it is served past its lifetime, since a fleet's engine cannot be asked."""
        return self._fleet.is_stale(eid)

    def resolve(self, eid: EidPrefix) -> Resolution:
        """What a Map-Request for the EID would be answered, and why."""
        return self._engine.resolve(eid)

    def explain(self, eid: EidPrefix) -> Explanation:
        """The same with all that led to it."""
        return self._engine.explain(eid, time.monotonic())

    def history(self, eid: EidPrefix, before: int | None = None) -> list[Numbered]:
        """What is remembered of an EID, newest first."""
        return self._engine.history(eid, time.monotonic(), before)

    @property
    def key_uses(self) -> KeyUses:
        """When each key was used last."""
        return self._engine.key_uses

    async def forget_nonce(self, order: ForgetNonce) -> NonceForgotten:
        """Let an xTR start again; see ``query_keys``."""
        return await self._nonce_orders.forget(order)

    def counters(self) -> dict[str, int]:
        """Totals since the start."""
        over = self._engine.budgets_refused()
        return {
            **self._shell.totals(),
            **{counter_name("over_budget", name): times for name, times in over.items()},
        }

    def measures(self) -> MeasuresRow:
        """Histograms and gauges."""
        active = {family_name(family): self.store.held(family) for family in Family}
        return MeasuresRow(
            histograms={name: histogram_row(one) for name, one in self.histograms.items()},
            gauges={
                "registrations_active": samples(active),
                "more_specifics": [SampleRow([], self._engine.more_specifics)],
                "more_specifics_record_bytes": [SampleRow([], self._engine.more_specifics_octets)],
                "sites": samples({one.value: n for one, n in self.site_states.counts().items()}),
                **self._fleet.gauges(),
            },
            reloads=self.condition.reloads,
            per_site=self._config.metrics.per_site,
            polled=self._config.poller is not None,
        )

    def configuration(self) -> ConfigRow:
        """What the node is told, its sites apart."""
        settings = msgspec.json.encode(shown(self._config))
        warnings = [str(one) for one in self._config.warnings[:WARNINGS_LIMIT]]
        return ConfigRow(self._config_hash, len(self._engine.sites), settings, warnings)

    def review(self) -> list[FindingRow]:
        """What the review finds, the gravest first."""
        granted = (each.receive_buffer_octets for each in self._datapath.listening())
        of_host = host_findings(self._config.control.receive_buffer_octets, granted)
        return finding_rows([*self._config.findings, *of_host], time.time())

    async def reload(self, order: ReloadOrder) -> ReloadRow:
        """Reload, or decide about what is on trial; see ``query_life``."""
        return await self.life.reload(order)

    def stop(self, order: StopOrder) -> StopRow:
        """End."""
        return self.life.stop(order)

    def poller(self) -> PollerRow | None:
        """What the poller is to do; None where there is none."""
        poller = self._config.poller
        if poller is None:
            return None
        server = self._config.map_server
        return PollerRow(
            map_resolvers=[(one.host, one.port) for one in self._polled(poller)],
            eids=[eid.pack() for eid in poller.eids] or None,
            interval_seconds=poller.interval_seconds,
            timeout_seconds=poller.timeout_seconds,
            slow_milliseconds=poller.slow_milliseconds,
            keep_dumps=poller.keep_dumps,
            petr=[] if server is None else [one.address for one in server.petr],
        )

    def _polled(self, poller: PollerConfig) -> tuple[Endpoint, ...]:
        """Whom to ask: those named, else this node at the first address it listens at."""
        if poller.map_resolvers:
            return poller.map_resolvers
        host, port = self._datapath.listening()[0].address
        return (Endpoint(LOOPBACK.get(host, host), port),)

    def status(self) -> StatusRow:
        """The daemon as a whole."""
        asked = self._config.control.receive_buffer_octets
        return StatusRow(
            node=self._config.node,
            version=mapsys.__version__,
            engine=self._choice.engine,
            engine_reason=self._choice.reason,
            started_at=self.condition.started_at,
            roles=roles_of(self._config),
            listen=[
                ListenRow(
                    host=each.address.host,
                    port=each.address.port,
                    receive_buffer_asked_octets=asked,
                    receive_buffer_granted_octets=each.receive_buffer_octets,
                    drops=each.queue_drops,
                )
                for each in self._datapath.listening()
            ],
            sites=len(self._engine.sites),
            registrations=len(self.store),
            journal_writing=self.condition.journal_problem is None,
            config_hash=self._config_hash,
            last_reload_at=self.condition.last_reload_at,
            failed_reloads=self.condition.failed_reloads,
            not_ready=self._not_ready(),
            degraded=self._degraded(asked),
            capabilities=effective_capabilities(),
            unconfirmed_seconds=_seconds_until(self.condition.unconfirmed_until),
            fleet=self._fleet.row(),
        )

    def _not_ready(self) -> list[str]:
        problems = []
        if (left := _seconds_until(self.condition.serves_until)) is not None:
            problems.append(f"shutting down: it was told to end, and answers for {left} s more")
        elif not self.condition.serving:
            problems.append("the daemon is starting or stopping")
        if not self._datapath.listening():
            problems.append("sockets unbound: no control address is open")
        journal = self._config.state / CHANGES_NAME
        if not os.access(journal, os.R_OK):
            problems.append(f"journal unreadable: {journal} is gone, or not to be read")
        return problems

    def _degraded(self, asked: int) -> list[str]:
        problems = []
        if self.condition.journal_problem is not None:
            problems.append(
                f"registrations are refused: the journal does not write"
                f" ({self.condition.journal_problem})"
            )
        if self.condition.reload_refused is not None:
            problems.append(f"the last reload was refused: {self.condition.reload_refused}")
        if (left := _seconds_until(self.condition.unconfirmed_until)) is not None:
            problems.append(f"the configuration is not confirmed, and rolls back in {left} s")
        if self.condition.rolled_back:
            problems.append(
                "the configuration file is not in force: nobody confirmed it, so that from"
                " before is; mend it and reload"
            )
        problems += [f"the {name} process is not running" for name in self._children_away()]
        problems += self._alt.problems()
        problems += self._fleet.problems()
        granted = min(
            (each.receive_buffer_octets for each in self._datapath.listening()), default=asked
        )
        if granted < asked:
            problems.append(small_buffer(granted, asked))
        return problems


def _seconds_until(unix_time: float | None) -> int | None:
    return None if unix_time is None else max(0, round(unix_time - time.time()))


def family_name(family: Family) -> str:
    """``ipv4``, ``multicast-ipv6`` and so on."""
    return family.name.lower().replace("_", "-")


def small_buffer(granted: int, asked: int) -> str:
    """What to say where the system grants less than was asked for."""
    return (
        f"the receive buffer is {granted} octets, of {asked} asked for;"
        f" raise it by: sysctl -w net.core.rmem_max={asked}"
    )
