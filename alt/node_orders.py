"""Orders to an ALT node: what they plan on the running instance, and how the last one stands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from alt.bgp.conf import ConfRefusedError
from alt.model import AltConfig
from alt.node import AltNode
from alt.node_instance import AltStartError
from alt.operation import Operation, OperationRefusedError, State
from alt.rehome import plan_rehoming, rehoming
from alt.switch_provider import plan_switching, switching
from alt.trace import TraceError
from alt.tunnel.base import TunnelError
from mapsys.configuration_turn import UNCONFIRMED, ConfigurationTurn
from mapsys.eid import EidPrefix
from mapsys.query_alt_rows import AltOperationRow, AltOrder, AltStepRow
from mapsys.start_error import StartError

Commit = Callable[[], Awaitable[None]]
"""Puts the configuration file in force. Raises StartError."""


class AltOrders:
    """At most one operation is under way.

    turn: held while one is, and by whoever else changes the configuration.
    """

    def __init__(self, node: AltNode, turn: ConfigurationTurn) -> None:
        self._node = node
        self._turn = turn
        self._last: tuple[int, Operation] | None = None
        self._task: asyncio.Task[None] | None = None

    def plan(self, order: AltOrder, wanted: AltConfig, commit: Commit) -> Operation:
        """The operation that an order asks for; nothing has begun yet.

        wanted: the instance as the file has it. Raises LookupError where there is no
        such instance, OperationRefusedError.
        """
        instance = self._node.instance(order.instance_id)
        today = instance.router.imports.today
        vantage = self._node.vantage(instance)
        if order.kind == "rehome":
            if len(order.names) != 2:
                raise OperationRefusedError("name the present tunnel and the new one")
            old, new = order.names
            plan = plan_rehoming(instance.config, wanted, old, new, today)
            eid = None if order.eid is None else EidPrefix.unpack(order.eid)[0]
            operation = rehoming(
                plan, instance, vantage, commit, wait_seconds=order.wait_seconds, eid=eid
            )
        else:
            if len(order.names) != 1:
                raise OperationRefusedError("name one site")
            move = plan_switching(instance.config, wanted, order.names[0], today)
            operation = switching(move, instance, vantage, commit, wait_seconds=order.wait_seconds)
        operation.failures = (
            AltStartError,
            ConfRefusedError,
            OSError,
            StartError,
            TraceError,
            TunnelError,
        )
        return operation

    def require_turn(self) -> None:
        """Raises OperationRefusedError where the configuration may not change now."""
        if self._turn.locked():
            raise OperationRefusedError(
                "another operation, or a reload, is under way; see 'mapsys alt operation'"
            )
        if self._turn.on_trial:
            raise OperationRefusedError(UNCONFIRMED)

    async def begin(self, order: AltOrder, operation: Operation) -> None:
        """Carry an operation out from now on. Raises OperationRefusedError."""
        self.require_turn()
        await self._turn.acquire()
        operation.state = State.UNDER_WAY  # also to whoever asks before its first step
        self._last = (order.instance_id, operation)
        self._task = asyncio.create_task(operation.run(), name=f"alt {operation.kind}")
        self._task.add_done_callback(partial(self._ended, operation))

    async def stop(self) -> None:
        """Drop what is under way; the node ends."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _ended(self, operation: Operation, task: asyncio.Task[None]) -> None:
        self._turn.release()
        if not task.cancelled() and (bug := task.exception()) is not None:
            operation.state = State.BROKEN
            operation.outcome = f"a fault in this program ended it ({bug!r}); reload the node"

    def last(self) -> AltOperationRow | None:
        """How the last operation stands."""
        return None if self._last is None else operation_row(*self._last)


def operation_row(instance_id: int, operation: Operation) -> AltOperationRow:
    """An operation as it travels."""
    return AltOperationRow(
        kind=operation.kind,
        subject=operation.subject,
        instance_id=instance_id,
        state=operation.state.value,
        outcome=operation.outcome,
        steps=[
            AltStepRow(step.name, step.purpose, step.state.value, step.outcome)
            for step in operation.steps
        ],
    )
