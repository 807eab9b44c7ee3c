"""Map-Register from its octets to its effects: judge, change, acknowledge, tell (RFC 9301, 8.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from mapsys.core.admission import MESSAGE, Authenticated, Claim, authenticate, claims_of
from mapsys.core.adoption import Adoption
from mapsys.core.changes import Changes, Message
from mapsys.core.details import Details
from mapsys.core.effects import (
    Datagram,
    Dropped,
    Effect,
    Endpoint,
    Refused,
    Send,
)
from mapsys.core.history import History
from mapsys.core.key_uses import KeyUses
from mapsys.core.limiter import Budgets
from mapsys.core.more_specifics import Ceilings, Growth, MoreSpecifics
from mapsys.core.notify import CONTROL_PORT, NotifyQueue, acknowledge
from mapsys.core.publish import read_record
from mapsys.core.questions import LocalAddresses
from mapsys.core.reasons import Drop, Refusal
from mapsys.core.recipients import recipient_of
from mapsys.core.relay_path import RelayPath, Rtrs
from mapsys.core.replay import Check, digest_of, is_proof, nonce_is_new
from mapsys.core.site import SiteTable
from mapsys.core.teaching import Teaching
from mapsys.core.verdict import (
    Kind,
    Verdict,
    flags_of,
    has_old_map_version,
    judge,
    registrant_of_copy,
    split,
)
from mapsys.eid import EidPrefix
from mapsys.store import Mapping, Registration, Store
from mapsys.wire.map_register import MapRegister
from mapsys.wire.records import EidRecord

_GROWING = (Kind.FIRST, Kind.JOIN, Kind.CHANGE, Kind.MOVE)
Elsewhere = Callable[[EidPrefix, bytes, float], bool]
"""Whether a member of a fleet has not run out although its deadline here has passed; the
deadline has then been moved."""

_UNCHANGED = (Kind.REFRESH, Kind.LATE, Kind.NOTHING)


class Registrar:
    """Turns Map-Registers into state and effects; the store holds the state.

    writable: whether the journal takes changes; while it does not, Map-Registers
    are refused, since they could not be acknowledged.
    """

    def __init__(
        self,
        store: Store,
        sites: SiteTable,
        budgets: Budgets,
        notifies: NotifyQueue,
        fresh_nonce: Callable[[], int],
        *,
        key_uses: KeyUses,
        wall_offset: float,
        lifetime_seconds: int,
        rtrs: Rtrs,
        history: History,
        about_to_change: Callable[[EidPrefix], None],
        ceilings: Ceilings,
    ) -> None:
        self._store = store
        self._key_uses = key_uses
        self._sites = sites
        self._budgets = budgets
        self._notifies = notifies
        self._fresh_nonce = fresh_nonce
        self._rtrs = rtrs
        self._history = history
        self._lifetime_seconds = lifetime_seconds
        self._about_to_change = about_to_change
        self.counts = MoreSpecifics(store, sites, ceilings)
        self._changes = Changes(
            store,
            self.counts,
            history,
            wall_offset=wall_offset,
            lifetime_seconds=lifetime_seconds,
            about_to_change=about_to_change,
        )
        self._teaching = Teaching(
            store,
            sites,
            budgets,
            self._changes,
            key_uses=key_uses,
            counts=self.counts,
            history=history,
            wall_offset=wall_offset,
            is_writable=lambda: self.writable,
        )
        self.writable = True

    def register(
        self,
        register: MapRegister,
        datagram: Datagram,
        now: float,
        *,
        relay: RelayPath | None = None,
    ) -> list[Effect]:
        """Handle one Map-Register; all its records are accepted, or none.

        relay: the way back through the RTR that passed it on; the datagram is then
        the Map-Register as the xTR signed it, from the RTR.
        """
        who = authenticate(register, datagram, self._sites, self._budgets, now)
        if isinstance(who, Dropped):
            return [who]
        site = who.site
        if not self._budgets.take_register(site.name, site.register_rate, now):
            return [Dropped(datagram.source, MESSAGE, Drop.RATE_LIMITED, site.name)]
        if not self.writable:
            detail = "the journal cannot be written; the server's log says why"
            reason = Refusal.JOURNAL_UNAVAILABLE
            return [Refused(datagram.source, site.name, None, reason, detail)]
        claims = claims_of(register, who, datagram, relayed=relay is not None)
        if isinstance(claims, Refused):
            return [claims]
        held = [self._store.get(claim.eid) for claim in claims]
        if who.check is Check.OCTETS:
            # All records of one message share its digest, so the first tells enough.
            registrant = registrant_of_copy(register, held[0])
            if registrant is not None:
                who = replace(who, registrant=registrant)
        message = Message(register, who, datagram, now, relay)
        verdicts = self._judge(claims, held, message)
        if isinstance(verdicts, Refused):
            return [verdicts]
        problem = self._replay_problem(verdicts, held, message)
        if problem is not None:
            return [Dropped(datagram.source, MESSAGE, problem, site.name)]
        return self._carry_out(verdicts, message)

    def expire(self, eid: EidPrefix, registrant: bytes, now: float) -> list[Effect]:
        """Remove a contribution whose deadline has passed; the xTRs left are told."""
        effects, published = self._changes.expire(eid, registrant, now)
        if published is not None:
            active, _ = split(self._store.get(eid))
            merging = [r for r in active if Details.unpack(r.details).merges]
            effects.extend(self._tell(merging, published, now))
        return effects

    def expire_due(self, now: float, limit: int, lives_elsewhere: Elsewhere) -> list[Effect]:
        """Remove a slice of the contributions whose deadlines have passed."""
        effects: list[Effect] = []
        for eid, registrant in self._store.due(now, limit):
            if not lives_elsewhere(eid, registrant, now):
                effects.extend(self.expire(eid, registrant, now))
        return effects

    def adoption(self, local: LocalAddresses) -> Adoption:
        """What takes over registrations from other members of a fleet."""
        return Adoption(
            self._store,
            self._sites,
            self.counts,
            self._history,
            local=local,
            lifetime_seconds=self._lifetime_seconds,
            about_to_change=self._about_to_change,
        )

    def recount(self) -> None:
        """Count the more-specifics anew, after the store was changed from elsewhere."""
        self.counts.recount()

    def _judge(
        self, claims: Sequence[Claim], held: Sequence[Mapping | None], message: Message
    ) -> list[Verdict] | Refused:
        """held: what the store holds for each claim."""
        register, who, source = message.register, message.who, message.datagram.source
        flags = flags_of(register, relayed=message.relay is not None)
        verdicts = []
        for claim, mapping in zip(claims, held, strict=True):
            verdict = judge(claim, mapping, register, who, flags)
            if not isinstance(verdict, Verdict):
                reason, detail = verdict
                return Refused(source, who.site.name, claim.eid, reason, detail)
            verdicts.append(verdict)
        over = self.counts.over_limit(
            _growth(verdict, who.site.name) for verdict in verdicts if verdict.kind in _GROWING
        )
        if over is not None:
            return Refused(source, who.site.name, over.eid, over.reason, over.detail)
        return verdicts

    def _replay_problem(
        self, verdicts: Sequence[Verdict], held: Sequence[Mapping | None], message: Message
    ) -> Drop | None:
        register, who = message.register, message.who
        if who.check is Check.NONCE and not nonce_is_new(self._store, who.mark, register.nonce):
            return Drop.REPLAYED
        # A former registrant's late refresh changes nothing, so it may be repeated.
        changes_something = any(v.kind is not Kind.LATE for v in verdicts)
        if (
            who.check is Check.OCTETS
            and changes_something
            and self._store.is_superseded(digest_of(register), message.now)
        ):
            return Drop.REPLAYED
        if any(
            has_old_map_version(verdict.claim, mapping)
            for verdict, mapping in zip(verdicts, held, strict=True)
        ):
            return Drop.OLD_MAP_VERSION
        return None

    def _carry_out(self, verdicts: Sequence[Verdict], message: Message) -> list[Effect]:
        who, register, now = message.who, message.register, message.now
        to_tell = [(self._to_tell(v, who), v.published) for v in verdicts]
        self._key_uses.note(who.site.name, who.key, who.secret, now)
        if who.check is Check.NONCE:
            self._store.raise_nonce(who.mark, register.nonce)
        sender = message.datagram.source.host
        if is_proof(register, who.check, sender):
            self._budgets.prove(self._budgets.host(sender), now)
        effects: list[Effect] = []
        for verdict in verdicts:
            effects.extend(self._changes.carry_out(verdict, message))
        if all(v.kind in _UNCHANGED for v in verdicts):
            effects.append(self._teaching.refreshed(verdicts, message))
        if register.want_map_notify:
            octets = acknowledge(register, [_answer(v) for v in verdicts], who.secret)
            datagram = message.datagram
            port = datagram.source.port if who.site.notify_to_source else CONTROL_PORT
            destination = Endpoint(datagram.source.host, port)
            if message.relay is not None:
                octets, destination = message.relay.wrap(octets), message.relay.destination
            effects.append(
                Send(
                    octets,
                    destination,
                    datagram.local,
                    after=self._store.ticket,
                    admissions=self._teaching.admissions(verdicts, message),
                )
            )
        for registrations, published in to_tell:
            if published is not None:
                effects.extend(self._tell(registrations, published, now))
        if not register.want_map_notify:
            late = [v for v in verdicts if v.kind is Kind.LATE]
            for verdict in late:
                if verdict.own is not None and verdict.published is not None:
                    effects.extend(self._tell([verdict.own], verdict.published, now))
        return effects

    def _to_tell(self, verdict: Verdict, who: Authenticated) -> list[Registration]:
        """The other xTRs whose picture of the mapping is now wrong.

        A move is told to those it moved away from; a changed union to those who
        are merged in it; a new more-specific to those who hold the prefix it was
        carved out of, since they are where its host was before.
        """
        others = [r for r in verdict.active if r is not verdict.own]
        if verdict.kind is Kind.FIRST:
            if verdict.claim.eid == verdict.claim.rule.prefix:
                return []
            above = self._store.longest_match(verdict.claim.eid)
            active, _ = split(above)
            return [r for r in active if r.registrant != who.registrant]
        if verdict.kind is Kind.MOVE:
            return others
        if verdict.kind in (Kind.JOIN, Kind.CHANGE, Kind.WITHDRAW):
            return [r for r in others if Details.unpack(r.details).merges]
        return []

    def _tell(
        self, registrations: Sequence[Registration], published: bytes, now: float
    ) -> list[Effect]:
        effects: list[Effect] = []
        for registration in registrations:
            recipient = recipient_of(registration, self._sites, self._rtrs)
            if recipient is not None:
                send = self._notifies.tell(
                    recipient,
                    [read_record(published)],
                    self._fresh_nonce(),
                    now,
                    after=self._store.ticket,
                )
                effects.append(send)
        return effects


def _growth(verdict: Verdict, site: str) -> Growth:
    """What a claim that is carried out adds to what is held."""
    claim, own = verdict.claim, verdict.own
    octets = len(verdict.octets) - (0 if own is None else len(own.record))
    return Growth(claim.eid, site, claim.rule, verdict.kind is Kind.FIRST, octets)


def _answer(verdict: Verdict) -> EidRecord:
    """The record that acknowledges a claim.

    What the ETR said, save where others have a say: a merged set, or the mapping
    that has moved away from a late registrant.
    """
    shared = verdict.kind in (Kind.LATE, Kind.JOIN, Kind.CHANGE, Kind.REFRESH)
    if shared and verdict.published is not None and verdict.published != verdict.octets:
        return read_record(verdict.published)
    return verdict.claim.record
