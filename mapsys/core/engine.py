"""The core's one door: datagrams and the time in, effects out (RFC 9301, 8)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from mapsys.core import static
from mapsys.core.alt_entry import AltArrival, address_towards
from mapsys.core.amplification import Proven
from mapsys.core.effects import Datagram, Dropped, Effect, Repeat, Send
from mapsys.core.explain import Explanation, Facts, explain
from mapsys.core.history import History, Numbered
from mapsys.core.holes import Known
from mapsys.core.info_server import InfoServer
from mapsys.core.key_uses import KeyUses
from mapsys.core.limiter import Budgets
from mapsys.core.lisp_sec import OneTimeKeys
from mapsys.core.lisp_sec_settings import Policy
from mapsys.core.map_resolver import MapResolver
from mapsys.core.map_server import MapServer
from mapsys.core.notify import NotifyQueue
from mapsys.core.permitted import no_longer_allowed
from mapsys.core.pubsub import PubSub, Surroundings
from mapsys.core.pubsub_access import Access, wants_subscription
from mapsys.core.questions import LocalAddresses, Question
from mapsys.core.reasons import Drop
from mapsys.core.registrar import Elsewhere, Registrar
from mapsys.core.relay import Relay
from mapsys.core.relay_path import Rtrs
from mapsys.core.replay import mark_octets
from mapsys.core.resolution import Resolution, Resolver
from mapsys.core.settings import Settings
from mapsys.core.site import LispSite, SiteTable
from mapsys.core.site_change import SiteChange, tell_anew
from mapsys.core.type_names import type_name
from mapsys.eid import EidPrefix
from mapsys.store import Store
from mapsys.wire.address import NoAddress
from mapsys.wire.ecm import Ecm
from mapsys.wire.errors import WireError
from mapsys.wire.info import InfoRequest
from mapsys.wire.ip import parse_ip_udp
from mapsys.wire.map_notify import MapNotifyAck
from mapsys.wire.map_register import MapRegister
from mapsys.wire.map_request import MapRequest
from mapsys.wire.message import decode

EXPIRY_SLICE: Final = 256
"""Registrations that one call of ``expire`` removes at most."""


class Engine:
    """A Map-Server and Map-Resolver; holds no registration, the store does."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        fresh_nonce: Callable[[], int],
        *,
        has_alt: Callable[[int], bool] = lambda _instance_id: False,
        also_known: Sequence[Known] = (),
        may_deny: Callable[[EidPrefix], bool] = lambda _eid: True,
        hash_key: bytes = b"",
    ) -> None:
        """fresh_nonce: 64 random bits. has_alt: whether an instance-ID has an ALT.

        also_known: tables of EID-Prefixes that exist elsewhere. may_deny: whether
        they are complete around an EID. hash_key: 0 to 64 secret octets of this start,
        so that nobody knows which senders share room in the tables of the budgets.
        Raises ValueError where two sites share a name or a prefix.
        """
        self._store = store
        self._hash_key = hash_key
        self._proven = Proven()
        self._budgets = self._fresh_budgets(settings)
        self._fresh_nonce = fresh_nonce
        self._has_alt = has_alt
        self._also_known = tuple(also_known)
        self._may_deny = may_deny
        self._notifies = NotifyQueue()
        self._pubsub = PubSub(store)
        self.key_uses = KeyUses()
        self.lives_elsewhere: Elsewhere = lambda *_: False
        self._writable = True
        self._refused_before: Counter[str] = Counter()
        self._configure(settings)

    def _fresh_budgets(self, settings: Settings) -> Budgets:
        return Budgets(
            settings.limits,
            trusted=settings.trusted_requesters,
            hash_key=self._hash_key,
            proven=self._proven,
        )

    def _budgets_for(self, settings: Settings) -> Budgets:
        """Those at hand while the limits stay: a reload gives nobody a burst back."""
        at_hand = self._budgets
        if (at_hand.limits, at_hand.trusted) == (settings.limits, settings.trusted_requesters):
            return at_hand
        return self._fresh_budgets(settings)

    def _configure(self, settings: Settings) -> None:
        sites = SiteTable(settings.sites)
        for _checked in static.static_records(sites):
            pass
        budgets = self._budgets_for(settings)
        local = LocalAddresses(settings.local)
        rtrs = Rtrs(settings.rtrs)
        history = History(self._store, settings.history, settings.wall_offset)
        lisp_sec = settings.lisp_sec
        resolver = Resolver(
            self._store, sites, settings.authority, self._also_known, self._may_deny
        )
        registrar = Registrar(
            self._store,
            sites,
            budgets,
            self._notifies,
            self._fresh_nonce,
            key_uses=self.key_uses,
            wall_offset=settings.wall_offset,
            lifetime_seconds=settings.lifetime_seconds,
            rtrs=rtrs,
            history=history,
            about_to_change=self._pubsub.about_to_change,
            ceilings=settings.more_specifics,
        )
        registrar.writable = self._writable
        map_server = MapServer(
            self._store,
            resolver,
            budgets,
            local,
            path_mtu=settings.path_mtu,
            petr=settings.petr,
            lisp_sec_required=lisp_sec.map_resolvers.policy is Policy.REQUIRED,
        )
        pubsub = settings.pubsub if settings.map_server else None
        self._pubsub.use(
            pubsub,
            Surroundings(
                Access(pubsub, settings.known_xtrs if settings.map_resolver else ()),
                resolver,
                local,
                map_server.refuse,
                path_mtu=settings.path_mtu,
                petr=settings.petr,
                protected_only=lisp_sec.map_resolvers.policy is Policy.REQUIRED,
            ),
        )
        self.adoption = registrar.adoption(local)
        self._settings = settings
        self._sites, self._budgets = sites, budgets
        self._resolver, self._history = resolver, history
        self._registrar = registrar
        self._relay = Relay(rtrs, registrar, self._notifies)
        self._map_server = map_server
        self._map_resolver = MapResolver(
            map_server,
            local,
            settings.map_servers,
            self._has_alt,
            lisp_sec=lisp_sec,
        )
        self._one_time_keys = OneTimeKeys(
            lisp_sec, map_resolver=settings.map_resolver, map_server=settings.map_server
        )
        self._info_server = InfoServer(
            sites,
            budgets,
            rtrs=[rtr.address for rtr in settings.rtrs],
            answer_unsigned=settings.answer_unsigned_info,
        )

    @property
    def sites(self) -> SiteTable:
        """The sites configured at present."""
        return self._sites

    def budgets_refused(self) -> dict[str, int]:
        """How often each budget had nothing left since the start, by its configured name."""
        return dict(self._refused_before + Counter(self._budgets.refused()))

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._settings

    def set_writable(self, writable: bool) -> None:
        """Whether the journal takes changes; while not, Map-Registers are refused."""
        self._writable = writable
        self._registrar.writable = writable
        self._pubsub.writable = writable

    def resolve(self, eid: EidPrefix) -> Resolution:
        """What a Map-Request for the EID would be answered, and why."""
        return self._resolver.resolve(eid)

    def explain(self, eid: EidPrefix, now: float) -> Explanation:
        """What a Map-Request for the EID would be answered, with all that led to it."""
        settings = self._settings
        facts = Facts(
            self._store,
            self._sites,
            self._resolver,
            self._registrar.counts,
            self.key_uses,
            LocalAddresses(settings.local),
            settings.limits,
            settings.map_servers,
            settings.petr,
            settings.path_mtu,
            self._has_alt,
            settings.lisp_sec,
            now,
        )
        return explain(eid, facts)

    def nonce_remembered(self, site_name: str, key_id: int, xtr_id: bytes | None) -> int | None:
        """The highest nonce accepted from an xTR, where one is remembered.

        xtr_id: None for the nonce that all xTRs of the key share which send none.
        Raises LookupError, in words, where there is no such site or key.
        """
        return self._store.nonce_mark(self._mark(site_name, key_id, xtr_id))

    def forget_nonce(self, site_name: str, key_id: int, xtr_id: bytes | None) -> None:
        """Let an xTR that lost its nonce start again; see ``nonce_remembered``.

        Until it registers again, a Map-Register recorded from it could be replayed.
        """
        self._store.forget_nonce(self._mark(site_name, key_id, xtr_id))

    def _mark(self, site_name: str, key_id: int, xtr_id: bytes | None) -> bytes:
        site = self._sites.named(site_name)
        if site is None:
            raise LookupError(f"no site is called {site_name!r}")
        if site.key(key_id) is None:
            raise LookupError(f"{site_name} has no key-id {key_id}")
        return mark_octets(site_name, key_id, xtr_id)

    def history(self, eid: EidPrefix, now: float, before: int | None = None) -> list[Numbered]:
        """What is remembered of the EID, and of prefixes around it, newest first.

        before: only entries with lower numbers.
        """
        return self._history.of(eid, now, before)

    def more_specifics_held(self, prefix: EidPrefix) -> int:
        """More-specifics registered inside a configured prefix."""
        match = self._sites.longest_match(prefix)
        return 0 if match is None else self._registrar.counts.held(match[1])

    @property
    def more_specifics(self) -> int:
        """More-specifics registered in all configured prefixes."""
        return self._registrar.counts.total

    @property
    def more_specifics_octets(self) -> int:
        """Octets of the records registered for them."""
        return self._registrar.counts.octets

    def handle(self, datagram: Datagram, now: float) -> list[Effect]:
        """Answer one control message.

        now: seconds on the caller's monotonic clock, never decreasing. Returns
        effects in the order in which they take place. A message that cannot be used
        yields one Dropped with its reason; nothing is raised.

        Source: RFC 9301, 8.2 to 8.4.
        """
        if (
            datagram.data
            and datagram.data[0] >> 4 == MapRegister.TYPE
            and not self._budgets.may_prove(datagram.source.host, now)
        ):
            # A flood of forgeries is not worth reading.
            return [Dropped(datagram.source, "MapRegister", Drop.RATE_LIMITED)]
        try:
            message = decode(datagram.data)
        except WireError as error:
            return [Dropped(datagram.source, type_name(datagram.data), error.reason)]
        match message:
            case MapRegister():
                if not self._settings.map_server:
                    return [Dropped(datagram.source, "MapRegister", Drop.NOT_A_MAP_SERVER)]
                return self._registrar.register(message, datagram, now)
            case MapNotifyAck():
                told = self._pubsub.acknowledged(message, datagram.data, datagram.source)
                if told is not None:
                    return told
                return self._notifies.acknowledged(message, datagram.data, datagram.source)
            case Ecm(message=MapRequest() as request):
                packet, port = message.inner, message.inner_header.source_port
                question = Question(
                    request,
                    datagram.source,
                    datagram.local,
                    port,
                    len(datagram.data),
                    packet,
                    security=message.security,
                )
                return self._ask(question, now)
            case Ecm(rtr_relayed=True) if self._settings.map_server:
                return self._relay.take(message, datagram, now)
            case MapRequest():
                port, octets = datagram.source.port, len(datagram.data)
                question = Question(message, datagram.source, datagram.local, port, octets)
                return self._ask(question, now)
            case InfoRequest():
                return self._info_server.answer(message, datagram, now)
        return [Dropped(datagram.source, type(message).__name__, Drop.UNEXPECTED_TYPE)]

    def handle_from_alt(self, arrival: AltArrival, now: float) -> list[Effect]:
        """Answer a Map-Request that has come to its last hop on the ALT.

        As ``handle``. What an ETR is given is the packet as it came; answers go to
        an ITR-RLOC over the underlay.

        Source: RFC 6836, 3 and 5.2; RFC 9301, 8.3.
        """
        source = arrival.source
        local = address_towards(source, LocalAddresses(self._settings.local))
        if local is None:
            return [Dropped(source, "MapRequest", Drop.NO_ITR_RLOC)]
        try:
            message = decode(arrival.data)
            parse_ip_udp(arrival.packet)
        except WireError as error:
            return [Dropped(source, type_name(arrival.data), error.reason)]
        question = partial(
            Question,
            asker=source,
            local=local,
            octets=len(arrival.data),
            over_alt=True,
            hole=arrival.hole,
        )
        match message:
            case MapRequest():
                return self._ask(
                    question(message, reply_port=source.port, packet=arrival.packet), now
                )
            case Ecm(message=MapRequest() as request):
                port = message.inner_header.source_port
                return self._ask(
                    question(
                        request,
                        reply_port=port,
                        packet=message.inner,
                        security=message.security,
                    ),
                    now,
                )
        return [Dropped(source, type(message).__name__, Drop.UNEXPECTED_TYPE)]

    def next_deadline(self) -> float | None:
        """When ``expire`` has something to do next."""
        deadlines = (
            self._store.next_deadline(),
            self._notifies.next_deadline(),
            self._pubsub.next_deadline(),
            self._history.next_deadline(),
        )
        return min((d for d in deadlines if d is not None), default=None)

    def expire(self, now: float) -> list[Effect]:
        """Remove what has timed out and repeat what was not acknowledged, a slice at a time."""
        effects = self._notifies.due(now, EXPIRY_SLICE)
        effects += self._registrar.expire_due(now, EXPIRY_SLICE, self.lives_elsewhere)
        effects.extend(self._pubsub.due(now, EXPIRY_SLICE))
        self._history.expire(now)
        return effects

    def reconfigure(self, settings: Settings, now: float) -> list[Effect]:
        """Put new settings in force and drop what they no longer allow to be registered.

        Raises ValueError, with the old settings still in force, where two sites
        share a name or a prefix, or a static mapping is not inside its site.
        """
        budgets, before = self._budgets, self._sites
        self._configure(settings)
        tell_anew(before, self._sites, self._store, self._pubsub)
        if self._budgets is not budgets:
            self._refused_before.update(budgets.refused())
        return self.settle(now)

    def check_site(self, name: str, new: LispSite | None) -> None:
        """Raises ValueError, in words, where ``change_site`` would."""
        SiteChange(self._store, self._sites, name, new).check()

    def change_site(self, name: str, new: LispSite | None, now: float) -> list[Effect]:
        """Add, replace or (None) take out one site, and drop what is no longer allowed.

        Raises ValueError, with nothing changed, where another site has the name or a
        prefix, or a static mapping would not be inside its site.
        """
        change = SiteChange(self._store, self._sites, name, new)

        return change.carry_out(
            self._registrar, self._pubsub, partial(self._install_static, now), now
        )

    def settle(self, now: float) -> list[Effect]:
        """Bring the store in line with the settings; once after the start, too.

        Installs static mappings and drops what is not allowed to be registered.
        """
        effects = self.install_static(now)
        for eid, registrant in no_longer_allowed(self._store, self._sites):
            effects.extend(self._registrar.expire(eid, registrant, now))
        return effects

    def install_static(self, now: float) -> list[Effect]:
        """Put the operator's own mappings in place."""
        effects = self._install_static(now, self._sites)
        if effects:
            self._registrar.recount()
        return effects

    def _install_static(self, now: float, of: Iterable[LispSite]) -> list[Effect]:
        if not self._settings.map_server:
            return []
        return static.install(
            self._store,
            self._sites,
            now,
            self._settings.wall_offset,
            self._pubsub.about_to_change,
            of=of,
        )

    def _ask(self, question: Question, now: float) -> list[Effect]:
        request, asker = question.request, question.asker
        reason = _unanswerable(request)
        if reason is None and not self._budgets.take_request(self._budgets.host(asker.host), now):
            reason = Drop.RATE_LIMITED
        if reason is not None:
            return [Dropped(asker, "MapRequest", reason)]
        try:
            eids = [record.eid_prefix for record in request.records]
            opened = self._one_time_keys.open(
                question.security, request.nonce, asker.host, over_alt=question.over_alt
            )
        except WireError as error:
            return [Dropped(asker, "MapRequest", error.reason)]
        if isinstance(opened, Drop):
            return [Dropped(asker, "MapRequest", opened)]
        if opened is not None:
            question = replace(question, protection=opened)
        if wants_subscription(request):
            return self._subscribe(question, eids, now)
        return self._answer(question, eids, now)

    def _subscribe(self, question: Question, eids: Sequence[EidPrefix], now: float) -> list[Effect]:
        """Deal with the N bits first; nothing that is said here may be repeated unseen."""
        effects, question, eids = self._pubsub.take(question, eids, now)
        if eids:
            effects = [*effects, *self._answer(question, eids, now)]
        return [replace(e, repeat=Repeat.NEVER) if isinstance(e, Send) else e for e in effects]

    def _answer(self, question: Question, eids: Sequence[EidPrefix], now: float) -> list[Effect]:
        nowhere = all(isinstance(rloc, NoAddress) for rloc in question.request.itr_rlocs)
        # Without an address it can still be the end of a subscription at another Map-Server.
        if nowhere and not wants_subscription(question.request):
            return [Dropped(question.asker, "MapRequest", Drop.NO_ITR_RLOC)]
        if self._settings.map_resolver and not question.over_alt:
            return self._map_resolver.resolve(question, eids, now)
        return self._map_server.answer(question, eids, now)


def _unanswerable(request: MapRequest) -> Drop | None:
    """Why a Map-Request is not answered at all (RFC 9301, 5.2, 5.3 and 6.1)."""
    if request.probe:
        return Drop.PROBE
    if request.smr:
        return Drop.SMR
    if request.dont_map_reply:
        return Drop.DONT_MAP_REPLY
    if not request.records:
        return Drop.NO_RECORDS
    return None
