"""The ALT's place in the daemon: its privileges apart, its joints with core and shell."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

from alt.bgp.conf import ConfRefusedError
from alt.helper_capabilities import keep_only
from alt.helper_client import TunnelHelper
from alt.node import AltNode
from alt.node_instance import AltStartError
from alt.node_orders import AltOrders, operation_row
from alt.operation import OperationRefusedError
from alt.tunnel.base import TunnelError
from mapsys.config.faults import ConfigError
from mapsys.config.model import Config
from mapsys.configuration_turn import ConfigurationTurn
from mapsys.core.alt_entry import AltArrival
from mapsys.core.effects import Inject, Send
from mapsys.core.engine import Engine
from mapsys.core.site import LispSite
from mapsys.eid import EidPrefix
from mapsys.net.audit import AuditTrail
from mapsys.net.log import Event, Logger
from mapsys.net.shell import Shell
from mapsys.query_alt_rows import AltOperationRow, AltOrder, AltPage, AltQuestion, AltTraceRow
from mapsys.start_error import StartError
from mapsys.store import Store

ALT_FOLDER = "alt"
"""In the state folder: ExaBGP's file and socket, a folder for each instance."""


@contextmanager
def tunnel_helper(config: Config) -> Iterator[TunnelHelper | None]:
    """The process that keeps the ALT's privileges, where there is an ALT.

    From then on this process, and what it starts, has no capability. Enter it
    before any thread starts. Raises StartError.
    """
    if not config.alt:
        yield None
        return
    try:
        helper = TunnelHelper()
    except TunnelError as error:
        raise StartError(str(error)) from error
    try:
        keep_only(frozenset())
        yield helper
    finally:
        helper.stop()


class DaemonAlt:
    """The daemon's ALT node, or the place where there is none. Made inside the loop."""

    def __init__(
        self,
        config: Config,
        helper: TunnelHelper | None,
        log: Logger,
        *,
        load: Callable[[], Config],
        take_over: Callable[[Config], Awaitable[None]],
    ) -> None:
        """load: reads the configuration file. take_over: puts it in force."""
        self._shell: Shell | None = None
        self._engine: Engine | None = None
        self._log = log
        self._load = load
        self._take_over = take_over
        self._trail = AuditTrail(config.state)
        self.turn: Final = ConfigurationTurn()
        self.node: AltNode | None = None
        self._orders: AltOrders | None = None
        if helper is not None:
            self.node = AltNode(
                config.alt,
                helper,
                node=config.node,
                folder=config.state / ALT_FOLDER,
                addresses=config.control.listen,
                on_arrival=self._arrived,
                on_send=self._send,
                log=log,
            )
            self._orders = AltOrders(self.node, self.turn)

    async def start(self, engine: Engine, shell: Shell, store: Store) -> None:
        """Bring it up, once the core holds what it will answer from. Raises StartError."""
        self._engine, self._shell = engine, shell
        if self.node is None:
            return
        shell.subscribe(self.node.observe)
        with _as_start_error():
            await self.node.start(engine, store)

    async def stop(self) -> None:
        """Take it down."""
        if self._orders is not None:
            await self._orders.stop()
        if self.node is not None:
            await self.node.stop()

    async def reconfigure(self, config: Config) -> None:
        """Go over to another configuration. Raises StartError; what could not be is as before."""
        if self.node is None:
            if config.alt:
                raise StartError("alt: is switched on with a restart only")
            return
        with _as_start_error():
            await self.node.reconfigure(config.alt)

    # What the core asks (``core.engine.Engine``).

    def has_alt(self, instance_id: int) -> bool:
        """Whether Map-Requests of an instance-ID can go onto an ALT here."""
        return self.node is not None and self.node.has_alt(instance_id)

    def hole(self, eid: EidPrefix, shortest: int) -> EidPrefix | None:
        """The least-specific prefix around the EID that the ALT knows nothing of."""
        return eid.truncated(shortest) if self.node is None else self.node.hole(eid, shortest)

    def may_deny(self, eid: EidPrefix) -> bool:
        """Whether the ALT's routes around the EID are complete."""
        return self.node is None or self.node.may_deny(eid)

    # The status interface (``mapsys.query_alt.AltSource``).

    @property
    def source(self) -> DaemonAlt | None:
        """This, where there is an ALT."""
        return None if self.node is None else self

    async def page(self, question: AltQuestion) -> AltPage:
        """Rows of a list."""
        return await self._running().page(question)

    async def trace(self, eid: EidPrefix) -> AltTraceRow:
        """The way of Map-Requests for an EID."""
        return await self._running().trace(eid)

    async def order(self, order: AltOrder) -> AltOperationRow:
        """Plan an operation by the file as it is now, and begin it unless it is a dry run."""
        self._running().instance(order.instance_id)
        assert self._orders is not None
        try:
            config = await asyncio.to_thread(self._load)
            wanted = next((c for c in config.alt if c.instance_id == order.instance_id), None)
            if wanted is None:
                raise OperationRefusedError(
                    f"the file has no ALT of instance-ID {order.instance_id} any more"
                )
            operation = self._orders.plan(order, wanted, lambda: self._take_over(config))
            if not order.dry_run:
                self._orders.require_turn()
                await asyncio.to_thread(self._note, order, "done")
                self._log.info(Event.ALT_ORDER, by=order.by.who, **_facts(order))
                await self._orders.begin(order, operation)
        except ConfigError as error:
            first = error.faults[0]
            raise ValueError(
                f"the file has {len(error.faults)} faults, the first: {first}"
            ) from error
        except OperationRefusedError as error:
            if not order.dry_run:
                await asyncio.to_thread(self._note, order, f"refused: {error}")
            raise ValueError(str(error)) from error
        except OSError as error:
            raise ValueError(f"the order cannot be written down: {error}") from error
        return operation_row(order.instance_id, operation)

    def operation(self) -> AltOperationRow | None:
        """How the last operation stands."""
        return None if self._orders is None else self._orders.last()

    def _running(self) -> AltNode:
        if self.node is None:
            raise LookupError("this node has no alt: section")
        return self.node

    def _note(self, order: AltOrder, result: str) -> None:
        self._trail.append(
            at=round(time.time(), 3),
            what=Event.ALT_ORDER.value,
            result=result,
            **order.by.facts(),
            **_facts(order),
        )

    # Joints.

    def sites_changed(self) -> None:
        """The core has other sites."""
        if self.node is not None:
            self.node.sites_changed()

    def site_changed(self, name: str, site: LispSite | None) -> None:
        """The core has one site more, less, or another."""
        if self.node is not None:
            self.node.site_changed(name, site)

    def inject(self, effect: Inject) -> None:
        """Put a Map-Request onto the ALT."""
        if self.node is not None:
            self.node.inject(effect)

    def problems(self) -> list[str]:
        """What is wrong at present, a sentence each."""
        return [] if self.node is None else self.node.problems()

    def _arrived(self, arrival: AltArrival) -> None:
        if self._shell is not None and self._engine is not None:
            engine = self._engine
            self._shell.decide("alt", lambda now: engine.handle_from_alt(arrival, now))

    def _send(self, send: Send) -> None:
        if self._shell is not None:
            self._shell.carry_out([send])


def _facts(order: AltOrder) -> dict[str, str | int]:
    return {
        "instance_id": order.instance_id,
        "kind": order.kind,
        "names": " ".join(order.names),
    }


@contextmanager
def _as_start_error() -> Iterator[None]:
    try:
        yield
    except (AltStartError, TunnelError, ConfRefusedError) as error:
        raise StartError(f"the ALT cannot run: {error}") from error
    except OSError as error:
        raise StartError(
            f"the ALT cannot run: {error.filename or ALT_FOLDER}: {error.strerror or error}"
        ) from error
