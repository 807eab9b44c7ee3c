"""The sections that say what a node is: addresses, authority, Map-Server, Map-Resolver."""

from __future__ import annotations

import ipaddress
from typing import Final

from mapsys.config import lisp_sec, model, pubsub
from mapsys.config.blocks import Block
from mapsys.config.locators import LOCATORS, check_locators
from mapsys.config.rates import RATE
from mapsys.config.rtrs import RTRS, check_rtrs
from mapsys.config.scalars import Choice, Duration, EndpointText, Integer, Prefix, Size
from mapsys.config.schema import Field, ListOf, Record, Value, Words
from mapsys.core.effects import Endpoint

LISP_CONTROL_PORT: Final = 4342
"""RFC 9301, 5."""

MORE_SPECIFICS_HIGHEST: Final = 100_000_000

REPLAY: Final = Choice("auto", "strict", "off")
PROXY_REPLY: Final = Choice("as-requested", "always", "never")
MAC_SCOPE: Final = Choice("whole", "records")


def _check_listen(value: Value, control: model.Control) -> None:
    """An address is taken once; a wildcard takes every address of its family."""
    taken: list[tuple[Endpoint, int]] = []
    for number, endpoint in enumerate(control.listen):
        for earlier, where in taken:
            if _overlap(earlier, endpoint):
                value.at("listen", number).fault(
                    f"{EndpointText().write(endpoint)} is served by listen[{where}]"
                    f" ({EndpointText().write(earlier)}) already; keep one of them"
                )
        taken.append((endpoint, number))


def _overlap(one: Endpoint, other: Endpoint) -> bool:
    first, second = ipaddress.ip_address(one.host), ipaddress.ip_address(other.host)
    if one.port != other.port or first.version != second.version:
        return False
    return first == second or first.is_unspecified or second.is_unspecified


CONTROL: Final = Record(
    model.Control,
    "the addresses for LISP control messages, as in {listen: [127.0.0.1:4342]}",
    Field(
        "listen",
        ListOf(EndpointText(), name="addresses with ports, as in [127.0.0.1:4342]", at_least=1),
    ),
    Field(
        "receive-buffer",
        Size(64 * 1024, 1 << 30),
        default=model.RECEIVE_BUFFER_OCTETS,
        to="receive_buffer_octets",
    ),
    Field("lameduck", Duration(0, 3_600), default=model.LAMEDUCK_SECONDS, to="lameduck_seconds"),
    Field(
        "trusted-requesters",
        ListOf(Prefix(ip_only=True), name="IP prefixes, as in [192.0.2.0/24]", at_least=1),
        default=(),
    ),
    check=_check_listen,
)

AUTHORITY: Final = ListOf(Block(), name="prefixes, as in [{prefix: 198.18.0.0/21}]", at_least=1)

RATE_LIMITS: Final = Words(
    {"default": model.DEFAULT_RATE_LIMITS, "off": model.NO_RATE_LIMITS},
    Record(
        model.RateLimits,
        "a mapping of budgets",
        Field("requests-per-source", RATE, default=model.DEFAULT_RATE_LIMITS.requests_per_source),
        Field(
            "replies-per-destination",
            RATE,
            default=model.DEFAULT_RATE_LIMITS.replies_per_destination,
        ),
        Field("replies-per-prefix", RATE, default=model.DEFAULT_RATE_LIMITS.replies_per_prefix),
        Field("registers-per-site", RATE, default=model.DEFAULT_RATE_LIMITS.registers_per_site),
        Field("requests-per-network", RATE, default=model.DEFAULT_RATE_LIMITS.requests_per_network),
        Field("replies-per-network", RATE, default=model.DEFAULT_RATE_LIMITS.replies_per_network),
        Field(
            "unproven-registers-per-source",
            RATE,
            default=model.DEFAULT_RATE_LIMITS.unproven_registers_per_source,
        ),
        Field(
            "unproven-registers-per-network",
            RATE,
            default=model.DEFAULT_RATE_LIMITS.unproven_registers_per_network,
        ),
        Field("first-bursts", RATE, default=model.DEFAULT_RATE_LIMITS.first_bursts),
        Field("ipv4-network", Integer(8, 32), default=model.DEFAULT_RATE_LIMITS.ipv4_network),
        Field("ipv6-network", Integer(16, 128), default=model.DEFAULT_RATE_LIMITS.ipv6_network),
    ),
)


HISTORY: Final = Words(
    {"off": None},
    Record(
        model.HistoryConfig,
        "a mapping of bounds, as in {retention: 7d}",
        Field("per-eid", Integer(1, 1_000), default=model.HISTORY_PER_EID),
        Field("entries", Integer(1, 10_000_000), default=model.HISTORY_ENTRIES),
        Field(
            "retention",
            Duration(60, 3_650 * 86_400),
            default=model.HISTORY_RETENTION_SECONDS,
            to="retention_seconds",
        ),
    ),
)
"""Bounds on what is remembered of EID-Prefixes."""


MORE_SPECIFICS: Final = Record(
    model.MoreSpecificsConfig,
    "a mapping of ceilings, as in {total: 100000}",
    Field("per-site", Integer(1, MORE_SPECIFICS_HIGHEST), default=None),
    Field("total", Integer(1, MORE_SPECIFICS_HIGHEST), default=model.MORE_SPECIFICS_TOTAL),
    Field("octets", Size(64 * 1024, 1 << 40), default=model.MORE_SPECIFICS_OCTETS),
)


def _check_map_server(value: Value, server: model.MapServerConfig) -> None:
    check_locators(value.at("petr"), server.petr)
    check_rtrs(value.at("rtrs"), server.rtrs)


MAP_SERVER: Final = Record(
    model.MapServerConfig,
    "the Map-Server's settings",
    Field("replay", REPLAY, default=model.REPLAY),
    Field("proxy-reply", PROXY_REPLY, default=model.PROXY_REPLY),
    Field("mac-scope", MAC_SCOPE, default=model.MAC_SCOPE),
    Field("rate-limits", RATE_LIMITS, default=model.DEFAULT_RATE_LIMITS),
    Field(
        "registration-lifetime",
        Duration(1, 86_400),
        default=model.REGISTRATION_LIFETIME_SECONDS,
        to="registration_lifetime_seconds",
    ),
    Field(
        "restart-grace",
        Duration(0, 7 * 86_400),
        default=model.RESTART_GRACE_SECONDS,
        to="restart_grace_seconds",
    ),
    Field("path-mtu", Integer(576, 65_535), default=None, to="path_mtu_octets"),
    Field("petr", LOCATORS, default=()),
    Field("rtrs", RTRS, default=()),
    Field("info-requests", Choice("authenticated", "any"), default=model.INFO_REQUESTS),
    Field("history", HISTORY, default=model.DEFAULT_HISTORY),
    Field("lisp-sec", lisp_sec.SERVER, default=None),
    Field("pubsub", pubsub.SERVER, default=None),
    Field("more-specifics", MORE_SPECIFICS, default=model.DEFAULT_MORE_SPECIFICS),
    check=_check_map_server,
)


def _check_map_resolver(value: Value, resolver: model.MapResolverConfig) -> None:
    pubsub.check_known_xtrs(value.at("subscribers"), resolver.subscribers)


MAP_RESOLVER: Final = Record(
    model.MapResolverConfig,
    "the Map-Resolver's settings",
    Field("map-servers", ListOf(EndpointText(LISP_CONTROL_PORT), name="addresses"), default=()),
    Field("rate-limits", RATE_LIMITS, default=model.DEFAULT_RATE_LIMITS),
    Field("lisp-sec", lisp_sec.RESOLVER, default=None),
    Field("subscribers", pubsub.KNOWN_XTRS, default=()),
    check=_check_map_resolver,
)
