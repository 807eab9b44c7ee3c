"""From the configuration to the core's own types; the core keeps no ``Config``."""

from __future__ import annotations

import datetime
from typing import Final

from mapsys.config.model import (
    DEFAULT_RATE_LIMITS,
    Config,
    HistoryConfig,
    KeyConfig,
    LocatorConfig,
    MapServerConfig,
    PlaceConfig,
    PubSubConfig,
    RateLimit,
    RateLimits,
    RtrConfig,
    SiteConfig,
    SiteRateLimits,
    StaticConfig,
)
from mapsys.core.effects import Endpoint
from mapsys.core.history import HistoryLimits
from mapsys.core.limiter import UNLIMITED, Limits, Rate
from mapsys.core.more_specifics import Ceilings
from mapsys.core.pubsub_settings import KnownXtr, PubSubKey, PubSubSettings, Subscriber
from mapsys.core.relay_path import Rtr
from mapsys.core.settings import Settings
from mapsys.core.site import (
    EidRule,
    LispSite,
    LocatorOverride,
    Place,
    ProxyReply,
    Replay,
    SiteKey,
)
from mapsys.lisp_sec_setup import lisp_sec_of, wrapping_of
from mapsys.wire.address import ip_address
from mapsys.wire.auth import ALGORITHM_IDS, Key
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.records import Action, EidRecord, RlocRecord
from mapsys.wire.rtr_authentication import RtrKey

_ACTIONS: Final = {
    "natively-forward": Action.NATIVELY_FORWARD,
    "send-map-request": Action.SEND_MAP_REQUEST,
    "drop": Action.DROP,
    "drop-policy-denied": Action.DROP_POLICY_DENIED,
    "drop-auth-failure": Action.DROP_AUTH_FAILURE,
}
"""RFC 9301, 5.4."""


def settings_of(config: Config, local: tuple[Endpoint, ...], wall_offset: float) -> Settings:
    """What the engine is told.

    local: the addresses that sockets are bound to. wall_offset: seconds since 1970
    minus the core's clock.
    """
    server = config.map_server or MapServerConfig()
    resolver = config.map_resolver
    return Settings(
        sites=tuple(site_of(site, server, wall_offset) for site in config.sites),
        local=local,
        map_server=config.map_server is not None,
        map_resolver=resolver is not None,
        authority=config.authority,
        map_servers=() if resolver is None else resolver.map_servers,
        limits=_limits(_rate_limits(config)),
        more_specifics=Ceilings(
            server.more_specifics.per_site,
            server.more_specifics.total,
            server.more_specifics.octets,
        ),
        trusted_requesters=config.control.trusted_requesters,
        path_mtu=server.path_mtu_octets,
        lifetime_seconds=server.registration_lifetime_seconds,
        petr=_locators(server.petr),
        rtrs=tuple(_rtr(rtr) for rtr in server.rtrs),
        answer_unsigned_info=server.info_requests == "any",
        history=_history(server.history),
        wall_offset=wall_offset,
        lisp_sec=lisp_sec_of(config),
        pubsub=_pubsub(server.pubsub),
        known_xtrs=tuple(
            KnownXtr(xtr.xtr_id, xtr.site_id, xtr.rlocs)
            for xtr in (() if resolver is None else resolver.subscribers)
        ),
    )


def _pubsub(settings: PubSubConfig | None) -> PubSubSettings | None:
    if settings is None or settings.policy == "off":
        return None
    return PubSubSettings(
        keys=tuple(
            PubSubKey(key.id, ALGORITHM_IDS[key.algorithm], Key(key.secret.reveal()))
            for key in settings.keys
        ),
        default_key_id=settings.default_key,
        subscribers=tuple(Subscriber(x.xtr_id, x.key, x.allow) for x in settings.subscribers),
        trusted_resolvers=settings.trusted_resolvers,
        trust_alt=settings.trust_alt,
        subscriptions_limit=settings.limit,
        subscriptions_per_xtr=settings.limit_per_xtr,
        notifies=_rate(settings.notifies),
        requests_per_xtr=_rate(settings.requests_per_xtr),
        temporary_minutes=settings.temporary_seconds // 60,
        nonce_memory_seconds=settings.nonce_memory_seconds,
    )


def site_of(site: SiteConfig, server: MapServerConfig, wall_offset: float) -> LispSite:
    """One site; server: what it has in common with the others."""
    return LispSite(
        name=site.name,
        keys=tuple(_key(key, wall_offset) for key in site.keys),
        rules=tuple(
            EidRule(
                eid.prefix,
                eid.accept_more_specifics,
                eid.more_specifics_limit,
                eid.more_specifics_warning,
            )
            for eid in site.eids
        ),
        rlocs=site.rlocs,
        notify_to_source=site.notify_port == "source",
        replay=Replay(site.replay or server.replay),
        proxy_reply=ProxyReply(site.proxy_reply or server.proxy_reply),
        enabled=site.enabled,
        records_only_mac=(site.mac_scope or server.mac_scope) == "records",
        honour_authoritative=site.honour_authoritative,
        deny_action=None if site.deny is None else _ACTIONS[site.deny],
        pitr_action=None if site.pitr is None else _ACTIONS[site.pitr],
        static=tuple(_static(mapping) for mapping in site.static),
        register_rate=_own_rate(site.rate_limits),
        lisp_sec=wrapping_of(site.lisp_sec),
        override=tuple(
            LocatorOverride(ip_address(one.rloc), one.priority, one.weight) for one in site.override
        ),
        place=_place(site.place),
    )


def _place(place: PlaceConfig | None) -> Place | None:
    return None if place is None else Place(place.name, place.latitude, place.longitude)


def _static(mapping: StaticConfig) -> EidRecord:
    address, mask_len = from_eid_prefix(mapping.prefix)
    return EidRecord(mapping.ttl_minutes, address, mask_len, _locators(mapping.locators))


def _locators(locators: tuple[LocatorConfig, ...]) -> tuple[RlocRecord, ...]:
    return tuple(
        RlocRecord(
            ip_address(locator.address),
            locator.priority,
            locator.weight,
            locator.m_priority,
            locator.m_weight,
        )
        for locator in locators
    )


def _history(history: HistoryConfig | None) -> HistoryLimits | None:
    if history is None:
        return None
    return HistoryLimits(history.per_eid, history.entries, history.retention_seconds)


def _rtr(rtr: RtrConfig) -> Rtr:
    key = None
    if rtr.secret is not None:
        key = RtrKey(rtr.key_id, ALGORITHM_IDS[rtr.algorithm], rtr.secret.reveal())
    return Rtr(rtr.address, key)


def _key(key: KeyConfig, wall_offset: float) -> SiteKey:
    return SiteKey(
        key_id=key.id,
        algorithm_ids=frozenset(ALGORITHM_IDS[name] for name in key.algorithms),
        current=Key(key.secret.reveal()),
        next=None if key.next_secret is None else Key(key.next_secret.reveal()),
        holder=key.holder,
        valid_from=_on_core_clock(key.not_before, wall_offset),
        valid_until=_on_core_clock(key.not_after, wall_offset),
        next_from=_on_core_clock(key.next_not_before, wall_offset),
        current_until=_on_core_clock(key.current_not_after, wall_offset),
    )


def _on_core_clock(when: datetime.datetime | None, wall_offset: float) -> float | None:
    return None if when is None else when.timestamp() - wall_offset


def _rate_limits(config: Config) -> RateLimits:
    """The node's: they stand in its Map-Server's section, or where there is none, in the other."""
    if config.map_server is not None:
        return config.map_server.rate_limits
    if config.map_resolver is not None:
        return config.map_resolver.rate_limits
    return DEFAULT_RATE_LIMITS


def _limits(limits: RateLimits) -> Limits:
    return Limits(
        requests_per_source=_rate(limits.requests_per_source),
        replies_per_destination=_rate(limits.replies_per_destination),
        replies_per_prefix=_rate(limits.replies_per_prefix),
        registers_per_site=_rate(limits.registers_per_site),
        requests_per_network=_rate(limits.requests_per_network),
        replies_per_network=_rate(limits.replies_per_network),
        unproven_registers_per_source=_rate(limits.unproven_registers_per_source),
        unproven_registers_per_network=_rate(limits.unproven_registers_per_network),
        first_bursts=_rate(limits.first_bursts),
        ipv4_network=limits.ipv4_network,
        ipv6_network=limits.ipv6_network,
    )


def _rate(limit: RateLimit | None) -> Rate | None:
    return None if limit is None else Rate(limit.per_second, limit.burst)


def _own_rate(limits: SiteRateLimits | None) -> Rate | None:
    return None if limits is None else _rate(limits.registers_per_site) or UNLIMITED
