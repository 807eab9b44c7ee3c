"""The configuration in effect: frozen, checked, defaulted; every default with its unit and source.

The daemon builds the core's own types from it; the core keeps none of it.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mapsys.config.checks import Finding
from mapsys.config.faults import Fault, Place
from mapsys.config.secret import Secret
from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix

if TYPE_CHECKING:
    from alt.model import AltConfig

STATE: Final = Path("/var/lib/mapsys")
"""Where systemd's StateDirectory= puts it."""

RECEIVE_BUFFER_OCTETS: Final = 8 * 1024 * 1024
"""Asked for on each socket of port 4342: half a second of 100 000 messages a second."""

LAMEDUCK_SECONDS: Final = 0
"""Whoever ends a node by hand waits for nothing; behind anycast this is given."""

REPLAY: Final = "auto"
"""Strict where nonces are known to rise, digests of the past where they are not."""

PROXY_REPLY: Final = "as-requested"
"""The P bit decides (RFC 9301, 5.6)."""

MAC_SCOPE: Final = "whole"
"""The whole UDP payload, as every implementation computes it."""

REGISTRATION_LIFETIME_SECONDS: Final = 180
"""Three registration intervals of one minute (RFC 9301, 8.2)."""

RESTART_GRACE_SECONDS: Final = 3_600
"""Downtime up to this is not counted against a registration's lifetime."""

ALGORITHM: Final = "hmac-sha-256-128"
"""The one that is mandatory to implement (RFC 9301, 12.5)."""

NOTIFY_PORT: Final = "4342"
"""Where a Map-Notify goes (RFC 9301, 5.7)."""

MORE_SPECIFICS_LIMIT: Final = 10_000
"""More-specific EID-Prefixes inside one that accepts them."""

MORE_SPECIFICS_TOTAL: Final = 2_000_000
MORE_SPECIFICS_OCTETS: Final = 512 * 1024 * 1024
"""More-specifics of all sites, and octets of their records: memory that is a node's to spare."""

MORE_SPECIFICS_WARNING_PERCENT: Final = 80
"""Of the limit; from there on the operator is warned."""

LOCATOR_PRIORITY: Final = 1
LOCATOR_WEIGHT: Final = 100
LOCATOR_M_PRIORITY: Final = 255
LOCATOR_M_WEIGHT: Final = 0
"""Of a locator written down here: usable for unicast, not for multicast (RFC 9301, 5.4)."""

STATIC_TTL_MINUTES: Final = 1_440
"""Record TTL of a mapping written down here: that of the RFC's own examples, a day."""

HISTORY_PER_EID: Final = 32
HISTORY_ENTRIES: Final = 200_000
HISTORY_RETENTION_SECONDS: Final = 30 * 86_400
"""Of moves. It says where people were, so it is not kept for ever."""

INFO_REQUESTS: Final = "authenticated"
"""Only who knows a site's secret is told about an address translator."""

LISP_SEC_POLICY: Final = "allowed"
"""Whoever asks for protection gets it; others are answered as before."""

PUBSUB_POLICY: Final = "allowed"
"""Where the section is there, it is meant."""

SUBSCRIPTIONS_LIMIT: Final = 100_000
SUBSCRIPTIONS_PER_XTR: Final = 4_096

SUBSCRIPTION_TEMPORARY_SECONDS: Final = 900
"""For an EID-Prefix that nobody registers (RFC 9437, 5)."""

NONCE_MEMORY_SECONDS: Final = 7 * 86_400
"""How long the nonces of subscriptions that are over, and used One-Time Keys, count."""

POLL_INTERVAL_SECONDS: Final = 300
"""From the start of one cycle to that of the next."""

POLL_TIMEOUT_SECONDS: Final = 2
"""How long each Map-Request waits (RFC 6835, 4.2)."""

POLL_SLOW_MILLISECONDS: Final = 200
"""From there on an answer is slow: nobody should wait longer for a first packet."""

POLL_KEEP_DUMPS: Final = 30
"""Daily dumps kept."""

HTTP_ROLE: Final = "read"
"""Whoever is let in may look."""

PROTECTED_LINK: Final = "protected-link"
"""Stands for a key where something else protects the link (RFC 9303, 6.5.1)."""


@dataclass(frozen=True, slots=True)
class Control:
    """The UDP side: LISP control messages.

    listen: at least one address, none of them taken twice.
    receive_buffer_octets: asked for on each socket; the system may grant less.
    lameduck_seconds: how long to serve on after being told to end.
    trusted_requesters: addresses that are answered in full, as if they registered.
    """

    listen: tuple[Endpoint, ...]
    receive_buffer_octets: int = RECEIVE_BUFFER_OCTETS
    lameduck_seconds: int = LAMEDUCK_SECONDS
    trusted_requesters: tuple[EidPrefix, ...] = ()


@dataclass(frozen=True, slots=True)
class TokenConfig:
    """Who presents this token may do what the role says.

    hash: ``sha256:`` and 64 hexadecimal digits. sites: the only ones to be seen; None
    is all, and everything about the node.
    """

    name: str
    hash: str
    role: str = HTTP_ROLE
    sites: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """The same for whoever has a certificate of this name (common name or DNS name)."""

    name: str
    role: str = HTTP_ROLE
    sites: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class TlsConfig:
    """PEM files. client_ca: every client needs a certificate of it; None asks for none."""

    certificate: Path
    key: Path
    client_ca: Path | None = None
    clients: tuple[ClientConfig, ...] = ()


@dataclass(frozen=True, slots=True)
class MetricsListener:
    """A TCP address for scrapers."""

    listen: Endpoint


@dataclass(frozen=True, slots=True)
class Http:
    """The TCP side of the status interface; the Unix socket is there without it.

    names: host names it is reached by, besides addresses and localhost.
    unprotected: beyond loopback without TLS, or without asking who it is, on purpose.
    metrics: where metrics and readiness alone are told to anyone, without TLS.
    """

    listen: Endpoint
    tls: TlsConfig | None = None
    tokens: tuple[TokenConfig, ...] = ()
    names: tuple[str, ...] = ()
    unprotected: bool = False
    metrics: MetricsListener | None = None


@dataclass(frozen=True, slots=True)
class RateLimit:
    """So many a second for long, and so many at once; both at least 1."""

    per_second: int
    burst: int


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The budgets of one server; None switches one off.

    requests_per_source, requests_per_network: Map-Requests from one source address,
    and from its network.
    replies_per_destination, replies_per_network: Map-Replies to one RLOC, and to its
    network.
    replies_per_prefix: Map-Replies to one RLOC for one EID-Prefix.
    registers_per_site: authenticated Map-Registers of one site.
    unproven_registers_per_source, unproven_registers_per_network: Map-Registers whose
    MAC is looked at, from where none was accepted lately.
    first_bursts: octets ahead of what was received, to destinations nobody vouches
    for; None lets them have any number at any time.
    ipv4_network, ipv6_network: bits of an address that tell its network.

    The defaults are budgets rather than the one reply in three seconds that RFC
    9301, 5.4 recommends, which would starve an ITR with many flows.
    """

    requests_per_source: RateLimit | None = RateLimit(2_000, 4_000)
    replies_per_destination: RateLimit | None = RateLimit(1_000, 2_000)
    replies_per_prefix: RateLimit | None = RateLimit(2, 10)
    registers_per_site: RateLimit | None = RateLimit(2_000, 20_000)
    requests_per_network: RateLimit | None = RateLimit(8_000, 16_000)
    replies_per_network: RateLimit | None = RateLimit(4_000, 8_000)
    unproven_registers_per_source: RateLimit | None = RateLimit(20, 100)
    unproven_registers_per_network: RateLimit | None = RateLimit(500, 2_000)
    first_bursts: RateLimit | None = RateLimit(65_536, 65_536)
    ipv4_network: int = 24
    ipv6_network: int = 56


DEFAULT_RATE_LIMITS: Final = RateLimits()
NO_RATE_LIMITS: Final = RateLimits(None, None, None, None, None, None, None, None, None)


@dataclass(frozen=True, slots=True)
class LocatorConfig:
    """One locator; each number 0..255, priority 255 is never used (RFC 9301, 5.4)."""

    address: str
    priority: int = LOCATOR_PRIORITY
    weight: int = LOCATOR_WEIGHT
    m_priority: int = LOCATOR_M_PRIORITY
    m_weight: int = LOCATOR_M_WEIGHT


@dataclass(frozen=True, slots=True)
class RtrConfig:
    """An RTR for ETRs behind an address translator.

    key_id: 0..65535. secret: what Map-Notifies through it are signed with; None
    leaves them unsigned.
    """

    address: str
    key_id: int = 0
    algorithm: str = ALGORITHM
    secret: Secret | None = None


@dataclass(frozen=True, slots=True)
class LispSecKey:
    """A secret that One-Time Keys are wrapped with over one link. id: 0..255."""

    id: int
    secret: Secret


@dataclass(frozen=True, slots=True)
class ResolverLispSecConfig:
    """LISP-SEC at the Map-Resolver.

    policy: "off", "allowed" or "required". keys: shared with ITRs.
    protected_links: sources whose One-Time Keys may come unencrypted, instance-ID 0.
    onward: towards Map-Servers and the ALT: a key, PROTECTED_LINK, or None where
    protected Map-Requests go no further.
    """

    policy: str = LISP_SEC_POLICY
    keys: tuple[LispSecKey, ...] = ()
    protected_links: tuple[EidPrefix, ...] = ()
    onward: LispSecKey | str | None = None


@dataclass(frozen=True, slots=True)
class ServerLispSecConfig:
    """LISP-SEC at the Map-Server, as at the Map-Resolver; keys are shared with Map-Resolvers.

    protected_alt: One-Time Keys may come unencrypted over the ALT.
    """

    policy: str = LISP_SEC_POLICY
    keys: tuple[LispSecKey, ...] = ()
    protected_links: tuple[EidPrefix, ...] = ()
    protected_alt: bool = False


@dataclass(frozen=True, slots=True)
class PubSubKeyConfig:
    """A key shared with subscribers. id: 0..255."""

    id: int
    secret: Secret
    algorithm: str = ALGORITHM


@dataclass(frozen=True, slots=True)
class SubscriberConfig:
    """An xTR that may subscribe.

    xtr_id: 16 octets. key: a key-id; None for the default one. allow: what it may
    subscribe to parts of; None is everything.
    """

    xtr_id: bytes
    key: int | None = None
    allow: tuple[EidPrefix, ...] | None = None


@dataclass(frozen=True, slots=True)
class PubSubConfig:
    """Subscriptions at the Map-Server (RFC 9437).

    policy: "allowed" or "off". default_key: a key-id, for xTRs without one of their
    own; None is none. trusted_resolvers: prefixes of sources, instance-ID 0.
    limit_per_xtr: counts subscriptions that are over while their nonce is remembered.
    requests_per_xtr, notifies: None is no limit.
    """

    policy: str = PUBSUB_POLICY
    keys: tuple[PubSubKeyConfig, ...] = ()
    default_key: int | None = None
    subscribers: tuple[SubscriberConfig, ...] = ()
    trusted_resolvers: tuple[EidPrefix, ...] = ()
    trust_alt: bool = False
    limit: int = SUBSCRIPTIONS_LIMIT
    limit_per_xtr: int = SUBSCRIPTIONS_PER_XTR
    requests_per_xtr: RateLimit | None = RateLimit(20, 1_000)
    notifies: RateLimit | None = RateLimit(1_000, 2_000)
    temporary_seconds: int = SUBSCRIPTION_TEMPORARY_SECONDS
    nonce_memory_seconds: int = NONCE_MEMORY_SECONDS


@dataclass(frozen=True, slots=True)
class KnownXtrConfig:
    """An xTR whose subscription requests the Map-Resolver vouches for.

    xtr_id, site_id: 16 and 8 octets; None is any Site-ID. rlocs: prefixes of its
    locators, instance-ID 0; None is any.
    """

    xtr_id: bytes
    site_id: bytes | None = None
    rlocs: tuple[EidPrefix, ...] | None = None


@dataclass(frozen=True, slots=True)
class HistoryConfig:
    """How many entries are kept of one EID-Prefix and in all, and for how long."""

    per_eid: int = HISTORY_PER_EID
    entries: int = HISTORY_ENTRIES
    retention_seconds: int = HISTORY_RETENTION_SECONDS


DEFAULT_HISTORY: Final = HistoryConfig()


@dataclass(frozen=True, slots=True)
class MoreSpecificsConfig:
    """Ceilings beside the limit of each EID-Prefix that accepts more-specifics.

    per_site: of one site in all its prefixes; None is none. total: of the node.
    octets: of the records registered for all of them.
    """

    per_site: int | None = None
    total: int = MORE_SPECIFICS_TOTAL
    octets: int = MORE_SPECIFICS_OCTETS


DEFAULT_MORE_SPECIFICS: Final = MoreSpecificsConfig()


@dataclass(frozen=True, slots=True)
class MapServerConfig:
    """The Map-Server's own settings; a site may override those marked with *.

    replay*: "auto", "strict" or "off".
    proxy_reply*: "as-requested", "always" or "never".
    mac_scope*: "whole" payload, or also the "records" alone (RFC 9301, 5.6, read narrowly).
    path_mtu_octets: bounds a Map-Reply; None is 576 for IPv4 and 1280 for IPv6.
    petr: locators named in place of natively-forward answers.
    info_requests: "authenticated" ones are answered, or "any".
    history: of EID-Prefixes; None keeps none.
    lisp_sec, pubsub: None is off.
    """

    replay: str = REPLAY
    proxy_reply: str = PROXY_REPLY
    mac_scope: str = MAC_SCOPE
    rate_limits: RateLimits = DEFAULT_RATE_LIMITS
    registration_lifetime_seconds: int = REGISTRATION_LIFETIME_SECONDS
    restart_grace_seconds: int = RESTART_GRACE_SECONDS
    path_mtu_octets: int | None = None
    petr: tuple[LocatorConfig, ...] = ()
    rtrs: tuple[RtrConfig, ...] = ()
    info_requests: str = INFO_REQUESTS
    history: HistoryConfig | None = DEFAULT_HISTORY
    lisp_sec: ServerLispSecConfig | None = None
    pubsub: PubSubConfig | None = None
    more_specifics: MoreSpecificsConfig = DEFAULT_MORE_SPECIFICS


@dataclass(frozen=True, slots=True)
class MapResolverConfig:
    """The Map-Resolver's own settings.

    map_servers: where Map-Requests go that nothing here answers; empty with an ALT.
    rate_limits: the node's, where it is no Map-Server. lisp_sec: None is off.
    subscribers: xTRs that it vouches for when they subscribe.
    """

    map_servers: tuple[Endpoint, ...] = ()
    rate_limits: RateLimits = DEFAULT_RATE_LIMITS
    lisp_sec: ResolverLispSecConfig | None = None
    subscribers: tuple[KnownXtrConfig, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyConfig:
    """One key-id of a site.

    id: 0..255. algorithms: names, at least one.
    next_secret: accepted as well while the sites change over to it; next_not_before:
    from then on; current_not_after: the secret before it until then.
    holder: the site that was given the key to visit with (more-specifics only).
    not_before, not_after: UTC; None is no bound.
    """

    id: int
    algorithms: tuple[str, ...]
    secret: Secret
    next_secret: Secret | None = None
    holder: str | None = None
    not_before: datetime.datetime | None = None
    not_after: datetime.datetime | None = None
    next_not_before: datetime.datetime | None = None
    current_not_after: datetime.datetime | None = None


@dataclass(frozen=True, slots=True)
class EidConfig:
    """An EID-Prefix that a site may register.

    more_specifics_limit, more_specifics_warning: registrations inside the prefix;
    of no meaning where more-specifics are not accepted.
    """

    prefix: EidPrefix
    accept_more_specifics: bool
    more_specifics_limit: int
    more_specifics_warning: int

    @property
    def instance_id(self) -> int:
        """0..2**32-1, as in the prefix."""
        return self.prefix.instance_id


@dataclass(frozen=True, slots=True)
class StaticConfig:
    """A mapping that the operator keeps; locators: 1 to 32."""

    prefix: EidPrefix
    ttl_minutes: int
    locators: tuple[LocatorConfig, ...]

    @property
    def instance_id(self) -> int:
        """0..2**32-1, as in the prefix."""
        return self.prefix.instance_id


@dataclass(frozen=True, slots=True)
class OverrideConfig:
    """What is said of one locator, an IP address, instead of what is registered."""

    rloc: str
    priority: int
    weight: int


@dataclass(frozen=True, slots=True)
class PlaceConfig:
    """Where a site is: decimal degrees in WGS 84, north and east positive."""

    name: str | None
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class SiteRateLimits:
    """One site's own budget; None is no limit."""

    registers_per_site: RateLimit | None


@dataclass(frozen=True, slots=True)
class SiteConfig:
    """A LISP site: who may register what.

    keys, eids: at least one each.
    rlocs: prefixes its locators have to lie in, instance-ID 0; None allows any.
    notify_port: "4342" or "source".
    replay, proxy_reply, mac_scope: None is as in the map-server section.
    rate_limits: None is as in the map-server section.
    deny: the action given to everyone who asks for its EIDs; None answers.
    pitr: the action given to PITRs; None answers them like everyone.
    lisp_sec: how One-Time Keys go to its ETRs: a key, PROTECTED_LINK, or None where
    they cannot.
    override: of its locators, in answers that the Map-Server gives for its ETRs.
    place: for the map; None leaves it to what its locators say.
    """

    name: str
    keys: tuple[KeyConfig, ...]
    eids: tuple[EidConfig, ...]
    rlocs: tuple[EidPrefix, ...] | None = None
    notify_port: str = NOTIFY_PORT
    replay: str | None = None
    proxy_reply: str | None = None
    mac_scope: str | None = None
    honour_authoritative: bool = False
    rate_limits: SiteRateLimits | None = None
    deny: str | None = None
    pitr: str | None = None
    static: tuple[StaticConfig, ...] = ()
    override: tuple[OverrideConfig, ...] = ()
    lisp_sec: LispSecKey | str | None = None
    place: PlaceConfig | None = None
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class PollerConfig:
    """Asking for EIDs as an ITR would, to see whether they are answered.

    map_resolvers: whom to ask; empty for this node's own address.
    eids: the EID-Prefixes whose first address is asked for; empty for all of the sites'.
    slow_milliseconds: below the timeout. keep_dumps: daily ones, at least 2.
    """

    map_resolvers: tuple[Endpoint, ...] = ()
    eids: tuple[EidPrefix, ...] = ()
    interval_seconds: int = POLL_INTERVAL_SECONDS
    timeout_seconds: int = POLL_TIMEOUT_SECONDS
    slow_milliseconds: int = POLL_SLOW_MILLISECONDS
    keep_dumps: int = POLL_KEEP_DUMPS


@dataclass(frozen=True, slots=True)
class HookConfig:
    """A program that is told of moves.

    on: "departure", "arrival" or both. secret: read from a file. ca: whose
    certificates are trusted; None is as the system says.
    """

    on: tuple[str, ...]
    url: str
    secret: Secret
    ca: Path | None = None


FLEET_PREFIX = "mapsys"
"""How the names of all keys begin that a fleet keeps in its engine."""


@dataclass(frozen=True, slots=True)
class FleetConfig:
    """Sharing registrations with other nodes through an engine.

    url: see ``fleet.target``. ack: what a Map-Notify waits for: "local" (the journal),
    "engine" or "replica" as well. password: read from a file. ca: whose certificates are
    trusted; None is as the system says. serve_stale_seconds: for which what came by other
    nodes is kept past its lifetime while the engine is away.
    """

    url: str
    prefix: str = FLEET_PREFIX
    ack: str = "local"
    user: str | None = None
    password: Secret | None = None
    ca: Path | None = None
    serve_stale_seconds: int = 0


@dataclass(frozen=True, slots=True)
class MetricsConfig:
    """What ``/metrics`` says. per_site: families with one sample for each site."""

    per_site: bool = False


@dataclass(frozen=True, slots=True)
class Config:
    """Everything one node is told.

    state: absolute. engine: auto, native or pure; a restart changes it.
    authority: the prefixes this node may say "does not exist"
    about; empty is everything. sites: of all files, in file order.
    fleet: None shares nothing; a restart changes it.
    include: the patterns that sites came from. findings: what the review says of
    it. These two are no part of what is in effect.
    """

    node: str
    state: Path
    control: Control
    engine: str = "auto"
    http: Http | None = None
    authority: tuple[EidPrefix, ...] = ()
    map_server: MapServerConfig | None = None
    map_resolver: MapResolverConfig | None = None
    sites: tuple[SiteConfig, ...] = ()
    alt: tuple[AltConfig, ...] = ()
    poller: PollerConfig | None = None
    hooks: tuple[HookConfig, ...] = ()
    metrics: MetricsConfig = MetricsConfig()
    fleet: FleetConfig | None = None
    include: tuple[str, ...] = field(default=(), compare=False)
    findings: tuple[Finding, ...] = field(default=(), compare=False)
    places: Mapping[str, Place] = field(default_factory=dict, compare=False)
    """Where each site stands, by its name."""

    @property
    def warnings(self) -> tuple[Fault, ...]:
        """Findings that are told without asking for a review."""
        return tuple(one.fault for one in self.findings if one.check.told)
