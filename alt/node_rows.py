"""Rows of an ALT instance's state for the status interface (``mapsys.query_alt_rows``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from ipaddress import IPv4Address

from alt.delegation import Delegation
from alt.export import ExportPolicy
from alt.levels import FAMILIES
from alt.model import AltConfig, Tunnel
from alt.node_instance import AltInstance
from alt.node_peers import PeerStory
from alt.peer import Peer
from alt.reasons import EXPORT_REASONS, IMPORT_REASONS
from alt.rib.adj_in import Heard
from alt.rib.loc_rib import Route
from alt.roles import Role
from alt.router import AltRouter
from mapsys.eid import EidPrefix
from mapsys.query_alt_rows import (
    AltAggregateRow,
    AltDelegationRow,
    AltPeerRow,
    AltRejectedRow,
    AltRouteRow,
    AltRow,
    AltTunnelRow,
    AltWithheldRow,
)


def peer_row(
    config: AltConfig, peer: Peer, story: PeerStory, clocks: tuple[float, float]
) -> AltPeerRow:
    """One neighbour. clocks: the loop's clock and Unix time, read together."""
    tunnel = peer.tunnel
    now, unix_now = clocks
    refused = sum(heard.reason is not None for heard in peer.adj_in.routes.values())
    state = "up" if peer.is_up else "down" if peer.held_until is None else "held-off"
    return AltPeerRow(
        instance_id=config.instance_id,
        name=tunnel.name,
        neighbor=tunnel.neighbor,
        role=tunnel.role.value,
        address=tunnel.peer_address(tunnel.session_family),
        peer_as=tunnel.peer_as,
        router_id=str(IPv4Address(peer.router_id)) if peer.router_id else None,
        state=state,
        since=None if story.since is None else unix_now + story.since - now,
        why=story.why,
        complete=[family.name.lower() for family in FAMILIES if family in peer.complete],
        accepted=len(peer.adj_in) - refused,
        refused=refused,
        told=len(peer.adj_out.told),
        updates=story.updates,
        losses=story.losses,
        own_level=config.level.value,
        level=_level_of(tunnel, config),
    )


def _level_of(tunnel: Tunnel, config: AltConfig) -> str | None:
    """A neighbour's level: that of the largest block that it holds, or what its role says."""
    held = [one for one in config.delegations if one.holder == tunnel.neighbor]
    if held:
        return min(held, key=lambda one: one.block.length).level.value
    return config.level.value if tunnel.role in (Role.PEER, Role.SIBLING) else None


def route_rows(route: Route, router: AltRouter, exports: ExportPolicy) -> list[AltRow]:
    """The route in use to a prefix, then the other accepted ways to it."""
    rows: list[AltRow] = [_route_row(route, router, exports)]
    for other in router.loc_rib.candidates(route.prefix):
        if other.peer != route.peer:
            rows.append(_route_row(other, router, None))
    return rows


def _route_row(route: Route, router: AltRouter, exports: ExportPolicy | None) -> AltRouteRow:
    """exports: None for a route that is not in use, and so of no concern to neighbours."""
    told: list[str] = []
    withheld: list[AltWithheldRow] = []
    for name, peer in router.peers.items() if exports is not None else ():
        if route.prefix in peer.adj_out.told:
            told.append(name)
        elif exports is not None and peer.is_up:
            reason = exports.withheld(peer.tunnel, route)
            if reason is not None:
                withheld.append(AltWithheldRow(name, reason, EXPORT_REASONS[reason]))
    return AltRouteRow(
        instance_id=route.prefix.instance_id,
        prefix=route.prefix.pack(),
        peer=route.peer,
        role=route.role.value,
        as_path=list(route.as_path),
        next_hop=route.next_hop,
        in_use=exports is not None,
        is_backup=route.attributes.is_backup,
        told=told,
        withheld=withheld,
    )


def aggregate_row(block: EidPrefix, kind: str, router: AltRouter) -> AltAggregateRow:
    """One block. kind: "own" or "backup"."""
    components = list(router.imports.delegations.components(block))
    best = router.loc_rib.best(block)
    return AltAggregateRow(
        instance_id=block.instance_id,
        block=block.pack(),
        kind=kind,
        announced=best is not None and best.peer is None,
        components=sum(router.loc_rib.best(one.block) is not None for one in components),
        delegated=len(components),
        suppressed=suppressed(block, router),
    )


def suppressed(block: EidPrefix, router: AltRouter) -> int:
    """More-specific routes in use that a block stands for towards parents and peers."""
    return sum(route.prefix != block for route in router.loc_rib.covered(block))


def delegation_row(delegation: Delegation, router: AltRouter) -> AltDelegationRow:
    """One delegation with its state here."""
    delegations = router.imports.delegations
    return AltDelegationRow(
        instance_id=delegation.block.instance_id,
        block=delegation.block.pack(),
        level=delegation.level.value,
        holder=delegation.holder,
        providers=list(delegation.providers),
        lineage=list(delegation.lineage),
        valid_from=None if delegation.valid_from is None else delegation.valid_from.isoformat(),
        valid_until=None if delegation.valid_until is None else delegation.valid_until.isoformat(),
        is_exception=delegations.is_exception(delegation),
        exceptions=delegation.exception_cap,
        state=_delegation_state(delegation, router),
    )


def _delegation_state(delegation: Delegation, router: AltRouter) -> str:
    imports, config = router.imports, router.config
    if not delegation.is_valid(imports.today):
        return "not-valid"
    if router.loc_rib.best(delegation.block) is not None:
        return "present"
    if imports.is_moved(delegation):
        return "moved"
    blocks = (*config.blocks, *config.backup_blocks)
    concerned = any(
        delegation.block == one.block
        for block in blocks
        for one in imports.delegations.components(block)
    )
    return "absent" if concerned else "beyond"


def rejected_row(instance_id: int, peer: str, prefix: EidPrefix, heard: Heard) -> AltRejectedRow:
    """A neighbour's route that policy refuses."""
    reason = heard.reason or ""
    return AltRejectedRow(
        instance_id=instance_id,
        prefix=prefix.pack(),
        peer=peer,
        reason=reason,
        why=IMPORT_REASONS.get(reason, reason),
        delegation=None if heard.delegation is None else heard.delegation.pack(),
        as_path=list(heard.attributes.as_path),
    )


def own_rejected_row(prefix: EidPrefix, router: AltRouter) -> AltRejectedRow | None:
    """A live prefix of the Map-Server here that policy does not let onto the ALT, if so."""
    verdict = router.imports.judge_local(prefix)
    if verdict.reason is None:
        return None
    return AltRejectedRow(
        instance_id=prefix.instance_id,
        prefix=prefix.pack(),
        peer=None,
        reason=verdict.reason,
        why=IMPORT_REASONS[verdict.reason],
        delegation=None if verdict.block is None else verdict.block.pack(),
        as_path=[],
    )


def tunnel_rows(instance: AltInstance) -> Iterator[AltTunnelRow]:
    """The tunnels that are open, and one row for what belongs to none of them."""
    carrier = instance.carrier
    dropped: dict[str, Counter[str]] = {"": Counter(carrier.backend.strays())}
    for (name, reason), count in carrier.counters.dropped.items():
        dropped.setdefault(name, Counter())[reason] += count
    specs = carrier.specs
    for name, counters in carrier.backend.counters().items():
        spec = specs[name]
        yield AltTunnelRow(
            instance_id=instance.config.instance_id,
            name=name,
            backend=carrier.backend.kind,
            remote=spec.remote,
            key=spec.key,
            inner=[inner for inner in (spec.inner4, spec.inner6) if inner is not None],
            mtu=spec.inner_mtu,
            packets_in=counters.packets_in,
            octets_in=counters.octets_in,
            packets_out=counters.packets_out,
            octets_out=counters.octets_out,
            dropped=dict(dropped.get(name, Counter()) + Counter(counters.dropped)),
        )
    yield AltTunnelRow(
        instance_id=instance.config.instance_id,
        name=None,
        backend=carrier.backend.kind,
        remote=None,
        key=None,
        inner=[],
        mtu=None,
        packets_in=0,
        octets_in=0,
        packets_out=0,
        octets_out=0,
        dropped=dict(dropped[""]),
    )
