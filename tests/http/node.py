"""A Map-Server and Map-Resolver to ask: real engine, store and query server in a thread.

It answers UDP on a loopback port of its own, so that ``lig`` and ``register``
can talk to it as to a daemon.
"""

from __future__ import annotations

import asyncio
import io
import secrets
import socket
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from mapsys.config.model import Config, Control, MapServerConfig
from mapsys.core.effects import Datagram, Effect, Endpoint, Send
from mapsys.core.engine import Engine
from mapsys.core.explain import Explanation
from mapsys.core.history import Numbered
from mapsys.core.key_uses import KeyUses
from mapsys.core.limiter import Limits
from mapsys.core.resolution import Resolution
from mapsys.core.settings import Settings
from mapsys.core.site import EidRule, LispSite, SiteKey, SiteTable
from mapsys.daemon_view import family_name
from mapsys.datapath.counters import Counters
from mapsys.eid import EidPrefix, Family
from mapsys.event_ring import EventRing
from mapsys.net.audit import AuditTrail
from mapsys.net.log import open_log
from mapsys.nonce_orders import NonceOrders
from mapsys.provision.database import SiteDatabase
from mapsys.provision.sites import ProvisionedSites
from mapsys.query import SOCKET_NAME, QueryServer, QuerySource, serve
from mapsys.query_alt import AltSource
from mapsys.query_config_rows import ConfigRow
from mapsys.query_fleet_rows import FleetRow
from mapsys.query_keys_rows import ForgetNonce, NonceForgotten
from mapsys.query_ledger import SiteLedger
from mapsys.query_life import LifeDeclined
from mapsys.query_life_rows import ReloadAction, ReloadOrder, ReloadRow, StopOrder, StopRow
from mapsys.query_measures_rows import HistogramRow, MeasuresRow, PollerRow, SampleRow
from mapsys.query_review_rows import FindingRow
from mapsys.query_rows import ListenRow, StatusRow
from mapsys.site_states import SiteStates
from mapsys.store_pure import PureStore
from mapsys.wire.auth import Key

SECRET = b"the secret of site one"
SITE_ONE = LispSite(
    "site-one",
    (SiteKey(1, frozenset({1, 2, 3}), Key(SECRET)),),
    (
        EidRule(EidPrefix.parse("198.18.1.0/24"), accept_more_specifics=True),
        EidRule(EidPrefix.parse("[100]2001:db8:e001::/48"), accept_more_specifics=True),
        EidRule(EidPrefix.parse('"printer"')),
        EidRule(EidPrefix.parse("02:00:00:00:00:01")),
    ),
    notify_to_source=True,
)
SITE_TWO = LispSite(
    "site-two",
    (SiteKey(1, frozenset({2}), Key(b"the secret of site two")),),
    (EidRule(EidPrefix.parse("198.18.2.0/24")),),
    notify_to_source=True,
)
CONFIG = Config("ms1.example", Path("/state"), Control(()), map_server=MapServerConfig())
AUTHORITY = (EidPrefix.parse("198.18.0.0/21"), EidPrefix.parse("[100]2001:db8:e000::/40"))


class Node:
    """Implements ``QuerySource``; a context manager that leaves nothing behind."""

    def __init__(self, state: Path, sites: Sequence[LispSite] = (SITE_ONE, SITE_TWO)) -> None:
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", 0))
        self._udp.setblocking(False)
        self.endpoint = Endpoint(*self._udp.getsockname())
        self.state = state
        self.store = PureStore()
        self.ledger = SiteLedger()
        self.site_states = SiteStates(self.store)
        self.events = EventRing()
        self.alt: AltSource | None = None
        self.per_site = False
        self.poller_row: PollerRow | None = None
        self.fleet_row: FleetRow | None = None
        self.stale: set[EidPrefix] = set()
        self.started_at = time.time()
        self.not_ready: list[str] = []
        self.unconfirmed_seconds: int | None = None
        self.findings: list[FindingRow] = []
        self._counters = Counters()
        settings = Settings(
            sites=tuple(sites),
            local=(self.endpoint,),
            authority=AUTHORITY,
            limits=Limits.off(),
            wall_offset=time.time() - time.monotonic(),
        )
        self.engine = Engine(self.store, settings, lambda: secrets.randbits(64))
        self.site_states.replace(self.engine.sites)
        self._nonce_orders = NonceOrders(
            self.engine, AuditTrail(state), open_log(io.StringIO()), lambda: None
        )
        log = open_log(io.StringIO())
        self.provisioned = ProvisionedSites(SiteDatabase(state), AuditTrail(state), log)
        self.provisioned.attach(self.engine, self._site_changed)
        self.provisioned.use(CONFIG)
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._up = threading.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._run()))

    @property
    def sites(self) -> SiteTable:
        return self.engine.sites

    def clocks(self) -> tuple[float, float]:
        return time.monotonic(), time.time()

    def is_stale(self, eid: EidPrefix) -> bool:
        return eid in self.stale

    def _site_changed(self, name: str, site: LispSite | None, _effects: list[Effect]) -> None:
        self.site_states.put(name, site)
        if site is None:
            self.ledger.forget(name)

    def resolve(self, eid: EidPrefix) -> Resolution:
        return self.engine.resolve(eid)

    def explain(self, eid: EidPrefix) -> Explanation:
        return self.engine.explain(eid, time.monotonic())

    def history(self, eid: EidPrefix, before: int | None = None) -> list[Numbered]:
        return self.engine.history(eid, time.monotonic(), before)

    @property
    def key_uses(self) -> KeyUses:
        return self.engine.key_uses

    async def forget_nonce(self, order: ForgetNonce) -> NonceForgotten:
        return await self._nonce_orders.forget(order)

    def counters(self) -> dict[str, int]:
        return self._counters.totals()

    def measures(self) -> MeasuresRow:
        counts = self.site_states.counts()
        return MeasuresRow(
            histograms={
                "map_request_duration_seconds": HistogramRow([0.001, 0.01], [7, 2, 1], 0.25)
            },
            gauges={
                "registrations_active": [
                    SampleRow([family_name(family)], self.store.held(family)) for family in Family
                ],
                "sites": [SampleRow([state.value], n) for state, n in counts.items()],
            },
            reloads=3,
            per_site=self.per_site,
            polled=self.poller_row is not None,
        )

    def configuration(self) -> ConfigRow:
        return ConfigRow("0123abcd", len(self.sites), b'{"node":"ms1.example"}', [])

    def review(self) -> list[FindingRow]:
        return self.findings

    async def reload(self, order: ReloadOrder) -> ReloadRow:
        if order.action is not ReloadAction.RELOAD:
            raise LifeDeclined("nothing-unconfirmed", "no configuration waits to be confirmed")
        return ReloadRow("dry-run" if order.dry_run else "reloaded")

    def stop(self, order: StopOrder) -> StopRow:
        return StopRow(order.lameduck_seconds or 0)

    def poller(self) -> PollerRow | None:
        return self.poller_row

    def status(self) -> StatusRow:
        return StatusRow(
            node="ms1.example",
            version="0.1.0",
            engine="pure",
            engine_reason="the configuration asks for it",
            started_at=self.started_at,
            roles=["map-server", "map-resolver", *(["alt"] if self.alt else [])],
            listen=[ListenRow(*self.endpoint, 8_388_608, 425_984, 0)],
            sites=len(self.sites),
            registrations=len(self.store),
            journal_writing=True,
            config_hash="0123abcd",
            last_reload_at=self.started_at,
            failed_reloads=2,
            not_ready=self.not_ready,
            degraded=[],
            capabilities=[],
            unconfirmed_seconds=self.unconfirmed_seconds,
            fleet=self.fleet_row,
        )

    def receive(self, data: bytes, source: Endpoint) -> list[Effect]:
        """One datagram into the engine, on the caller's thread; for use before ``with``."""
        now = time.monotonic()
        effects = self.engine.handle(Datagram(data, source, self.endpoint), now)
        self.ledger.observe(effects, now)
        self.site_states.observe(effects, now)
        self.events.observe(effects, now)
        self._counters.fold(effects)
        return effects

    def on_its_thread(self, work: Callable[[], object]) -> None:
        """Do something between two turns of the running node's loop, and wait until it is done."""
        done = threading.Event()

        def do() -> None:
            work()
            done.set()

        self._loop.call_soon_threadsafe(do)
        assert done.wait(20), "the node is stuck"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._up.wait(20), "the node did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)
        self._udp.close()
        self.provisioned.close()
        self._loop.close()

    async def _run(self) -> None:
        server: QueryServer = await serve(self.state / SOCKET_NAME, self._source())
        self._loop.add_reader(self._udp, self._readable)
        self._up.set()
        await self._stop.wait()
        self._loop.remove_reader(self._udp)
        await server.close()

    def _source(self) -> QuerySource | None:
        return self

    def _readable(self) -> None:
        data, address = self._udp.recvfrom(65_535)
        for effect in self.receive(data, Endpoint(*address)):
            if isinstance(effect, Send):
                self._udp.sendto(effect.data, effect.destination)


class NodeInTheMaking(Node):
    """One that has not read its state: its query socket is open, and nobody behind it."""

    def _source(self) -> QuerySource | None:
        return None
