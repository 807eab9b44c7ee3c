"""Verdicts carried out on the store: who counts, who is remembered, what is published."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from mapsys.core.admission import Authenticated
from mapsys.core.details import FORMER, NEXT_SECRET, Details
from mapsys.core.effects import Datagram, Effect, Expired, Moved, Registered, Withdrawn
from mapsys.core.history import Happening, History, Mover
from mapsys.core.more_specifics import MoreSpecifics, octets_of
from mapsys.core.relay_path import RelayPath
from mapsys.core.replay import SUPERSEDED_LIFETIMES, Check, check_for, digest_of
from mapsys.core.verdict import Kind, Verdict, flags_of, split, union
from mapsys.eid import EidPrefix
from mapsys.store import Registration, Store
from mapsys.wire.map_register import MapRegister

REGISTRATION_LIFETIME_SECONDS: Final = 180
"""Three missed registrations a minute apart (RFC 9301, 8.2)."""

FORMER_LIFETIME_SECONDS: Final = 90
"""How long a former registrant must be silent before its old record counts again."""

TTL_MINUTES_BOUND: Final = 0x80000000
"""A TTL from here on is no number of minutes: all ones leaves it to the receiver,
and some ETRs set the top bit to count seconds instead."""


@dataclass(frozen=True, slots=True)
class Message:
    """One authenticated Map-Register on its way into the store.

    relay: the way back to its xTR, where it came through an RTR.
    """

    register: MapRegister
    who: Authenticated
    datagram: Datagram
    now: float
    relay: RelayPath | None = None


class Changes:
    """Writes what was decided; every state change of a registration passes here."""

    def __init__(
        self,
        store: Store,
        counts: MoreSpecifics,
        history: History,
        *,
        wall_offset: float,
        lifetime_seconds: int,
        about_to_change: Callable[[EidPrefix], None],
    ) -> None:
        """wall_offset: seconds since 1970 minus the core's clock.

        about_to_change: is told of each EID-Prefix before what it publishes changes.
        """
        self._store = store
        self._counts = counts
        self._history = history
        self._wall_offset = wall_offset
        self._lifetime = lifetime_seconds
        self._about_to_change = about_to_change

    @property
    def superseded_seconds(self) -> float:
        """How long a Map-Register is remembered once another has taken its place."""
        return float(SUPERSEDED_LIFETIMES * self._lifetime)

    def lifetime_seconds(self, register: MapRegister, ttl_minutes: int) -> int:
        """What a record's registration is granted: its TTL with the T bit, else the default."""
        if register.use_ttl_for_timeout and 0 < ttl_minutes < TTL_MINUTES_BOUND:
            return min(ttl_minutes * 60, 0xFFFFFFFF)
        return self._lifetime

    def carry_out(self, verdict: Verdict, message: Message) -> list[Effect]:
        """Change the store by one verdict."""
        eid = verdict.claim.eid
        source, site = message.datagram.source, message.who.site.name
        match verdict.kind:
            case Kind.NOTHING:
                return []
            case Kind.WITHDRAW:
                self._about_to_change(eid)
                self._withdraw(verdict, message)
                self._note(Happening.WITHDRAWN, verdict, message)
                return [Withdrawn(eid, site, source)]
            case Kind.REFRESH:
                self._refresh(verdict, message)
                return []
            case Kind.LATE:
                self._touch(verdict, message, FORMER_LIFETIME_SECONDS)
                self._note(Happening.LATE, verdict, message)
                return []
        self._about_to_change(eid)
        effects: list[Effect] = []
        own = 0 if verdict.own is None else len(verdict.own.record)
        before_octets = sum(len(r.record) for r in (*verdict.active, *verdict.former))
        after_octets = before_octets + len(verdict.octets) - own
        if verdict.kind is Kind.MOVE:
            gone = [r for r in verdict.active if r is not verdict.own]
            for registration in gone:
                self._make_former(eid, registration, verdict.published, message)
            self._note(Happening.MOVED, verdict, message, gone)
            before = [_mover(r) for r in gone]
            effects.append(
                Moved(
                    eid,
                    site,
                    source,
                    tuple(mover.registrant for mover in before),
                    message.who.registrant,
                    verdict.merge_conflict,
                    tuple(mover.host for mover in before),
                )
            )
        else:
            self._note(
                _HAPPENINGS[verdict.kind],
                verdict,
                message,
                self._around(verdict, message.who),
            )
        self._put(verdict, message)
        effects.append(Registered(eid, site, source, first=not verdict.active))
        if not verdict.active:
            effects.extend(self._counts.added(eid, verdict.claim.rule, site))
        effects.extend(self._counts.resized(eid, before_octets, after_octets))
        return effects

    def expire(
        self, eid: EidPrefix, registrant: bytes, now: float
    ) -> tuple[list[Effect], bytes | None]:
        """Remove one contribution whose deadline has passed, or that is no longer allowed.

        Returns the effects, and what the xTRs that are left now publish together;
        None where there are none left, or a former registrant has just been forgotten.
        """
        active, former = split(self._store.get(eid))
        gone = next((r for r in active if r.registrant == registrant), None)
        if gone is None:
            if active:
                before_octets = octets_of(self._store.get(eid))
                self._store.withdraw(eid, registrant, published=union(active))
                self._counts.resized(eid, before_octets, octets_of(self._store.get(eid)))
            return [], None
        self._about_to_change(eid)
        rest = [r for r in active if r is not gone]
        published = self._remove(eid, gone, rest, former)
        details = Details.unpack(gone.details)
        what = Happening.EXPIRED if gone.deadline <= now else Happening.REMOVED
        self._history.record(what, eid, details.site, _mover(gone), details.key_id, now=now)
        return [Expired(eid, details.site)], published

    def _withdraw(self, verdict: Verdict, message: Message) -> None:
        own = verdict.own
        if own is None:
            raise AssertionError("a withdrawal without a registration")
        rest = [r for r in verdict.active if r is not own]
        self._remove(verdict.claim.eid, own, rest, verdict.former)
        self._supersede(own, message)
        if message.who.check is Check.OCTETS:
            # It has done its work; heard once more, it would undo a new registration.
            until = message.now + self.superseded_seconds
            self._store.supersede(digest_of(message.register), until)

    def _remove(
        self,
        eid: EidPrefix,
        gone: Registration,
        rest: Sequence[Registration],
        former: Sequence[Registration],
    ) -> bytes | None:
        """Take one contribution out; with the last that counts, the former ones go too."""
        published = union(rest)
        before_octets = octets_of(self._store.get(eid))
        if not rest:
            for registration in former:
                self._store.withdraw(eid, registration.registrant, published=gone.record)
            self._counts.removed(eid)
        self._store.withdraw(eid, gone.registrant, published=published)
        self._counts.resized(eid, before_octets, octets_of(self._store.get(eid)))
        return published

    def _refresh(self, verdict: Verdict, message: Message) -> None:
        minutes = verdict.record.record_ttl_minutes
        self._touch(verdict, message, self.lifetime_seconds(message.register, minutes))
        own = verdict.own
        if own is None or own.digest == digest_of(message.register):
            # The same octets again may be a copy that someone else sends: where
            # they came from says nothing about the xTR.
            return
        # Where the xTR is and what it signs with now is what it will be told by.
        held = Details.unpack(own.details)
        if self._details(verdict, message)._replace(local=held.local) != held:
            self._put(verdict, message)

    def _touch(self, verdict: Verdict, message: Message, seconds: float) -> None:
        self._store.touch(
            verdict.claim.eid,
            message.who.registrant,
            deadline=message.now + seconds,
            digest=digest_of(message.register),
        )
        if verdict.own is not None:
            self._supersede(verdict.own, message)

    def _details(self, verdict: Verdict, message: Message) -> Details:
        """What is noted about the registration that a claim makes."""
        register, who, own = message.register, message.who, verdict.own
        first = (
            Details.unpack(own.details).first_registered
            if own is not None and own in verdict.active
            else int(message.now + self._wall_offset)
        )
        relay = message.relay
        flags = flags_of(register, relayed=relay is not None)
        if who.secret is who.key.next:
            flags |= NEXT_SECRET
        return Details(
            who.site.name,
            register.key_id,
            register.algorithm_id,
            len(register.authentication_data),
            flags,
            self.lifetime_seconds(register, verdict.record.record_ttl_minutes),
            first,
            message.datagram.source,
            message.datagram.local,
            register.site_id or bytes(8),
            None if relay is None else relay.inner,
        )

    def _put(self, verdict: Verdict, message: Message) -> None:
        details = self._details(verdict, message)
        published = verdict.published
        if published is None:
            raise AssertionError("a registration that publishes nothing")
        self._store.put(
            verdict.claim.eid,
            message.who.registrant,
            record=verdict.octets,
            details=details.pack(),
            digest=digest_of(message.register),
            deadline=message.now + details.lifetime_seconds,
            published=published,
        )
        if verdict.own is not None:
            self._supersede(verdict.own, message)

    def _note(
        self,
        what: Happening,
        verdict: Verdict,
        message: Message,
        previous: Sequence[Registration] = (),
    ) -> None:
        """Have the history remember what a claim did."""
        self._history.record(
            what,
            verdict.claim.eid,
            message.who.site.name,
            Mover(message.who.registrant, message.datagram.source.host),
            message.register.key_id,
            previous=tuple(map(_mover, previous)),
            merge_conflict=verdict.merge_conflict,
            now=message.now,
        )

    def _around(self, verdict: Verdict, who: Authenticated) -> Sequence[Registration]:
        """Where the hosts of a first registration were before: at the site's other xTRs that
        hold the EID-Prefix around it. Another site's are none of this one's business."""
        if verdict.kind is not Kind.FIRST or verdict.active:
            return ()
        active, _ = split(self._store.longest_match(verdict.claim.eid))
        return [
            r
            for r in active
            if r.registrant != who.registrant and Details.unpack(r.details).site == who.site.name
        ]

    def _make_former(
        self,
        eid: EidPrefix,
        registration: Registration,
        published: bytes | None,
        message: Message,
    ) -> None:
        details = Details.unpack(registration.details)
        self._store.put(
            eid,
            registration.registrant,
            record=registration.record,
            details=details._replace(flags=details.flags | FORMER).pack(),
            digest=registration.digest,
            deadline=message.now + FORMER_LIFETIME_SECONDS,
            published=published or b"",
        )
        self._supersede(registration, message)

    def _supersede(self, old: Registration, message: Message) -> None:
        """A Map-Register that no longer counts must not come back, where octets decided."""
        algorithm_id = Details.unpack(old.details).algorithm_id
        by_octets = check_for(message.who.site, algorithm_id) is Check.OCTETS
        if by_octets and old.digest != digest_of(message.register):
            self._store.supersede(old.digest, message.now + self.superseded_seconds)


def _mover(registration: Registration) -> Mover:
    return Mover(registration.registrant, Details.unpack(registration.details).source.host)


_HAPPENINGS: Final = {
    Kind.FIRST: Happening.REGISTERED,
    Kind.JOIN: Happening.JOINED,
    Kind.CHANGE: Happening.CHANGED,
}
"""Of the kinds of claims that put a registration in place, save moves."""
