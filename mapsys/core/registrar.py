"""Map-Register, carried out: state changes, acknowledgments, and who else is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from mapsys.core.admission import MESSAGE, Authenticated, Claim, authenticate, claims_of
from mapsys.core.details import FORMER, NEXT_SECRET, Details
from mapsys.core.effects import (
    Datagram,
    Dropped,
    Effect,
    Endpoint,
    Expired,
    Moved,
    Refreshed,
    Refused,
    Registered,
    Send,
    Withdrawn,
)
from mapsys.core.limiter import Budgets
from mapsys.core.more_specifics import MoreSpecifics
from mapsys.core.notify import CONTROL_PORT, NotifyQueue, acknowledge
from mapsys.core.publish import read_record
from mapsys.core.reasons import Drop, Refusal
from mapsys.core.recipients import recipient_of
from mapsys.core.refresh import refresher
from mapsys.core.replay import SUPERSEDED_LIFETIMES, Check, digest_of, nonce_is_new
from mapsys.core.site import SiteTable
from mapsys.core.verdict import Kind, Verdict, flags_of, has_old_map_version, judge, split, union
from mapsys.eid import EidPrefix
from mapsys.store import Registration, Store
from mapsys.wire.map_register import MapRegister
from mapsys.wire.records import EidRecord

REGISTRATION_LIFETIME_SECONDS: Final = 180
"""Three missed registrations a minute apart (RFC 9301, 8.2)."""

FORMER_LIFETIME_SECONDS: Final = 90
"""How long a former registrant must be silent before its old record counts again."""

MAX_TTL_MINUTES: Final = 0x80000000
"""A TTL from here on is no number of minutes (RFC 9301, 5.4; PROTOCOL practice)."""


class Registrar:
    """Turns Map-Registers into state and effects; the store holds the state."""

    def __init__(
        self,
        store: Store,
        sites: SiteTable,
        budgets: Budgets,
        notifies: NotifyQueue,
        fresh_nonce: Callable[[], int],
        *,
        wall_offset: float,
        lifetime_seconds: int = REGISTRATION_LIFETIME_SECONDS,
    ) -> None:
        """wall_offset: seconds since 1970 minus the core's clock."""
        self._store = store
        self._sites = sites
        self._budgets = budgets
        self._notifies = notifies
        self._fresh_nonce = fresh_nonce
        self._wall_offset = wall_offset
        self._lifetime = lifetime_seconds
        self._counts = MoreSpecifics(store, sites)
        self.writable = True

    def register(self, register: MapRegister, datagram: Datagram, now: float) -> list[Effect]:
        """Handle one Map-Register; all its records are accepted, or none."""
        who = authenticate(register, datagram, self._sites, now)
        if isinstance(who, Dropped):
            return [who]
        if not self._budgets.registers.take(who.site.name, now):
            return [Dropped(datagram.source, MESSAGE, Drop.RATE_LIMITED, who.site.name)]
        if not self.writable:
            return [self._refused(who, datagram, Refusal.JOURNAL_UNAVAILABLE, None,
                                  "the journal cannot be written; see the server's log")]
        claims = claims_of(register, who, datagram, self._sites)
        if isinstance(claims, Refused):
            return [claims]
        verdicts = self._judge(claims, register, who, datagram)
        if isinstance(verdicts, Refused):
            return [verdicts]
        problem = self._replay_problem(verdicts, register, who, now)
        if problem is not None:
            return [Dropped(datagram.source, MESSAGE, problem, who.site.name)]
        return self._carry_out(verdicts, register, who, datagram, now)

    def _judge(
        self,
        claims: Sequence[Claim],
        register: MapRegister,
        who: Authenticated,
        datagram: Datagram,
    ) -> list[Verdict] | Refused:
        flags = flags_of(register)
        verdicts = []
        for claim in claims:
            verdict = judge(claim, register, who, flags, self._store)
            if not isinstance(verdict, Verdict):
                return self._refused(who, datagram, verdict[0], claim.eid, verdict[1])
            verdicts.append(verdict)
        over = self._counts.over_limit(
            [(v.claim.eid, v.claim.rule) for v in verdicts if v.kind is Kind.FIRST]
        )
        if over is not None:
            eid, rule = over
            detail = f"{rule.prefix} already holds {rule.more_specifics_limit} more-specifics"
            return self._refused(who, datagram, Refusal.MORE_SPECIFICS_LIMIT, eid, detail)
        return verdicts

    def _replay_problem(
        self, verdicts: Sequence[Verdict], register: MapRegister, who: Authenticated, now: float
    ) -> Drop | None:
        if any(has_old_map_version(v.claim, self._store) for v in verdicts):
            return Drop.OLD_MAP_VERSION
        if who.check is Check.NONCE and not nonce_is_new(self._store, who.mark, register.nonce):
            return Drop.REPLAYED
        if who.check is Check.OCTETS:
            digest = digest_of(register)
            harmless = all(v.kind is Kind.LATE for v in verdicts)
            if not harmless and self._store.is_superseded(digest, now):
                return Drop.REPLAYED
        return None

    def _carry_out(
        self,
        verdicts: Sequence[Verdict],
        register: MapRegister,
        who: Authenticated,
        datagram: Datagram,
        now: float,
    ) -> list[Effect]:
        if who.check is Check.NONCE:
            self._store.raise_nonce(who.mark, register.nonce)
        effects: list[Effect] = []
        told: list[tuple[Registration, bytes]] = []
        for verdict in verdicts:
            effects.extend(self._change(verdict, register, who, datagram, now))
            told.extend(self._to_tell(verdict, who))
        if all(v.kind in (Kind.REFRESH, Kind.LATE, Kind.NOTHING) for v in verdicts):
            effects.append(self._refreshed(verdicts, register, who, datagram))
        ticket = self._store.ticket
        if register.want_map_notify:
            octets = acknowledge(register, [_told(v) for v in verdicts], who.secret)
            port = datagram.source.port if who.site.notify_to_source else CONTROL_PORT
            destination = Endpoint(datagram.source.host, port)
            effects.append(Send(octets, destination, datagram.local, after=ticket))
        for registration, published in told:
            recipient = recipient_of(registration, self._sites)
            if recipient is not None:
                effects.append(
                    self._notifies.tell(
                        recipient,
                        [read_record(published)],
                        self._fresh_nonce(),
                        now,
                        after=ticket,
                    )
                )
        return effects
