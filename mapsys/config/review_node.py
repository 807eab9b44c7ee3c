"""What the review finds in everything but the sites: interfaces, budgets, blocks, the ALT."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final

from alt.config import warnings as alt_warnings
from mapsys.config.checks import CHECKS, Finding
from mapsys.config.http import is_open_beyond_this_machine
from mapsys.config.model import RECEIVE_BUFFER_OCTETS, Config, Http, RateLimits
from mapsys.config.review_sites import found, is_readable_by_others
from mapsys.config.schema import Value
from mapsys.eid import EidPrefix
from mapsys.table import PrefixTable

TUNNEL_MTU_OCTETS: Final = 1_400
"""Below that a Map-Request with LISP-SEC data around it may not fit."""

_BUDGETS: Final = {
    "requests-per-source": "Map-Requests one source sends",
    "replies-per-destination": "Map-Replies go to one locator",
    "replies-per-prefix": "Map-Replies for one EID-Prefix go to one locator",
    "registers-per-site": "Map-Registers a site sends",
}


def node_findings(root: Value, config: Config) -> Iterator[Finding]:
    """Everything that is not a site's."""
    if config.control.receive_buffer_octets < RECEIVE_BUFFER_OCTETS:
        yield found(
            "receive-buffer-small",
            root.at("control", "receive-buffer"),
            f"{config.control.receive_buffer_octets} octets hold less than a burst of a second",
        )
    if config.http is not None:
        yield from _http(root.at("http"), config.http)
    if config.map_server is not None:
        server = root.at("map-server")
        yield from _budgets(server.at("rate-limits"), config.map_server.rate_limits)
        protected = config.map_server.lisp_sec
        if config.map_server.proxy_reply != "never" and (
            protected is None or protected.policy == "off"
        ):
            yield found(
                "proxy-reply-without-lisp-sec",
                server.at("proxy-reply"),
                "answers for ETRs are given here, and no ITR can check who gave them",
            )
    elif config.map_resolver is not None:
        resolver = root.at("map-resolver", "rate-limits")
        yield from _budgets(resolver, config.map_resolver.rate_limits)
    yield from _blocks(root, config)
    yield from _alt(root, config)


def _http(value: Value, http: Http) -> Iterator[Finding]:
    open_beyond = is_open_beyond_this_machine(http)
    if open_beyond:
        yield found(
            "http-open",
            value.at("listen"),
            "the status interface is open beyond this machine, as unprotected: says",
        )
        if not http.tokens and not (http.tls is not None and http.tls.clients):
            yield found(
                "metrics-open", value.at("listen"), "anybody who gets here may read /metrics"
            )
    if http.metrics is not None and not ip_address(http.metrics.listen.host).is_loopback:
        yield found(
            "metrics-open",
            value.at("metrics", "listen"),
            "anybody who gets here may read /metrics, and nothing is encrypted",
        )
    if http.tls is not None and is_readable_by_others(http.tls.key):
        yield found(
            "secret-readable",
            value.at("tls", "key"),
            f"{http.tls.key} holds the private key, and others than its owner may read it",
        )


def _budgets(value: Value, limits: RateLimits) -> Iterator[Finding]:
    for key, what in _BUDGETS.items():
        if getattr(limits, key.replace("-", "_")) is None:
            yield found("rate-limit-off", value.at(key), f"nothing bounds how many {what}")


def _blocks(root: Value, config: Config) -> Iterator[Finding]:
    """Blocks in which nothing lies: of the ALT, where delegations count too, and authority."""
    held: PrefixTable[None] = PrefixTable()
    for site in config.sites:
        for eid in site.eids:
            held.put(eid.prefix, None)
    for number, instance in enumerate(config.alt):
        delegated = [one.block for one in instance.delegations]
        for at, block in enumerate(instance.blocks):
            inside = any(block.covers(one) and one != block for one in delegated)
            if not inside and not _any_covered(held, block):
                yield found(
                    "block-without-site",
                    root.at("alt", number, "blocks", at),
                    f"{block} stands for space that no site and no delegation holds",
                )
    if config.map_server is None or (authority := root.child("authority")) is None:
        return
    for number, block in enumerate(config.authority):
        if not _any_covered(held, block):
            yield found("block-without-site", authority.at(number), f"no site holds any of {block}")


def _any_covered(held: PrefixTable[None], block: EidPrefix) -> bool:
    return next(iter(held.covered(block)), None) is not None


def _alt(root: Value, config: Config) -> Iterator[Finding]:
    if (section := root.child("alt")) is None:
        return
    for fault in alt_warnings(section, config.alt):
        yield Finding(CHECKS["alt-plan"], fault)
    for number, instance in enumerate(config.alt):
        for at, tunnel in enumerate(instance.tunnels):
            value = section.at(number, "tunnels", at)
            if tunnel.md5 is None:
                yield found(
                    "bgp-without-md5", value, f"the session with {tunnel.name} has no MD5 secret"
                )
            if not tunnel.gtsm:
                yield found(
                    "bgp-without-ttl-security",
                    value,
                    f"the session with {tunnel.name} takes packets from any distance",
                )
            if value.child("max-prefix") is None:
                yield found(
                    "bgp-without-max-prefix",
                    value,
                    f"{tunnel.name} may announce as many prefixes as the default lets it",
                )
            if tunnel.mtu is not None and tunnel.mtu < TUNNEL_MTU_OCTETS:
                yield found("tunnel-mtu", value.at("mtu"), f"{tunnel.mtu} octets are few")
