"""The ALT node: all ALT instances of a mapsys node, as its daemon and its core see them."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from alt.bgp.events import OriginateLocal, WithdrawLocal
from alt.helper_client import TunnelHelper
from alt.levels import FAMILIES
from alt.model import AltConfig
from alt.node_instance import AltInstance, Surroundings
from alt.node_pages import alt_page
from alt.node_sites import LiveSites
from alt.plane_effects import Deliver, SendNegative
from alt.trace import TracedHop, Vantage, does, own_addresses, trace
from alt.tunnel.underlay import GreUnderlay
from mapsys.core.alt_entry import AltArrival
from mapsys.core.effects import Effect, Endpoint, Inject, Send
from mapsys.core.engine import Engine
from mapsys.core.site import LispSite
from mapsys.eid import EidPrefix
from mapsys.net.log import Logger
from mapsys.query_alt_rows import AltHopRow, AltPage, AltQuestion, AltTraceRow
from mapsys.store import Store


class AltNode:
    """Made inside the loop it runs on; opens nothing before :meth:`start`.

    Is a table of known EID-Prefixes for the core (``core.holes.Known``).
    """

    def __init__(
        self,
        configs: Sequence[AltConfig],
        helper: TunnelHelper,
        *,
        node: str,
        folder: Path,
        addresses: Iterable[Endpoint],
        on_arrival: Callable[[AltArrival], None],
        on_send: Callable[[Send], None],
        log: Logger,
    ) -> None:
        """folder: for ExaBGP's files; made where it is missing. addresses: the node's own.

        on_arrival: takes Map-Requests whose last hop this node is. on_send: takes
        what leaves over the underlay.
        """
        self._helper = helper
        self._on_arrival = on_arrival
        self._on_send = on_send
        self._underlay = GreUnderlay(helper.raw_gre, asyncio.get_running_loop())
        self._around = Surroundings(
            node=node,
            folder=folder,
            helper=helper,
            underlay=self._underlay,
            underlay_versions=frozenset(
                ipaddress.ip_address(address.host).version for address in addresses
            ),
            on_deliver=self._deliver,
            on_negative=self._negative,
            log=log,
        )
        self.instances = {c.instance_id: AltInstance(c, self._around) for c in configs}
        """By instance-ID."""
        self._sites: LiveSites | None = None
        self._engine: Engine | None = None

    # Life.

    async def start(self, engine: Engine, store: Store) -> None:
        """Bring every instance up, with what the Map-Server holds already.

        Raises AltStartError, TunnelError, ConfRefusedError or OSError; then
        :meth:`stop` it.
        """
        self._engine = engine
        self._sites = LiveSites(engine, store, self.instances.keys())
        await self._start(self.instances.values(), self._sites.recount())

    async def stop(self) -> None:
        """Take everything down, in order."""
        await asyncio.gather(*(instance.stop() for instance in self.instances.values()))
        self._underlay.shutdown()

    async def reconfigure(self, configs: Sequence[AltConfig]) -> None:
        """Go over to other configurations; what is unchanged stays as it is.

        Raises what :meth:`start` does; what could not be changed is as before.
        """
        wanted = {config.instance_id: config for config in configs}
        new = {n: AltInstance(c, self._around) for n, c in wanted.items() if not self.has_alt(n)}
        try:
            await self._start(new.values(), [])
            for number, config in wanted.items():
                if number not in new:
                    await self.instances[number].reconfigure(config)
        except BaseException:
            await asyncio.gather(*(instance.stop() for instance in new.values()))
            raise
        gone = [self.instances.pop(n) for n in list(self.instances) if n not in wanted]
        self.instances.update(new)
        await asyncio.gather(*(instance.stop() for instance in gone))

    async def _start(
        self, instances: Iterable[AltInstance], sites: Sequence[OriginateLocal | WithdrawLocal]
    ) -> None:
        abilities = await asyncio.to_thread(self._helper.probe)
        starts = [
            instance.start(
                abilities,
                [e for e in sites if e.prefix.instance_id == instance.config.instance_id],
            )
            for instance in instances
        ]
        outcomes = await asyncio.gather(*starts, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    # The core's questions.

    def has_alt(self, instance_id: int) -> bool:
        """Whether Map-Requests of an instance-ID can go onto an ALT here."""
        instance = self.instances.get(instance_id)
        return instance is not None and instance.is_running

    def hole(self, eid: EidPrefix, shortest: int) -> EidPrefix | None:
        """As ``core.holes.Known``: free of routes and of delegations."""
        instance = self.instances.get(eid.instance_id)
        if instance is None:
            return eid.truncated(shortest)
        return instance.free_around(eid, shortest)

    def may_deny(self, eid: EidPrefix) -> bool:
        """Whether the routes are complete, so that an EID without one does not exist."""
        instance = self.instances.get(eid.instance_id)
        if instance is None or eid.family not in FAMILIES:
            return True
        return instance.is_running and instance.knows_what_is_missing(eid)

    # Joints with the shell.

    def inject(self, effect: Inject) -> None:
        """Put a Map-Request of the Map-Resolver onto the ALT."""
        if self.has_alt(effect.instance_id):
            self.instances[effect.instance_id].carrier.inject(effect.packet)

    def observe(self, effects: Sequence[Effect], _now: float) -> None:
        """Tell the ALT which sites' EID-Prefixes came to life or died."""
        if self._sites is not None:
            self._tell(self._sites.observe(effects))

    def sites_changed(self) -> None:
        """Other sites, or other ALT instances, are configured now."""
        if self._sites is not None:
            self._tell(self._sites.recount())

    def site_changed(self, name: str, site: LispSite | None) -> None:
        """One site is another than before; None: it was taken out."""
        if self._sites is not None:
            self._tell(self._sites.site_changed(name, site))

    # The status interface (``mapsys.query_alt.AltSource``).

    async def page(self, question: AltQuestion) -> AltPage:
        """Rows of a list."""
        if question.instance_id is not None:
            self.instance(question.instance_id)
        clocks = (asyncio.get_running_loop().time(), time.time())
        return alt_page(self.instances, question, clocks)

    async def trace(self, eid: EidPrefix) -> AltTraceRow:
        """The way of Map-Requests for an EID."""
        instance = self.instance(eid.instance_id)
        if eid.family not in FAMILIES or not eid.is_host:
            raise ValueError(f"the ALT carries Map-Requests for single IP addresses; {eid} is none")
        steps = await trace(eid, self.vantage(instance))
        return AltTraceRow(eid.pack(), [_hop_row(step) for step in steps], steps[-1].is_end)

    def vantage(self, instance: AltInstance) -> Vantage:
        """From where the ALT of an instance is probed."""
        listen = () if self._engine is None else self._engine.settings.local
        own = own_addresses(instance.config, listen)
        return Vantage(own, instance.plane.hop, instance.carrier.inject)

    def instance(self, instance_id: int) -> AltInstance:
        """The running instance. Raises LookupError where there is none."""
        if not self.has_alt(instance_id):
            raise LookupError(f"instance-ID {instance_id} has no ALT here")
        return self.instances[instance_id]

    def problems(self) -> list[str]:
        """What is wrong at present, a sentence each."""
        if not self._helper.is_running:
            return [
                "the tunnel helper is gone: no tunnel can be opened and no BGP speaker started;"
                " restart the node"
            ]
        return [problem for each in self.instances.values() for problem in each.problems()]

    def _tell(self, events: Iterable[OriginateLocal | WithdrawLocal]) -> None:
        for event in events:
            if self.has_alt(event.prefix.instance_id):
                self.instances[event.prefix.instance_id].handle(event)

    def _deliver(self, effect: Deliver) -> None:
        self._on_arrival(AltArrival(effect.data, effect.source, effect.packet, effect.hole))

    def _negative(self, effect: SendNegative) -> None:
        self._on_send(Send(effect.data, effect.destination))


def _hop_row(step: TracedHop) -> AltHopRow:
    hop = step.hop
    return AltHopRow(
        hops=step.hops,
        node=None if hop is None else hop.node,
        prefix=None if hop is None else hop.prefix.pack(),
        does=does(step),
        address=step.address,
        seconds=step.seconds,
    )
