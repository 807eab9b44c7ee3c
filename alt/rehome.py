"""Re-homing: a new tunnel takes the place of another, made before the old one is broken.

The configuration file already says what is wanted: the new tunnel in place of the
old one. This goes there by way of both.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

from alt.model import AltConfig, Tunnel
from alt.node_instance import AltInstance
from alt.operation import (
    Operation,
    OperationRefusedError,
    Step,
    StepFailedError,
    wait_for,
)
from alt.peer import Peer
from alt.plan import findings
from alt.probe import probe_tunnel
from alt.trace import Vantage
from mapsys.eid import EidPrefix


@dataclass(frozen=True, slots=True)
class Rehoming:
    """What is to be done. both: the configuration with the two tunnels side by side."""

    before: AltConfig
    both: AltConfig
    after: AltConfig
    old: Tunnel
    new: Tunnel


def plan_rehoming(
    running: AltConfig, wanted: AltConfig, old: str, new: str, today: date
) -> Rehoming:
    """What goes from one configuration to the other. Raises OperationRefusedError."""
    had = {tunnel.name: tunnel for tunnel in running.tunnels}
    wants = {tunnel.name: tunnel for tunnel in wanted.tunnels}
    if old not in had:
        raise OperationRefusedError(f"there is no tunnel {old} now; there are {_names(had)}")
    if new not in wants:
        raise OperationRefusedError(f"the file has no tunnel {new}; add it in place of {old}")
    if old in wants:
        raise OperationRefusedError(
            f"the file still has tunnel {old}; remove it there, it goes when {new} has taken over"
        )
    if new in had:
        raise OperationRefusedError(f"tunnel {new} is there already; give the new one a new name")
    others = {name: tunnel for name, tunnel in had.items() if name != old}
    if others != {name: tunnel for name, tunnel in wants.items() if name != new} or replace(
        running, tunnels=()
    ) != replace(wanted, tunnels=()):
        raise OperationRefusedError(
            f"the file changes more of this instance than {old} to {new}; reload that first"
        )
    both = replace(running, tunnels=(*running.tunnels, wants[new]))
    if had[old].peer_address(had[old].session_family) == wants[new].peer_address(
        wants[new].session_family
    ):
        raise OperationRefusedError(
            f"{new} has the inner addresses of {old}, so the two cannot be side by side;"
            " give it others"
        )
    for finding in findings(both, today):
        if finding.is_error:
            raise OperationRefusedError(f"the two cannot be side by side: {finding.message}")
    return Rehoming(running, both, wanted, had[old], wants[new])


def rehoming(
    plan: Rehoming,
    instance: AltInstance,
    vantage: Vantage,
    commit: Callable[[], Awaitable[None]],
    *,
    wait_seconds: float,
    eid: EidPrefix | None = None,
) -> Operation:
    """The operation on a running instance.

    commit: makes the file the configuration in force. wait_seconds: for the session,
    and for its routes; the neighbour may take over its own side meanwhile. eid: to
    probe with; None takes one that the new neighbour announces.
    """
    old, new = plan.old.name, plan.new.name

    def peer() -> Peer:
        return instance.router.peers[new]

    def probed() -> EidPrefix:
        return eid or _some_eid(peer()) or _first_of(plan)

    async def open_beside() -> str:
        await instance.reconfigure(plan.both)
        return f"{old} and {new} are open, {instance.carrier.backend.kind}"

    async def session() -> str:
        seconds = await wait_for(lambda: peer().is_up, wait_seconds, f"a session over {new}")
        return f"up after {seconds:.1f} s"

    async def routes() -> str:
        await wait_for(
            lambda: set(peer().families) <= peer().complete,
            wait_seconds,
            f"End-of-RIB over {new}",
        )
        return f"{len(peer().adj_in)} routes heard, {len(peer().adj_out.told)} told"

    async def probe_new() -> str:
        return await probe_tunnel(probed(), vantage, partial(instance.carrier.backend.send, new))

    async def switch() -> str:
        await instance.reconfigure(plan.after)
        return f"{old} is closed"

    async def verify() -> str:
        if not peer().is_up:
            raise StepFailedError(f"the session over {new} was lost")
        return await probe_new()

    async def put_in_force() -> str:
        await commit()
        return "the file is in force"

    async def undo() -> None:
        await instance.reconfigure(plan.before)

    return Operation(
        "rehome",
        f"{old} to {new}",
        [
            Step("tunnel", f"open {new} to {plan.new.remote} beside {old}", open_beside),
            Step("session", f"have a BGP session over {new}", session),
            Step("routes", f"hear End-of-RIB over {new}", routes),
            Step("probe", f"have a Map-Request through {new} answered", probe_new),
            Step("switch", f"withdraw from {old}, close it", switch),
            Step("verify", f"have a Map-Request through {new} answered again", verify),
            Step("commit", "put the configuration file in force", put_in_force),
        ],
        undo,
    )


def _some_eid(peer: Peer) -> EidPrefix | None:
    """An EID that the neighbour says it leads to."""
    for prefix, heard in peer.adj_in.routes.items():
        if heard.reason is None and prefix.length:
            return _host(prefix)
    return None


def _first_of(plan: Rehoming) -> EidPrefix:
    """An own EID: the neighbour knows what to do with it, since it is told of the block."""
    if not plan.after.blocks:
        raise StepFailedError(
            f"{plan.new.name} announces nothing, so there is no EID to probe with; give one"
        )
    return _host(plan.after.blocks[0])


def _host(prefix: EidPrefix) -> EidPrefix:
    return EidPrefix(prefix.instance_id, prefix.family, prefix.network + 1, prefix.width)


def _names(tunnels: dict[str, Tunnel]) -> str:
    return ", ".join(sorted(tunnels)) or "none"
