"""The plan check: whether an ALT instance's blocks, delegations and tunnels fit together.

Run at load, before anything opens. An error refuses the configuration.

Source: RFC 6836, 4.2 (who may aggregate), 7.1 (no RLOCs in the ALT).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from alt.delegation import Delegation, Delegations
from alt.levels import Level
from alt.model import AltConfig
from alt.roles import Role

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not fit.

    steps: where it stands in the instance's section, as in ("tunnels", 2, "key").
    is_error: whether the instance cannot run with it.
    """

    steps: tuple[str | int, ...]
    message: str
    is_error: bool = True


def findings(config: AltConfig, today: date) -> list[Finding]:
    """Everything that does not fit, in the order of the checks below."""
    delegations = Delegations(config.delegations)
    return [
        *_twice(config),
        *_blocks(config, delegations),
        *_delegations(config, delegations, today),
        *_components(config, delegations, today),
        *_tunnels(config),
        *_mesh(config),
    ]


def _twice(config: AltConfig) -> Iterator[Finding]:
    """Names and blocks that stand for two things at once."""
    blocks = [
        *((("blocks", n), b) for n, b in enumerate(config.blocks)),
        *((("backup-blocks", n), b) for n, b in enumerate(config.backup_blocks)),
    ]
    delegated = [(("delegations", n, "block"), d.block) for n, d in enumerate(config.delegations)]
    names = [(("tunnels", n, "name"), t.name) for n, t in enumerate(config.tunnels)]
    ends = [(("tunnels", n, "remote"), (t.remote, t.key)) for n, t in enumerate(config.tunnels)]
    yield from _repeated(blocks, "block {} is listed twice; keep one".format)
    yield from _repeated(delegated, "block {} is delegated twice; keep one".format)
    yield from _repeated(names, "two tunnels are named {}; rename one".format)
    yield from _repeated(
        ends,
        lambda end: (
            f"two tunnels go to {end[0]} with key {end[1]}, so what comes from there"
            " could belong to either; give one of them another key"
        ),
    )


def _repeated(
    places: Iterable[tuple[tuple[str | int, ...], T]], message: Callable[[T], str]
) -> Iterator[Finding]:
    seen: set[Hashable] = set()
    for steps, value in places:
        if value in seen:
            yield Finding(steps, message(value))
        seen.add(value)


def _blocks(config: AltConfig, delegations: Delegations) -> Iterator[Finding]:
    here = {config.name, *config.siblings}
    if config.level is Level.EDGE and (config.blocks or config.backup_blocks):
        yield Finding(("level",), "an edge node holds no blocks; choose region, msp or site")
        return
    for number, block in enumerate(config.blocks):
        lengths = config.levels.lengths(config.level, block.family)
        if not lengths.shortest <= block.length <= lengths.longest:
            yield Finding(
                ("blocks", number),
                f"{block} does not belong to level {config.level.value}, whose blocks"
                f" are /{lengths.shortest} to /{lengths.longest}; change level: or levels:",
            )
        delegation = delegations.exactly(block)
        if delegation is not None and delegation.holder not in here:
            yield Finding(
                ("blocks", number),
                f"{block} is delegated to {delegation.holder}, which is neither this node"
                f" ({config.name}) nor a sibling; two nodes that aggregate one block must"
                " exchange its components: add a sibling tunnel, or list it in backup-blocks:",
            )
    for number, block in enumerate(config.backup_blocks):
        delegation = delegations.exactly(block)
        if delegation is not None and delegation.holder == config.name:
            yield Finding(
                ("backup-blocks", number),
                f"{block} is delegated to this node itself; list it in blocks:",
            )


def _delegations(config: AltConfig, delegations: Delegations, today: date) -> Iterator[Finding]:
    aggregated = (*config.blocks, *config.backup_blocks)
    for number, delegation in enumerate(config.delegations):
        steps = ("delegations", number)
        block = delegation.block
        lengths = config.levels.lengths(delegation.level, block.family)
        if delegation.level is Level.EDGE:
            yield Finding((*steps, "level"), "no block is delegated to the edge")
        elif not lengths.shortest <= block.length <= lengths.longest:
            yield Finding(
                (*steps, "block"),
                f"{block} does not belong to level {delegation.level.value}, whose blocks"
                f" are /{lengths.shortest} to /{lengths.longest}",
            )
        if (
            config.name in delegation.providers
            and not any(b.covers(block) for b in aggregated)
            and not delegations.is_exception(delegation)
            and not delegations.is_over_cap(delegation)
        ):
            yield Finding(
                (*steps, "provider"),
                f"this node provides for {block}, but none of its blocks covers it; add the"
                " block, or name the former provider in lineage: if the site moved here",
            )
        around = delegations.around(block)
        if delegations.is_over_cap(delegation) and around is not None:
            yield Finding(
                steps,
                f"{block} is one exception more than {around.block} of {around.holder}"
                f" allows ({around.exception_cap}); raise its exceptions:",
            )
        elif (
            around is not None
            and delegation.providers
            and around.holder not in delegation.providers
            and around.holder not in delegation.lineage
            and not {config.name, *config.siblings} & set(delegation.providers)
        ):
            yield Finding(
                (*steps, "provider"),
                f"{block} lies in {around.block} of {around.holder}, which is not among its"
                f" providers; if the site left, add {around.holder} to lineage:",
                is_error=any(own.covers(block) for own in config.blocks),
            )
        if delegation.valid_until is not None and delegation.valid_until < today:
            yield Finding(
                (*steps, "valid-until"),
                f"the delegation of {block} ended on {delegation.valid_until}",
                is_error=False,
            )


def _components(config: AltConfig, delegations: Delegations, today: date) -> Iterator[Finding]:
    """Who aggregates must be able to learn the state of every component."""
    children = {t.neighbor for t in config.tunnels if t.role is Role.CHILD}
    siblings = set(config.siblings)
    places = [("blocks", n, b) for n, b in enumerate(config.blocks)]
    places += [("backup-blocks", n, b) for n, b in enumerate(config.backup_blocks)]
    for key, number, block in places:
        for delegation in delegations.components(block):
            if not delegation.is_valid(today):
                continue
            for announcer in _announcers(config, delegations, delegation):
                if announcer in children or _heard_by(delegation, delegations) & siblings:
                    continue
                yield Finding(
                    (key, number),
                    f"{block} may not be aggregated here: {delegation.block} in it is"
                    f" announced by {announcer}, which has a tunnel neither to this node nor"
                    " to a sibling; add a child tunnel, or name the sibling as its provider",
                )


def _announcers(
    config: AltConfig, delegations: Delegations, delegation: Delegation
) -> tuple[str, ...]:
    """The neighbours whose sessions tell the state of a component; none for sites that
    register at the Map-Server here, and none for a block that left this node.
    """
    around = delegations.around(delegation.block)
    if delegations.is_exception(delegation) and around is not None:
        return () if around.holder == config.name else delegation.providers
    if delegation.level is Level.SITE and config.name in delegation.providers:
        return ()
    return (delegation.holder,)


def _heard_by(delegation: Delegation, delegations: Delegations) -> set[str]:
    """The nodes that have a session with a component's announcer."""
    around = delegations.around(delegation.block)
    if delegations.is_exception(delegation) and around is not None:
        return set(around.providers)
    return set(delegation.providers)


def _tunnels(config: AltConfig) -> Iterator[Finding]:
    eids = {*config.blocks, *config.backup_blocks, *(d.block for d in config.delegations)}
    for number, tunnel in enumerate(config.tunnels):
        remote = tunnel.remote_as_eid(config.instance_id)
        inside = [block for block in eids if block.covers(remote)]
        if inside:
            block = max(inside, key=lambda covering: covering.length)
            yield Finding(
                ("tunnels", number, "remote"),
                f"{tunnel.remote} lies in the EID block {block}: the tunnel's own packets"
                " would be routed into the tunnel; a remote is an RLOC",
            )
        if tunnel.role is Role.SIBLING and not config.blocks:
            yield Finding(
                ("tunnels", number, "role"),
                "a sibling aggregates the same blocks, but this node has none",
            )


def _mesh(config: AltConfig) -> Iterator[Finding]:
    """Inside one AS nobody passes on what another told it, so all must hear all."""
    internal = [(n, t) for n, t in enumerate(config.tunnels) if t.peer_as == config.own_as]
    for number, tunnel in internal:
        if tunnel.role is not Role.SIBLING or tunnel.neighbor not in config.ibgp_mesh:
            yield Finding(
                ("tunnels", number, "peer-as"),
                f"AS {tunnel.peer_as} is this node's own: each ALT router is an AS of its own,"
                " unless all that share one are siblings in full mesh, named in ibgp-mesh:",
            )
    connected = {tunnel.neighbor for _, tunnel in internal} | {config.name}
    for number, name in enumerate(config.ibgp_mesh):
        if name not in connected:
            yield Finding(
                ("ibgp-mesh", number),
                f"{name} shares AS {config.own_as}, but there is no sibling tunnel to it:"
                " the mesh is not full",
            )
