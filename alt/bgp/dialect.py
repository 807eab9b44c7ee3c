"""Every word that is said to ExaBGP 5.0: its command line, environment, file and commands."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from alt.bgp import relay
from alt.model import AltConfig, Tunnel
from alt.rib.attributes import Origin, PathAttributes
from mapsys.eid import EidPrefix, Family

NLRI_PER_LINE: Final = 500
"""Prefixes in one command; more would keep ExaBGP from its keepalives."""
BGP_PORT: Final = 179
DEFAULT_TTL: Final = 255
"""Required from and given to a neighbour under GTSM (RFC 5082, 3)."""

_FAMILY: Final = {Family.IPV4: "ipv4 unicast", Family.IPV6: "ipv6 unicast"}


class Dialect:
    """ExaBGP 5.0's words.

    program: the exabgp command of the environment that runs this node.
    """

    def __init__(self, program: str = str(Path(sys.executable).parent / "exabgp")) -> None:
        self.program = program

    # The process.

    def server(self, conf: Path) -> list[str]:
        """The command line that serves a configuration file."""
        return [self.program, "server", str(conf)]

    def validate(self, conf: Path) -> list[str]:
        """The command line that checks one; it exits with 1 where the file is wrong."""
        return [self.program, "validate", "-n", str(conf)]

    def environment(self, config: AltConfig) -> dict[str, str]:
        """Settings on top of the inherited ones.

        Started as root, ExaBGP becomes the user it is told, by default ``nobody``,
        who cannot read the file again at a reload. A helper that ends ends the
        daemon, so that one supervisor starts both anew.
        """
        return {
            "exabgp_daemon_drop": "false",
            "exabgp_daemon_user": "root",
            "exabgp_api_ack": "true",
            "exabgp_api_cli": "false",
            "exabgp_api_respawn": "false",
            "exabgp_api_terminate": "true",
            "exabgp_log_destination": "stderr",
            "exabgp_log_level": "ERROR",
            "exabgp_reactor_speed": "0.1" if len(config.tunnels) <= 100 else "0.3",
        }

    # The configuration file.

    def configuration(self, config: AltConfig, tunnels: Iterable[Tunnel], socket_path: Path) -> str:
        """The file: the relay as helper, then one full section for each neighbour."""
        lines = [
            "process alt {",
            f"  run {sys.executable} {Path(relay.__file__).resolve()} {socket_path};",
            "  encoder json;",
            "}",
        ]
        for tunnel in tunnels:
            lines += self._neighbor(config, tunnel)
        return "\n".join(lines) + "\n"

    def _neighbor(self, config: AltConfig, tunnel: Tunnel) -> Iterator[str]:
        family = tunnel.session_family
        yield f"neighbor {tunnel.peer_address(family)} {{"
        yield f'  description "{tunnel.name}";'
        yield f"  router-id {config.router_id};"
        yield f"  local-address {tunnel.own_address(family)};"
        yield f"  local-as {config.own_as};"
        yield f"  peer-as {tunnel.peer_as};"
        yield f"  hold-time {tunnel.hold_seconds};"
        yield f"  listen {BGP_PORT};"
        yield "  adj-rib-in false;"
        yield "  adj-rib-out true;"
        yield "  manual-eor true;"
        yield "  group-updates true;"
        if tunnel.md5 is not None:
            yield f'  md5-password "{tunnel.md5.reveal().decode("ascii")}";'
        if tunnel.gtsm:
            yield f"  outgoing-ttl {DEFAULT_TTL};"
            yield f"  incoming-ttl {DEFAULT_TTL};"
        yield "  family {"
        yield from (f"    {_FAMILY[f]};" for f in tunnel.families)
        yield "  }"
        yield "  capability {"
        yield "    asn4 enable;"
        yield "    route-refresh enable;"
        yield "    extended-message enable;"
        if tunnel.graceful_seconds:
            yield f"    graceful-restart {tunnel.graceful_seconds};"
        yield "  }"
        yield "  api {"
        yield "    processes [ alt ];"
        yield "    neighbor-changes;"
        yield "    receive { parsed; open; update; refresh; notification; }"
        yield "  }"
        yield "}"

    # Commands; each is answered by "done" or "error", in order.

    def announce(
        self, tunnel: Tunnel, prefixes: Sequence[EidPrefix], attributes: PathAttributes
    ) -> list[tuple[str, tuple[EidPrefix, ...]]]:
        """One command per NLRI_PER_LINE prefixes, each with the prefixes in it."""
        words = f"announce attributes next-hop {attributes.next_hop}"
        words += f" origin {_ORIGIN[attributes.origin]}"
        words += f" as-path [ {' '.join(map(str, attributes.as_path))} ]"
        if attributes.med is not None:
            words += f" med {attributes.med}"
        if attributes.communities:
            pairs = " ".join(f"{high}:{low}" for high, low in attributes.communities)
            words += f" community [ {pairs} ]"
        return self._per_line(tunnel, words, prefixes)

    def withdraw(
        self, tunnel: Tunnel, prefixes: Sequence[EidPrefix]
    ) -> list[tuple[str, tuple[EidPrefix, ...]]]:
        """One command per NLRI_PER_LINE prefixes of one family, each with the prefixes in it."""
        next_hop = tunnel.own_address(prefixes[0].family)
        return self._per_line(tunnel, f"withdraw attributes next-hop {next_hop}", prefixes)

    def end_of_rib(self, tunnel: Tunnel, family: Family) -> str:
        """End-of-RIB for a family."""
        return f"{self._to(tunnel)} announce eor {_FAMILY[family]}"

    def request_refresh(self, tunnel: Tunnel, family: Family) -> str:
        """A ROUTE-REFRESH for a family."""
        return f"{self._to(tunnel)} announce route-refresh {_FAMILY[family]}"

    def teardown(self, tunnel: Tunnel, subcode: int) -> str:
        """A Cease with this subcode."""
        return f"{self._to(tunnel)} teardown {subcode}"

    show_neighbors: Final = "show neighbor json"
    reload: Final = "reload"
    ping: Final = "version"

    def _per_line(
        self, tunnel: Tunnel, words: str, prefixes: Sequence[EidPrefix]
    ) -> list[tuple[str, tuple[EidPrefix, ...]]]:
        parts = [prefixes[n : n + NLRI_PER_LINE] for n in range(0, len(prefixes), NLRI_PER_LINE)]
        return [
            (f"{self._to(tunnel)} {words} nlri {' '.join(map(_nlri, part))}", tuple(part))
            for part in parts
        ]

    def _to(self, tunnel: Tunnel) -> str:
        return f"neighbor {tunnel.peer_address(tunnel.session_family)}"


_ORIGIN: Final = {Origin.IGP: "igp", Origin.EGP: "egp", Origin.INCOMPLETE: "incomplete"}


def _nlri(prefix: EidPrefix) -> str:
    """The prefix without its instance-ID, which BGP does not carry."""
    return str(EidPrefix(0, prefix.family, prefix.network, prefix.length))
