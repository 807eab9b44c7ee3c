"""Switching a site's provider, a node at a time: the new provider, those above, the old one.

The configuration file already holds the delegations as they are to be. The new
provider announces the site first, which those above refuse until they go by the
new delegations themselves; they have it then at once. Each node sees to it that the
site is reached as it should be, and goes back where it is not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum

from alt.delegation import Delegation
from alt.effects import Local, Via
from alt.model import AltConfig
from alt.node_instance import AltInstance
from alt.operation import (
    Operation,
    OperationRefusedError,
    Step,
    StepFailedError,
    wait_for,
)
from alt.plan import findings
from alt.plane_trace import Hop
from alt.probe import probe_way
from alt.trace import Vantage
from mapsys.eid import EidPrefix


class Part(Enum):
    """What this node is in the move."""

    NEW = "the new provider"
    OLD = "the old provider"
    ABOVE = "above both providers"


@dataclass(frozen=True, slots=True)
class Switching:
    """What is to be done. blocks: of the site, that change providers."""

    before: AltConfig
    after: AltConfig
    site: str
    blocks: tuple[EidPrefix, ...]
    part: Part


def plan_switching(running: AltConfig, wanted: AltConfig, site: str, today: date) -> Switching:
    """What goes from one configuration to the other. Raises OperationRefusedError."""
    if replace(running, delegations=()) != replace(wanted, delegations=()):
        raise OperationRefusedError(
            "the file changes more of this instance than its delegations; reload that first"
        )
    had = {one.block: one for one in running.delegations}
    wants = {one.block: one for one in wanted.delegations}
    changed = [block for block in {**had, **wants} if had.get(block) != wants.get(block)]
    blocks = tuple(block for block in changed if block in wants and wants[block].holder == site)
    if not blocks:
        raise OperationRefusedError(f"the file changes no delegation of {site}")
    for block in changed:
        around = any(block.covers(own) for own in blocks)
        if block not in blocks and not (
            around and _differ_in_cap(had.get(block), wants.get(block))
        ):
            raise OperationRefusedError(
                f"the file changes the delegation of {block} as well, which is not {site}'s;"
                " reload that first"
            )
    for finding in findings(wanted, today):
        if finding.is_error:
            raise OperationRefusedError(finding.message)
    return Switching(running, wanted, site, blocks, _part(running, had, wants, blocks))


def _part(
    config: AltConfig,
    had: dict[EidPrefix, Delegation],
    wants: dict[EidPrefix, Delegation],
    blocks: tuple[EidPrefix, ...],
) -> Part:
    def provides(delegations: dict[EidPrefix, Delegation], block: EidPrefix) -> bool:
        return block in delegations and config.name in delegations[block].providers

    parts = {(provides(had, block), provides(wants, block)) for block in blocks}
    if parts == {(False, True)}:
        return Part.NEW
    if parts == {(True, False)}:
        return Part.OLD
    if parts == {(False, False)}:
        return Part.ABOVE
    raise OperationRefusedError("this node gains and keeps or loses providing at once; one by one")


def _differ_in_cap(had: Delegation | None, wants: Delegation | None) -> bool:
    return (
        had is not None
        and wants is not None
        and replace(had, exception_cap=0) == replace(wants, exception_cap=0)
    )


def switching(
    plan: Switching,
    instance: AltInstance,
    vantage: Vantage,
    commit: Callable[[], Awaitable[None]],
    *,
    wait_seconds: float,
) -> Operation:
    """The operation on a running instance. commit: makes the file the one in force.

    wait_seconds: for a registration (a site registers once a minute) and for routes.
    """

    async def adopt() -> str:
        await instance.reconfigure(plan.after)
        return f"delegations of {', '.join(map(str, plan.blocks))} are as in the file"

    async def put_in_force() -> str:
        await commit()
        return "the file is in force"

    async def undo() -> None:
        await instance.reconfigure(plan.before)

    async def probe_all() -> str:
        expected = _expected(plan, instance.config.name)
        found = [await probe_way(_host(block), vantage, expected) for block in plan.blocks]
        return "; ".join(found)

    return Operation(
        "switch-provider",
        f"{plan.site}, here {plan.part.value}",
        [
            Step("adopt", "go by the delegations in the file", adopt),
            *_own_steps(plan, instance, wait_seconds),
            Step("probe", f"follow the way of Map-Requests for {plan.site}", probe_all),
            Step("commit", "put the configuration file in force", put_in_force),
        ],
        undo,
    )


def _own_steps(plan: Switching, instance: AltInstance, wait_seconds: float) -> list[Step]:
    if plan.part is Part.NEW:
        return _steps_of_new(plan, instance, wait_seconds)
    if plan.part is Part.OLD:
        return _steps_of_old(plan, instance)
    return _steps_above(plan, instance, wait_seconds)


def _steps_of_new(plan: Switching, instance: AltInstance, wait_seconds: float) -> list[Step]:
    async def registered() -> str:
        seconds = await wait_for(
            lambda: all(instance.fib.get(block) == Local("site") for block in plan.blocks),
            wait_seconds,
            f"a registration of {plan.site} at this node, allowed onto the ALT",
        )
        return f"live after {seconds:.1f} s"

    async def announced() -> str:
        parents = _parents_told_of(plan, instance)
        await wait_for(lambda: bool(parents()), wait_seconds, "an announcement to a parent")
        return f"told {', '.join(sorted(parents()))}"

    return [
        Step("registered", f"have {plan.site} registered here", registered),
        Step("announced", "tell the parents of the block that it left", announced),
    ]


def _parents_told_of(plan: Switching, instance: AltInstance) -> Callable[[], set[str]]:
    def told() -> set[str]:
        return {
            name
            for name, peer in instance.router.peers.items()
            if peer.is_up
            and peer.tunnel.role.is_above
            and all(block in peer.adj_out.told for block in plan.blocks)
        }

    return told


def _steps_above(plan: Switching, instance: AltInstance, wait_seconds: float) -> list[Step]:
    providers = _new_providers(plan)

    def ways() -> list[str | None]:
        """Who leads to each block; None where nobody but the old provider does."""
        found: list[str | None] = []
        for block in plan.blocks:
            target = instance.fib.get(block)
            via = instance.router.peers.get(target.tunnel) if isinstance(target, Via) else None
            is_new = via is not None and via.tunnel.neighbor in providers
            found.append(via.tunnel.neighbor if via is not None and is_new else None)
        return found

    async def accepted() -> str:
        await wait_for(
            lambda: None not in ways(),
            wait_seconds,
            f"a route to {plan.site} by {' or '.join(sorted(providers))}",
        )
        return f"requests go to {', '.join(sorted({str(name) for name in ways()}))}"

    return [Step("accepted", f"accept {plan.site} from the new provider", accepted)]


def _steps_of_old(plan: Switching, instance: AltInstance) -> list[Step]:
    async def moved() -> str:
        for block in plan.blocks:
            if instance.fib.get(block) != Local("moved-hole"):
                raise StepFailedError(
                    f"{block} is {instance.fib.get(block)} here and no moved hole; name this"
                    " node in its lineage:"
                )
            if instance.fib.way_up(block) is None:
                raise StepFailedError(f"no parent leads to {block} from here")
        return "requests go up"

    return [Step("moved", f"send requests for {plan.site} up", moved)]


def _expected(plan: Switching, here: str) -> Callable[[Hop], bool]:
    """Where the way may end: at the Map-Server of a new provider."""
    providers = {here} if plan.part is Part.NEW else _new_providers(plan)
    return lambda hop: hop.does == "site" and hop.node in providers


def _new_providers(plan: Switching) -> set[str]:
    delegations = {one.block: one for one in plan.after.delegations}
    return {name for block in plan.blocks for name in delegations[block].providers}


def _host(prefix: EidPrefix) -> EidPrefix:
    return EidPrefix(prefix.instance_id, prefix.family, prefix.network + 1, prefix.width)
