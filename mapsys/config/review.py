"""What several sections say together: contradictions are faults, the rest is reviewed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mapsys.config.checks import Finding
from mapsys.config.http import is_open_beyond_this_machine
from mapsys.config.model import DEFAULT_RATE_LIMITS, Config
from mapsys.config.review_node import node_findings
from mapsys.config.review_sites import Places, site_findings
from mapsys.config.scalars import EndpointText
from mapsys.config.schema import Value

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


def findings(root: Value, sites: Places, config: Config) -> Iterator[Finding]:
    """What is allowed, and may not be meant or wise."""
    yield from node_findings(root, config)
    yield from site_findings(sites, config)
