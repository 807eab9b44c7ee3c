"""What another member of a fleet says is registered: judged anew, then taken over as it is.

No key vouches for it here, so all that a site may not register is refused, whoever says it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Final

from mapsys.change_log import Put
from mapsys.core.admission import locator_problem
from mapsys.core.changes import TTL_MINUTES_BOUND
from mapsys.core.details import (
    FORMER,
    HAS_XTR_ID,
    TTL_TIMEOUT,
    Details,
)
from mapsys.core.effects import Effect, Endpoint, Moved, Registered, Withdrawn
from mapsys.core.history import Happening, History, Mover
from mapsys.core.more_specifics import Growth, MoreSpecifics, octets_of
from mapsys.core.publish import MAX_LOCATORS, merged, read_record, reply_ready
from mapsys.core.questions import LocalAddresses, ip_version, is_loopback
from mapsys.core.reasons import Refusal
from mapsys.core.replay import mark_site
from mapsys.core.site import EidRule, LispSite, SiteTable
from mapsys.core.static import STATIC_REGISTRANT
from mapsys.core.verdict import MAX_REGISTRANTS, split
from mapsys.eid import EidPrefix
from mapsys.store import Mapping, Registration, Store
from mapsys.wire.errors import WireError

DAMAGED: Final = "damaged"
DISAGREEING: Final = "disagreeing"


class UnfitError(Exception):
    """What was said is not taken over. reason: of ``reasons.Refusal``, or one of the above."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


class Adoption:
    """Makes the store hold what the fleet does."""

    def __init__(
        self,
        store: Store,
        sites: SiteTable,
        counts: MoreSpecifics,
        history: History,
        *,
        local: LocalAddresses,
        lifetime_seconds: int,
        about_to_change: Callable[[EidPrefix], None],
    ) -> None:
        """about_to_change: is told of each EID-Prefix before what it publishes changes."""
        self._store = store
        self._sites = sites
        self._counts = counts
        self._history = history
        self._local = local
        self._lifetime = lifetime_seconds
        self._about_to_change = about_to_change

    def adopt(self, eid: EidPrefix, puts: Sequence[Put], now: float) -> list[Effect]:
        """Have exactly these registrations, by different registrants, for an EID-Prefix.

        Deadlines are on the core's clock; what has run out is none. What is held already
        keeps the later deadline. Raises UnfitError, with nothing changed.
        """
        mapping = self._store.get(eid)
        active, former = split(mapping)
        if any(one.registrant == STATIC_REGISTRANT for one in active):
            raise UnfitError(Refusal.STATIC_REGISTRATION, f"{eid} is registered by the operator")
        wanted = [self._fitting(eid, put, now) for put in puts if put.deadline > now]
        counting = [one for one in wanted if not Details.unpack(one.details).is_former]
        if not counting:
            return self._clear(eid, mapping, now)
        published = published_together(eid, counting)
        site, rule = self._allowed(eid)
        over = self._counts.over_limit(
            [Growth(eid, site.name, rule, not active, _octets(wanted) - octets_of(mapping))]
        )
        if over is not None:
            raise UnfitError(over.reason, over.detail)
        held = {one.registrant: one for one in (*active, *former)}
        if mapping is not None and _is_held(wanted, held) and published == mapping.published:
            self._prolong(eid, wanted, held)
            return []
        self._about_to_change(eid)
        self._put(eid, wanted, held, published)
        effects = self._tell(eid, counting, active, now)
        if not active:
            effects += self._counts.added(eid, rule, site.name)
        after = octets_of(self._store.get(eid))
        return effects + self._counts.resized(eid, octets_of(mapping), after)

    def raise_mark(self, mark: bytes, nonce: int) -> None:
        """Another member accepted a nonce; marks of unknown sites are none of ours."""
        if self._sites.named(mark_site(mark)) is not None:
            self._store.raise_nonce(mark, nonce)

    def forget_mark(self, mark: bytes) -> None:
        """At another member an operator let an xTR start again."""
        self._store.forget_nonce(mark)

    def supersede(self, digest: bytes, until: float, now: float) -> None:
        """Another member was sent a newer Map-Register."""
        longest = now + 2 * self._lifetime
        self._store.supersede(digest, min(until, longest))

    def _allowed(self, eid: EidPrefix) -> tuple[LispSite, EidRule]:
        match = self._sites.longest_match(eid)
        if match is None:
            raise UnfitError(Refusal.NOT_CONFIGURED, f"no site holds {eid}")
        return match

    def _fitting(self, eid: EidPrefix, put: Put, now: float) -> Put:
        """What is taken over of a registration. Raises UnfitError."""
        site, rule = self._allowed(eid)
        try:
            details = Details.unpack(put.details)
            record = read_record(put.record)
            canonical = reply_ready(record).octets() == put.record and record.eid_prefix == eid
        except (ValueError, struct.error, WireError) as error:
            raise UnfitError(DAMAGED, str(error)) from None
        registrant = put.registrant
        has_xtr_id = bool(details.flags & HAS_XTR_ID)
        known = len(registrant) == 16 if has_xtr_id else registrant[:1] == b"\0"
        if not canonical or not known or not record.record_ttl_minutes or details.is_static:
            raise UnfitError(DAMAGED, f"{eid} stands in a record that no member would write")
        if not has_xtr_id and len(registrant) not in (5, 17):
            raise UnfitError(DAMAGED, f"{eid} is of a registrant that is no address")
        if details.site != site.name:
            raise UnfitError(Refusal.NOT_CONFIGURED, f"{eid} is held by {site.name} here")
        if not site.enabled:
            raise UnfitError(Refusal.SITE_DISABLED, "the operator switched the site off")
        key = site.key(details.key_id)
        if eid != rule.prefix and not rule.accept_more_specifics:
            detail = f"{eid} lies in {rule.prefix}, which accepts no more-specifics"
            raise UnfitError(Refusal.MORE_SPECIFIC_NOT_ACCEPTED, detail)
        if eid == rule.prefix and key is not None and key.holder is not None:
            raise UnfitError(Refusal.VISITOR_EXACT_PREFIX, f"key-id {key.key_id} is a visitor's")
        problem = locator_problem(record, site, details.source.host)
        if problem is not None:
            raise UnfitError(*problem)
        lifetime = self._lifetime
        ttl = record.record_ttl_minutes
        if details.flags & TTL_TIMEOUT and ttl < TTL_MINUTES_BOUND:
            lifetime = ttl * 60
        details = details._replace(
            local=self._local_for(details),
            lifetime_seconds=min(details.lifetime_seconds, lifetime),
        )
        deadline = min(put.deadline, now + lifetime)
        return put._replace(deadline=deadline, details=details.pack())

    def _local_for(self, details: Details) -> Endpoint:
        """The address to speak to the xTR from, since that of another member is not ours."""
        if details.local in self._local.endpoints or details.relayed is not None:
            return details.local
        host = details.source.host
        same = [e for e in self._local.endpoints if ip_version(e.host) == ip_version(host)]
        fitting = [e for e in same if is_loopback(e.host) == is_loopback(host)]
        return next(iter(fitting or same), details.local)

    def _clear(self, eid: EidPrefix, mapping: Mapping | None, now: float) -> list[Effect]:
        """Have none."""
        active, former = split(mapping)
        if mapping is None or not active:
            return []
        self._about_to_change(eid)
        everybody = [*former, *active]
        for place, one in enumerate(everybody, 1):
            left = None if place == len(everybody) else mapping.published
            self._store.withdraw(eid, one.registrant, published=left)
        self._counts.removed(eid)
        self._counts.resized(eid, octets_of(mapping), 0)
        gone = Details.unpack(active[0].details)
        self._history.record(
            Happening.WITHDRAWN, eid, gone.site, _mover(active[0]), gone.key_id, now=now
        )
        return [Withdrawn(eid, gone.site, gone.source)]

    def _prolong(
        self, eid: EidPrefix, wanted: Sequence[Put], held: dict[bytes, Registration]
    ) -> None:
        for put in wanted:
            own = held[put.registrant]
            if put.deadline > own.deadline or put.digest != own.digest:
                self._store.touch(
                    eid,
                    put.registrant,
                    deadline=max(put.deadline, own.deadline),
                    digest=put.digest,
                )

    def _put(
        self,
        eid: EidPrefix,
        wanted: Sequence[Put],
        held: dict[bytes, Registration],
        published: bytes,
    ) -> None:
        for put in wanted:
            self._store.put(
                eid,
                put.registrant,
                record=put.record,
                details=put.details,
                digest=put.digest,
                deadline=put.deadline,
                published=published,
            )
        for registrant in held.keys() - {put.registrant for put in wanted}:
            self._store.withdraw(eid, registrant, published=published)

    def _tell(
        self,
        eid: EidPrefix,
        counting: Sequence[Put],
        active: Sequence[Registration],
        now: float,
    ) -> list[Effect]:
        """The effects, also on the history, of what has been put in place of what counted."""
        before = {one.registrant: one for one in active}
        new = [put for put in counting if put.registrant not in before]
        changed = new or [
            put
            for put in counting
            if (own := before[put.registrant]).record != put.record or own.details != put.details
        ]
        by = max(changed or counting, key=lambda put: put.deadline)
        details = Details.unpack(by.details)
        stays = before.keys() & {put.registrant for put in counting}
        effects: list[Effect] = []
        what = Happening.CHANGED
        if not before:
            what = Happening.REGISTERED
        elif not stays:
            what = Happening.MOVED
            hosts = tuple(_mover(one).host for one in active)
            effects.append(
                Moved(
                    eid,
                    details.site,
                    details.source,
                    tuple(before),
                    by.registrant,
                    previous_hosts=hosts,
                )
            )
        elif new:
            what = Happening.JOINED
        effects.append(Registered(eid, details.site, details.source, first=not before))
        self._history.record(
            what,
            eid,
            details.site,
            _mover(by),
            details.key_id,
            previous=tuple(map(_mover, active)) if what is Happening.MOVED else (),
            now=now,
        )
        return effects


def published_together(eid: EidPrefix, puts: Sequence[Put]) -> bytes:
    """What registrations that count publish. Raises UnfitError where they cannot together."""
    if len(puts) > MAX_REGISTRANTS:
        raise UnfitError(Refusal.TOO_MANY_REGISTRANTS, f"{len(puts)} stand behind {eid}")
    records = {put.record for put in puts}
    if len(records) == 1:
        return records.pop()
    if not all(Details.unpack(put.details).merges for put in puts):
        raise UnfitError(DISAGREEING, f"the xTRs of {eid} say different things")
    whole = merged([read_record(put.record) for put in sorted(puts, key=lambda p: p.registrant)])
    if len(whole.rlocs) > MAX_LOCATORS:
        raise UnfitError(Refusal.TOO_MANY_LOCATORS, f"merged, {eid} has {len(whole.rlocs)}")
    return whole.octets()


def made_former(put: Put) -> Put:
    """The same of a registrant that the EID-Prefix moved away from."""
    details = Details.unpack(put.details)
    return put._replace(details=details._replace(flags=details.flags | FORMER).pack())


def _is_held(wanted: Sequence[Put], held: dict[bytes, Registration]) -> bool:
    return held.keys() == {put.registrant for put in wanted} and all(
        (own := held[put.registrant]).record == put.record and own.details == put.details
        for put in wanted
    )


def _octets(puts: Sequence[Put]) -> int:
    return sum(len(put.record) for put in puts)


def _mover(one: Registration | Put) -> Mover:
    return Mover(one.registrant, Details.unpack(one.details).source.host)
