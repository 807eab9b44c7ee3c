"""AltRouter: BGP events in, words for the speaker and changes for the FIB out.

Sans-IO: it is told everything and reads no clock. On the path it stands between
``bgp.speaker``, which carries events here, and ``fib``, which takes the changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final

from alt.bgp.events import (
    AltEvent,
    AnnounceRefused,
    DayChanged,
    EndOfRibReceived,
    EventsLost,
    OpenReceived,
    OriginateLocal,
    PeerDown,
    PeerEvent,
    PeerUp,
    RefreshKind,
    RefreshReceived,
    SpeakerLost,
    UpdateReceived,
    WithdrawLocal,
)
from alt.damping import (
    FLAP_PENALTY,
    LEAK_PENALTY,
    NEIGHBOUR_RULE,
    ROUTE_RULE,
    FlapDamping,
)
from alt.effects import (
    AltEffect,
    EndOfRib,
    Rejected,
    RequestRefresh,
    Resume,
    Suspend,
    Teardown,
)
from alt.export import ExportPolicy
from alt.model import AltConfig, Tunnel
from alt.peer import Peer
from alt.policy import ImportPolicy
from alt.reasons import LEAK_REASONS
from alt.rib.adj_in import Heard
from alt.rib.attributes import PathAttributes
from alt.rib.loc_rib import Route
from alt.roles import Role
from alt.selection import Selection
from mapsys.eid import EidPrefix, Family

EXPORT_BATCH_SECONDS: Final = 0.05
"""Changes wait this long for company before neighbours are told."""
CEASE_MAX_PREFIX: Final = 1
CEASE_ADMINISTRATIVE_SHUTDOWN: Final = 2
"""Subcodes of Cease (RFC 4486, 4)."""

_DAMPED_ROLES: Final = frozenset({Role.CHILD})
"""Routes are damped where they enter the ALT, and nowhere else (RFC 6836, 7.3)."""


class AltRouter:
    """One ALT instance: Adj-RIBs, decision, aggregation, and who is told what.

    today: the day (UTC) by which delegations are judged.
    """

    def __init__(self, config: AltConfig, today: date) -> None:
        self.config = config
        self.imports = ImportPolicy(config, today)
        self.peers: dict[str, Peer] = {t.name: Peer(t) for t in config.tunnels}
        self._exports = ExportPolicy(config, self.imports)
        self._selection = Selection(config, self.imports)
        self.loc_rib = self._selection.loc_rib
        self._wanted_sites: set[EidPrefix] = set()
        self._flaps: dict[str, FlapDamping[EidPrefix]] = {}
        self._misbehaviour: FlapDamping[str] = FlapDamping(NEIGHBOUR_RULE)
        self._unsent: set[EidPrefix] = set()
        self._export_at: float | None = None

    def start(self, now: float) -> list[AltEffect]:
        """What holds before the first event: own blocks and holes."""
        return self._settle(self._selection.known, now)

    def handle(self, event: AltEvent, now: float) -> list[AltEffect]:
        """Take one event.

        now: seconds on the caller's monotonic clock, never decreasing.
        Returns effects in the order they take place. An event of a neighbour
        that is not configured (any more) has none; nothing is raised.
        """
        match event:
            case OriginateLocal(prefix):
                return self._originate(prefix, now)
            case WithdrawLocal(prefix):
                self._wanted_sites.discard(prefix)
                return self._withdraw_site(prefix, now)
            case SpeakerLost():
                gone = [(p, p.speaker_lost(now)) for p in self.peers.values()]
                changed = {prefix for peer, routes in gone for prefix in self._drop(peer, routes)}
                return self._settle(changed, now)
            case DayChanged(today):
                return self.reconfigure(self.config, today, now)
        peer = self.peers.get(event.peer)
        return [] if peer is None else self._handle_peer(peer, event, now)

    def _handle_peer(self, peer: Peer, event: PeerEvent, now: float) -> list[AltEffect]:
        match event:
            case AnnounceRefused(prefixes=prefixes):
                peer.adj_out.forget(prefixes)
                return []
            case PeerDown():
                return self._down(peer, event, now)
        if peer.held_until is not None:
            return []
        match event:
            case OpenReceived():
                peer.opened(event)
                return []
            case PeerUp():
                return self._up(peer, now)
            case UpdateReceived():
                return self._learn(peer, event, now)
            case EndOfRibReceived(family=family):
                return self._settle(self._drop(peer, peer.end_of_rib(family)), now)
            case EventsLost():
                return [RequestRefresh(peer.tunnel.name, family) for family in peer.families]
            case RefreshReceived(family=family, kind=RefreshKind.BEGIN):
                peer.refresh_began(family, now)
            case RefreshReceived(family=family, kind=RefreshKind.END):
                return self._settle(self._drop(peer, peer.adj_in.sweep(family)), now)
        # A wish for a refresh is answered by the speaker from its own copy, and after
        # a NOTIFICATION comes PeerDown.
        return []

    def reconfigure(self, config: AltConfig, today: date, now: float) -> list[AltEffect]:
        """Go over to another configuration or day; what was heard is judged again."""
        changed = self._selection.known
        kept = {tunnel.name: tunnel for tunnel in config.tunnels}
        for name in [name for name in self.peers if name not in kept]:
            peer = self.peers.pop(name)
            self._flaps.pop(name, None)
            changed |= self._drop(peer, peer.adj_in.clear())
        for name, tunnel in kept.items():
            self.peers.setdefault(name, Peer(tunnel)).tunnel = tunnel
        self.config = config
        self.imports = ImportPolicy(config, today)
        self._exports = ExportPolicy(config, self.imports)
        self._selection.adopt(config, self.imports)
        effects: list[AltEffect] = []
        for peer in self.peers.values():
            for prefix, heard in peer.adj_in.routes.items():
                effects += self._judge(peer, prefix, heard, now)
            changed.update(peer.adj_in.routes)
        for prefix in self._wanted_sites:
            effects += self._judge_site(prefix)
        changed |= self._wanted_sites | self._selection.known | self._defaults()
        return effects + self._settle(changed, now)

    def next_deadline(self) -> float | None:
        """When to call :meth:`expire` next; None: not before another event."""
        deadlines = [self._export_at]
        for peer in self.peers.values():
            deadlines += (peer.stale_until, peer.held_until)
        deadlines += (damping.next_deadline() for damping in self._flaps.values())
        return min((d for d in deadlines if d is not None), default=None)

    def expire(self, now: float) -> list[AltEffect]:
        """Do what is due: sweep stale routes, end hold-offs and damping, tell neighbours."""
        effects: list[AltEffect] = []
        changed: set[EidPrefix] = set()
        self._misbehaviour.release(now)
        for name, peer in self.peers.items():
            changed |= self._drop(peer, peer.expire(now))
            if peer.held_until is not None and peer.held_until <= now:
                peer.held_until = None
                effects.append(Resume(name))
        for name, damping in self._flaps.items():
            peer = self.peers[name]
            for prefix in damping.release(now):
                if (heard := peer.adj_in.routes.get(prefix)) is not None:
                    effects += self._judge(peer, prefix, heard, now)
                    changed.add(prefix)
        effects += self._settle(changed, now)
        if self._export_at is not None and self._export_at <= now:
            effects += self._export()
        return effects

    def knows_what_is_missing(self, family: Family) -> bool:
        """Whether a prefix without a route is known not to exist.

        True after End-of-RIB from a parent that sends more than a default route;
        at the top, after End-of-RIB from every peer.
        """
        default = EidPrefix(self.config.instance_id, family, 0, 0)
        above = [p for p in self.peers.values() if p.tunnel.role.is_above]
        if above:
            return any(family in p.complete and default not in p.adj_in.routes for p in above)
        beside = [p for p in self.peers.values() if p.tunnel.role is Role.PEER]
        return all(family in p.complete for p in beside if family in p.tunnel.families)

    def wanted(self, peer: Peer) -> Iterator[tuple[EidPrefix, PathAttributes]]:
        """The Adj-RIB-Out of a neighbour, computed from scratch."""
        prefixes = {route.prefix for route in self.loc_rib} | self._defaults()
        for prefix in sorted(prefixes):
            if (attributes := self._wanted(peer, prefix)) is not None:
                yield prefix, attributes

    # Learning.

    def _learn(self, peer: Peer, update: UpdateReceived, now: float) -> list[AltEffect]:
        effects: list[AltEffect] = []
        changed = set(update.withdrawn)
        for prefix in update.withdrawn:
            heard = peer.adj_in.routes.pop(prefix, None)
            if heard is not None and heard.reason in (None, "damped"):
                self._charge_route(peer, prefix, now)
            self.loc_rib.retract(prefix, peer.tunnel.name)
        for attributes, prefixes in update.announced:
            shared = self._selection.pool.intern(attributes)
            for prefix in prefixes:
                held = peer.adj_in.routes.get(prefix)
                if held is not None and held.attributes != shared and held.reason is None:
                    self._charge_route(peer, prefix, now)
                heard = Heard(shared)
                peer.adj_in.routes[prefix] = heard
                before = held.reason if held is not None else None
                effects += self._judge(peer, prefix, heard, now, before)
            changed.update(prefixes)
        effects += self._settle(changed, now)
        if len(peer.adj_in) > peer.tunnel.max_prefix:
            until = now + peer.tunnel.hold_off_seconds
            effects += self._hold(peer, "max-prefix", CEASE_MAX_PREFIX, until, now)
        elif self._misbehaviour.is_suppressed(peer.tunnel.name):
            effects += self._quarantine(peer, now)
        return effects

    def _judge(
        self, peer: Peer, prefix: EidPrefix, heard: Heard, now: float, before: str | None = None
    ) -> Iterator[Rejected]:
        """Set a route's verdict and its place among the candidates; a new refusal is told.

        before: the reason why the same prefix was refused until now.
        """
        tunnel = peer.tunnel
        before = before or heard.reason
        heard.delegation = None
        heard.reason = self.imports.judge_path(tunnel, prefix.family, heard.attributes)
        if heard.reason is None:
            verdict = self.imports.judge(tunnel, prefix)
            heard.reason, heard.delegation = verdict.reason, verdict.block
        if heard.reason is None and self._is_damped(tunnel, prefix):
            heard.reason = "damped"
        if heard.reason is None:
            self.loc_rib.offer(
                Route(prefix, tunnel.name, tunnel.role, heard.attributes, peer.router_id)
            )
            return
        self.loc_rib.retract(prefix, tunnel.name)
        if heard.reason != before:
            if heard.reason in LEAK_REASONS and not tunnel.role.is_above:
                self._misbehaviour.charge(tunnel.name, LEAK_PENALTY, now)
            yield Rejected(tunnel.name, prefix, heard.reason, heard.delegation)

    def _charge_route(self, peer: Peer, prefix: EidPrefix, now: float) -> None:
        if peer.tunnel.role in _DAMPED_ROLES:
            damping = self._flaps.setdefault(peer.tunnel.name, FlapDamping(ROUTE_RULE))
            damping.charge(prefix, FLAP_PENALTY, now)

    def _is_damped(self, tunnel: Tunnel, prefix: EidPrefix) -> bool:
        damping = self._flaps.get(tunnel.name)
        return damping is not None and damping.is_suppressed(prefix)

    def _drop(self, peer: Peer, prefixes: Iterable[EidPrefix]) -> set[EidPrefix]:
        """Retract routes that left an Adj-RIB-In; returns the prefixes to settle."""
        dropped = set(prefixes)
        for prefix in dropped:
            self.loc_rib.retract(prefix, peer.tunnel.name)
        return dropped

    # Sessions.

    def _up(self, peer: Peer, now: float) -> list[AltEffect]:
        effects = self._settle(self._drop(peer, peer.up(now)), now)
        wanted: dict[EidPrefix, PathAttributes | None] = dict.fromkeys(peer.adj_out.told)
        wanted.update(self.wanted(peer))
        effects += peer.adj_out.update(wanted.items(), repeat=True)
        effects += (EndOfRib(peer.tunnel.name, family) for family in peer.families)
        return effects

    def _down(self, peer: Peer, event: PeerDown, now: float) -> list[AltEffect]:
        was_up = peer.is_up
        effects = self._settle(self._drop(peer, peer.down(clean=event.clean, now=now)), now)
        if (
            was_up
            and not peer.tunnel.role.is_above
            and self._misbehaviour.charge(peer.tunnel.name, FLAP_PENALTY, now)
        ):
            effects += self._quarantine(peer, now)
        return effects

    def _quarantine(self, peer: Peer, now: float) -> list[AltEffect]:
        until = self._misbehaviour.reuse_at(peer.tunnel.name)
        return self._hold(peer, "quarantined", CEASE_ADMINISTRATIVE_SHUTDOWN, until, now)

    def _hold(
        self, peer: Peer, reason: str, subcode: int, until: float, now: float
    ) -> list[AltEffect]:
        """Close a session and keep it closed: the speaker alone would reconnect at once."""
        name = peer.tunnel.name
        close: list[AltEffect] = [Teardown(name, reason, subcode)] if peer.is_up else []
        effects = [*close, Suspend(name), *self._settle(self._drop(peer, peer.clear()), now)]
        peer.held_until = until
        return effects

    # Own prefixes.

    def _originate(self, prefix: EidPrefix, now: float) -> list[AltEffect]:
        self._wanted_sites.add(prefix)
        effects: list[AltEffect] = list(self._judge_site(prefix))
        return effects + self._settle({prefix}, now)

    def _judge_site(self, prefix: EidPrefix) -> Iterator[Rejected]:
        verdict = self.imports.judge_local(prefix)
        if verdict.reason is None:
            self._selection.sites.add(prefix)
        else:
            self._selection.sites.discard(prefix)
            yield Rejected(None, prefix, verdict.reason, verdict.block)

    def _withdraw_site(self, prefix: EidPrefix, now: float) -> list[AltEffect]:
        self._selection.sites.discard(prefix)
        return self._settle({prefix}, now)

    # Out to the FIB and to neighbours.

    def _settle(self, changed: set[EidPrefix], now: float) -> list[AltEffect]:
        touched, fib_changes = self._selection.settle(changed)
        if touched:
            self._unsent |= touched
            self._export_soon(now)
        return list(fib_changes)

    def _export_soon(self, now: float) -> None:
        if self._export_at is None:
            self._export_at = now + EXPORT_BATCH_SECONDS

    def _export(self) -> list[AltEffect]:
        unsent = sorted(self._unsent)
        self._unsent.clear()
        self._export_at = None
        effects: list[AltEffect] = []
        for peer in self.peers.values():
            if peer.is_up:
                effects += peer.adj_out.update((p, self._wanted(peer, p)) for p in unsent)
        return effects

    def _wanted(self, peer: Peer, prefix: EidPrefix) -> PathAttributes | None:
        if prefix.family not in peer.families:
            return None
        if prefix.length == 0:
            default = self._exports.default_route(peer.tunnel, prefix.family)
            if default is not None:
                return default
        route = self.loc_rib.best(prefix)
        return None if route is None else self._exports.outgoing(peer.tunnel, route)

    def _defaults(self) -> set[EidPrefix]:
        return {EidPrefix(self.config.instance_id, f, 0, 0) for f in (Family.IPV4, Family.IPV6)}
