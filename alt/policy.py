"""Import policy: which announcements of which neighbour this node believes.

Everything follows from the delegations, the blocks and the neighbour's role.
:class:`ImportPolicy` is a pure function of the configuration and the day; what
depends on the path (AS path, next hop, damping) is judged elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from alt.delegation import Delegation, Delegations
from alt.model import AltConfig, Tunnel
from alt.rib.attributes import PathAttributes
from alt.roles import Role
from mapsys.eid import EidPrefix, Family


@dataclass(frozen=True, slots=True)
class Verdict:
    """What policy says to one prefix.

    reason: from ``alt.reasons.IMPORT_REASONS``; None accepts.
    delegation: the one that decided, if one did.
    """

    reason: str | None
    delegation: Delegation | None = None

    @property
    def block(self) -> EidPrefix | None:
        """The block of the delegation that decided."""
        return self.delegation.block if self.delegation else None


class ImportPolicy:
    """Judges prefixes for one ALT instance; the first reason that applies is given.

    Source: RFC 6836, 4.2.
    """

    def __init__(self, config: AltConfig, today: date) -> None:
        self.config = config
        self.today = today
        self.delegations = Delegations(config.delegations)
        self._here = frozenset((config.name, *config.siblings))
        self._remotes = [t.remote_as_eid(config.instance_id) for t in config.tunnels]
        self._far_ends = {
            (t.name, family): t.peer_address(family)
            for t in config.tunnels
            for family in t.families
        }
        self._served = [
            d.block
            for d in config.delegations
            if self.delegations.is_exception(d) and config.name in d.providers
        ]

    def judge(self, tunnel: Tunnel, prefix: EidPrefix) -> Verdict:
        """The verdict on a prefix that came through a tunnel."""
        verdict = self._general(prefix, tunnel.role) or self._by_role(tunnel, prefix)
        if verdict.reason is None and tunnel.allow and not _any_covers(tunnel.allow, prefix):
            return Verdict("not-allowed", verdict.delegation)
        return verdict

    def judge_local(self, prefix: EidPrefix) -> Verdict:
        """The verdict on a prefix that the Map-Server here wants to originate."""
        verdict = self._general(prefix, Role.LOCAL)
        if verdict is not None:
            return verdict
        delegation = self.delegations.best(prefix)
        if delegation is not None and delegation.holder in self._here:
            return self._within(delegation, prefix)
        if not self.is_in_own_block(prefix) and not self._is_served(prefix):
            return Verdict("outside-block")
        if delegation is None:
            return Verdict("not-delegated")
        if delegation.providers and self.config.name not in delegation.providers:
            return Verdict("moved", delegation)
        return self._within(delegation, prefix)

    def judge_path(self, tunnel: Tunnel, family: Family, attributes: PathAttributes) -> str | None:
        """The reason to refuse a route for its path, or None.

        Each ALT router is one AS hop, and a next hop is the far end of the tunnel.
        Source: RFC 6836, 4.3; RFC 4271, 6.3 and 9.
        """
        if self.config.own_as in attributes.as_path:
            return "as-loop"
        if tunnel.peer_as != self.config.own_as and attributes.as_path[:1] != (tunnel.peer_as,):
            return "first-as"
        if attributes.next_hop != self._far_ends.get((tunnel.name, family)):
            return "next-hop"
        return None

    def is_in_own_block(self, prefix: EidPrefix) -> bool:
        """Whether a block that this node announces holds the prefix."""
        return _any_covers(self.config.blocks, prefix)

    def is_served_exception(self, prefix: EidPrefix) -> bool:
        """Whether the prefix is a registered exception that this node provides for."""
        return prefix in self._served

    def is_taken_exception(self, prefix: EidPrefix) -> bool:
        """Whether the prefix is a registered exception inside an own block, served elsewhere."""
        delegation = self.delegations.exactly(prefix)
        return (
            delegation is not None
            and self.delegations.is_exception(delegation)
            and self._aggregates_around(delegation)
        )

    def is_moved(self, delegation: Delegation) -> bool:
        """Whether the block lies in an own block, but another provider serves it now."""
        around = self.delegations.around(delegation.block)
        return (
            around is not None
            and around.holder in self._here
            and bool(delegation.providers)
            and not self._here & set(delegation.providers)
        )

    def _general(self, prefix: EidPrefix, role: Role) -> Verdict | None:
        if prefix.is_host:
            return Verdict("host-route")
        if prefix.length == 0:
            return Verdict(None if role.is_above else "default-route")
        if _any_covered(self._remotes, prefix):
            return Verdict("covers-tunnel-remote")
        if _any_covers(self.config.non_lisp, prefix):
            return Verdict("non-lisp-hole")
        return None

    def _by_role(self, tunnel: Tunnel, prefix: EidPrefix) -> Verdict:
        match tunnel.role:
            case Role.CHILD:
                return self._from_child(tunnel.neighbor, prefix)
            case Role.PEER:
                return self._from_peer(prefix)
            case Role.SIBLING:
                return self._from_sibling(prefix)
        return self._from_above(prefix)

    def _from_above(self, prefix: EidPrefix) -> Verdict:
        """Anything but what this node itself answers for: that would be a loop or a theft."""
        if self.is_in_own_block(prefix) or self._is_served(prefix):
            return Verdict("own-block", self.delegations.best(prefix))
        return Verdict(None)

    def _from_peer(self, prefix: EidPrefix) -> Verdict:
        if self._touches_own(prefix):
            return Verdict("own-block", self.delegations.best(prefix))
        if prefix.length > self.config.longest(prefix.family):
            return Verdict("more-specific-on-horizontal", self.delegations.best(prefix))
        delegation = self.delegations.best(prefix)
        if delegation is None or delegation.level is not self.config.level:
            return Verdict("not-delegated", delegation)
        return self._within(delegation, prefix)

    def _from_sibling(self, prefix: EidPrefix) -> Verdict:
        if _any_covered(self.config.blocks, prefix):
            return Verdict("own-block", self.delegations.best(prefix))
        if not self.is_in_own_block(prefix):
            return Verdict("outside-block", self.delegations.best(prefix))
        delegation = self.delegations.best(prefix)
        if delegation is None or delegation.holder in self._here:
            return Verdict("not-delegated", delegation)
        return self._component(delegation, prefix)

    def _from_child(self, neighbor: str, prefix: EidPrefix) -> Verdict:
        aggregated = (*self.config.blocks, *self.config.backup_blocks)
        if _any_covered(aggregated, prefix):
            return Verdict("own-block", self.delegations.best(prefix))
        delegation = self.delegations.best(prefix)
        inside = _any_covers(aggregated, prefix)
        if not inside and not self._is_served(prefix):
            return Verdict("outside-block", delegation)
        if delegation is None:
            return Verdict("not-delegated")
        if neighbor not in self._announcers(delegation):
            return Verdict("not-delegated", delegation)
        return self._component(delegation, prefix)

    def _announcers(self, delegation: Delegation) -> tuple[str, ...]:
        """Who may announce a block to this node: its holder, or the provider it went to."""
        if self._aggregates_around(delegation) and (
            self.delegations.is_exception(delegation) or self.delegations.is_over_cap(delegation)
        ):
            return delegation.providers
        return (delegation.holder,)

    def _component(self, delegation: Delegation, prefix: EidPrefix) -> Verdict:
        """A part of an aggregate: from a provider of this side, or a registered exception."""
        if self.delegations.is_over_cap(delegation):
            return Verdict("exception-over-cap", delegation)
        if self.delegations.is_exception(delegation) and self._aggregates_around(delegation):
            if prefix != delegation.block:
                return Verdict("too-long", delegation)
            return self._within(delegation, prefix)
        if delegation.providers and not self._here & set(delegation.providers):
            return Verdict("moved", delegation)
        return self._within(delegation, prefix)

    def _aggregates_around(self, delegation: Delegation) -> bool:
        """Whether this node is a parent of the block that an exception left."""
        around = self.delegations.around(delegation.block)
        return (
            around is not None
            and around.holder not in self._here
            and any(
                block.covers(around.block)
                for block in (*self.config.blocks, *self.config.backup_blocks)
            )
        )

    def _within(self, delegation: Delegation, prefix: EidPrefix) -> Verdict:
        if not delegation.is_valid(self.today):
            return Verdict("delegation-not-valid", delegation)
        if prefix.length > self.config.levels.lengths(delegation.level, prefix.family).longest:
            return Verdict("too-long", delegation)
        return Verdict(None, delegation)

    def _touches_own(self, prefix: EidPrefix) -> bool:
        return (
            self.is_in_own_block(prefix)
            or self._is_served(prefix)
            or _any_covered(self.config.blocks, prefix)
        )

    def _is_served(self, prefix: EidPrefix) -> bool:
        return _any_covers(self._served, prefix)


def _any_covers(blocks: Iterable[EidPrefix], prefix: EidPrefix) -> bool:
    return any(block.covers(prefix) for block in blocks)


def _any_covered(blocks: Iterable[EidPrefix], prefix: EidPrefix) -> bool:
    return any(prefix.covers(block) for block in blocks)
