"""Sessions with BIRD, FRR and GoBGP: up, routes accepted both ways, in both families.

arin (ours) ---- apnic (BIRD 2)      arin (ours) ---- lacnic (FRR)
mspa (ours) ---- etr1 (GoBGP, 4-octet AS)
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from alt.bgp.supervisor import Timing
from alt.levels import FAMILIES, Level
from alt.model import AltConfig, Tunnel
from alt.roles import Role
from mapsys.eid import EidPrefix
from tests.alt.control.pilot import PLAN, arin, delegation, eids, mspa, tunnel
from tests.alt.control.speaking import SpeakingNode, daemon, namespaces
from tests.programs import require_program

pytestmark = [pytest.mark.netns, pytest.mark.interop]

BIRD = """
router id 10.254.0.3;
protocol device {{ }}
protocol static own4 {{ ipv4; route 198.18.64.0/19 unreachable; route 198.18.70.0/24 unreachable; }}
protocol static own6 {{ ipv6; route 2001:db8:e800::/38 unreachable; }}
protocol bgp arin {{
  local 10.255.0.3 as 65103; neighbor 10.255.0.2 as 65101; hold time 9; connect retry time 1;
  ipv4 {{ import all; export all; next hop address 10.255.0.3; }};
  ipv6 {{ import all; export all; next hop address fd00:a17::3; }};
}}
"""

FRR = """
hostname lacnic
router bgp 65104
 bgp router-id 10.254.0.4
 no bgp ebgp-requires-policy
 no bgp network import-check
 timers bgp 3 9
 neighbor 10.255.0.4 remote-as 65101
 neighbor 10.255.0.4 timers connect 1
 address-family ipv4 unicast
  network 198.18.96.0/19
  network 198.18.97.0/24
 exit-address-family
 address-family ipv6 unicast
  network 2001:db8:ec00::/38
  neighbor 10.255.0.4 activate
  neighbor 10.255.0.4 route-map NEXT out
 exit-address-family
route-map NEXT permit 10
 set ipv6 next-hop global fd00:a17::5
"""

GOBGP = """
[global.config]
  as = 4200000010
  router-id = "10.254.0.31"
[[neighbors]]
  [neighbors.config]
    neighbor-address = "10.255.0.22"
    peer-as = 65201
  [neighbors.timers.config]
    hold-time = 9
    keepalive-interval = 3
    connect-retry = 1
  [neighbors.graceful-restart.config]
    enabled = true
    restart-time = 60
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv4-unicast"
    [neighbors.afi-safis.mp-graceful-restart.config]
      enabled = true
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv6-unicast"
    [neighbors.afi-safis.mp-graceful-restart.config]
      enabled = true
"""

REGIONS = (
    *PLAN,
    delegation("2001:db8:e800::/38", Level.REGION, "apnic"),
    delegation("2001:db8:ec00::/38", Level.REGION, "lacnic"),
    delegation("2001:db8:e001::/48", Level.SITE, "etr1", "mspa"),
)


def ask(namespace: str, *command: str) -> str:
    """What a command in a namespace prints, errors included."""
    done = subprocess.run(
        ["ip", "netns", "exec", namespace, *command],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=30,
    )
    return done.stdout


@contextlib.contextmanager
def bird(namespace: str, folder: Path) -> Iterator[Callable[[], str]]:
    (folder / "bird.conf").write_text(BIRD.format())
    program, control = require_program("bird", "bird2"), str(folder / "bird.ctl")
    client = require_program("birdc", "bird2")
    command = [program, "-f", "-c", str(folder / "bird.conf"), "-s", control]
    with daemon(namespace, command, folder / "bird.log"):
        yield lambda: ask(namespace, client, "-s", control, "show route protocol arin all")


@contextlib.contextmanager
def frr(namespace: str, folder: Path) -> Iterator[Callable[[], str]]:
    (folder / "bgpd.conf").write_text(FRR)
    vtysh = require_program("vtysh", "frr")
    command = [
        require_program("bgpd", "frr"),
        *("--skip_runas", "--no_zebra", "--vty_socket", str(folder), "--vty_port", "0"),
        *("-f", str(folder / "bgpd.conf"), "-i", str(folder / "bgpd.pid")),
    ]

    def routes() -> str:
        shown = [
            ask(namespace, vtysh, "--vty_socket", str(folder), "-d", "bgpd", "-c", f"show {what}")
            for what in ("bgp ipv4 unicast", "bgp ipv6 unicast")
        ]
        return "\n".join(shown)

    with daemon(namespace, command, folder / "frr.log"):
        yield routes


@contextlib.contextmanager
def gobgp(namespace: str, folder: Path) -> Iterator[Callable[[], str]]:
    (folder / "gobgpd.toml").write_text(GOBGP)
    program = require_program("gobgpd", "gobgpd")
    client = require_program("gobgp", "gobgpd")
    command = [program, "-f", str(folder / "gobgpd.toml"), "--api-hosts", "127.0.0.1:50051"]

    def routes() -> str:
        for family, prefix, next_hop in (
            ("ipv4", "198.18.1.0/24", "10.255.0.23"),
            ("ipv4", "198.18.7.0/24", "10.255.0.23"),
            ("ipv6", "2001:db8:e001::/48", "fd00:a17::17"),
        ):
            ask(
                namespace, client, "global", "rib", "-a", family, "add", prefix, "nexthop", next_hop
            )
        shown = [ask(namespace, client, "global", "rib", "-a", f) for f in ("ipv4", "ipv6")]
        return "\n".join(shown)

    with daemon(namespace, command, folder / "gobgpd.log"):
        yield routes


class Case(NamedTuple):
    """Who speaks with whom, what is believed, what is refused, and what they get."""

    speaker: Callable[[str, Path], AbstractContextManager[Callable[[], str]]]
    config: AltConfig
    to: Tunnel
    accepted: tuple[EidPrefix, ...]
    refused: str
    ours: tuple[str, ...]


CASES = {
    "bird": Case(
        bird,
        arin(),
        tunnel("apnic", Role.PEER, 1),
        eids("198.18.64.0/19", "2001:db8:e800::/38"),
        "198.18.70.0/24",
        ("198.18.0.0/19", "2001:db8:e000::/38"),
    ),
    "frr": Case(
        frr,
        arin(),
        tunnel("lacnic", Role.PEER, 2),
        eids("198.18.96.0/19", "2001:db8:ec00::/38"),
        "198.18.97.0/24",
        ("198.18.0.0/19", "2001:db8:e000::/38"),
    ),
    "gobgp": Case(
        gobgp,
        mspa(),
        tunnel("etr1", Role.CHILD, 11),
        eids("198.18.1.0/24", "2001:db8:e001::/48"),
        "198.18.7.0/24",
        ("198.18.0.0/21", "2001:db8:e000::/40"),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_routes_cross_both_ways(case: Case, tmp_path: Path) -> None:
    name = case.to.name
    settings = replace(
        case.config, delegations=REGIONS, tunnels=(replace(case.to, hold_seconds=9),)
    )

    async def scenario(here: str, shown: Callable[[], str]) -> None:
        node = SpeakingNode(
            settings, tmp_path / "node", namespace=here, timing=Timing(back_off=0.2)
        )
        async with node.running():
            await node.until(lambda: node.is_up(name), "session up")
            await node.until(lambda: all(text in shown() for text in case.ours), "theirs")
            await node.until(
                lambda: node.prefixes_from(name) == set(case.accepted), f"accepted from {name}"
            )
            heard = node.router.peers[name].adj_in.routes
            refusals = {str(prefix): route.reason for prefix, route in heard.items()}
            assert refusals[case.refused] in ("more-specific-on-horizontal", "not-delegated")
            await node.until(
                lambda: set(FAMILIES) <= node.router.peers[name].complete, "End-of-RIB"
            )
            assert node.speaker.faults == {}
            assert node.speaker.reader.counts["malformed"] == 0

    with namespaces() as made:
        here, there = made.add("ours"), made.add("theirs")
        made.join(case.to.key - 1000, here, there)
        with case.speaker(there, tmp_path) as shown:
            asyncio.run(scenario(here, shown))
