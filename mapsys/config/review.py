"""What several sections say together: contradictions are faults, oddities are warnings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from alt.config import warnings as alt_warnings
from mapsys.config.faults import Fault
from mapsys.config.http import is_open_beyond_this_machine
from mapsys.config.model import DEFAULT_RATE_LIMITS, Config, SiteConfig
from mapsys.config.scalars import EndpointText
from mapsys.config.schema import Value
from mapsys.eid import Family

SHORT_SECRET_OCTETS: Final = 16
"""128 bits: what a truncated HMAC-SHA-256 can carry (RFC 4868, 2.1.1 asks for a full key)."""


OPEN_BEYOND: Final = (
    "others than this machine's users would get in unasked, or could be listened to; listen on"
    " a loopback address, give tls: and tokens: (or its clients:), or write unprotected: true"
)


def refuse_contradictions(root: Value, config: Config) -> None:
    """Note what no node could run with."""
    if config.map_server is None and config.map_resolver is None and not config.alt:
        root.fault(
            "no role is switched on; add map-server: {} or map-resolver: {} (or both), or alt:"
        )
    if config.sites and config.map_server is None:
        (root.child("sites") or root.child("include") or root).fault(
            "sites are given but no map-server: section; add map-server: {}"
        )
    if (
        config.http is not None
        and not config.http.unprotected
        and is_open_beyond_this_machine(config.http)
    ):
        root.at("http", "listen").fault(OPEN_BEYOND)
    _refuse_unpollable(root, config)
    resolver = config.map_resolver
    if resolver is None:
        return
    if config.map_server is None and not resolver.map_servers and not config.alt:
        root.at("map-resolver").fault(
            "nothing answers its Map-Requests; add map-server:, alt:, or map-servers: in here"
        )
    if config.map_server is not None and resolver.rate_limits != DEFAULT_RATE_LIMITS:
        root.at("map-resolver", "rate-limits").fault(
            "the budgets of a Map-Server with a Map-Resolver stand in map-server:; move them there"
        )
    for number, map_server in enumerate(resolver.map_servers):
        if map_server in config.control.listen:
            root.at("map-resolver", "map-servers", number).fault(
                f"{EndpointText().write(map_server)} is this node's own address;"
                " a request would come back for ever"
            )


def _refuse_unpollable(root: Value, config: Config) -> None:
    poller = config.poller
    if poller is None:
        return
    if not poller.map_resolvers and config.map_resolver is None:
        root.at("poller").fault(
            "there is no Map-Resolver here to ask; name others in map-resolvers: in here"
        )
    if not poller.eids and config.map_server is None:
        root.at("poller").fault("there are no sites here to ask for; name EIDs in eids: in here")


def warnings(root: Value, sites: list[tuple[Value, SiteConfig]], config: Config) -> Iterator[Fault]:
    """What is allowed but probably not meant, in file order."""
    if config.http is not None and is_open_beyond_this_machine(config.http):
        yield _warning(
            root.at("http", "listen"),
            "the status interface is open beyond this machine, as unprotected: says",
        )
    if (alt := root.child("alt")) is not None:
        yield from alt_warnings(alt, config.alt)
    held: dict[bytes, str] = {}
    for value, site in sites:
        yield from _site_warnings(value, site, config)
        for number, key in enumerate(site.keys):
            other = held.setdefault(key.secret.reveal(), site.name)
            if other != site.name:
                # RFC 9301, 5.6: one site's secret must not speak for another.
                yield _warning(
                    value.at("keys", number),
                    f"the secret is that of site {other!r} as well; give each site its own",
                )


def _site_warnings(value: Value, site: SiteConfig, config: Config) -> Iterator[Fault]:
    for number, key in enumerate(site.keys):
        if len(key.secret.reveal()) < SHORT_SECRET_OCTETS:
            yield _warning(
                value.at("keys", number), f"the secret is under {SHORT_SECRET_OCTETS} octets long"
            )
    for number, eid in enumerate(site.eids):
        if eid.prefix.family not in (Family.IPV4, Family.IPV6):
            continue
        if config.authority and not any(block.covers(eid.prefix) for block in config.authority):
            yield _warning(
                value.at("eids", number, "prefix"),
                f"{eid.prefix} lies outside authority:, so this node answers for it"
                " but never says that a part of it does not exist",
            )


def _warning(value: Value, message: str) -> Fault:
    return Fault(value.origin.file, value.node.line, value.node.column, value.path, message)
