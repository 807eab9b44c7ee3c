"""Map-Requests a second through the ALT's data plane, on one core.

    python -m benchmarks.alt_forward [--seconds 3]

In process: the plane alone. Through sockets: GRE in, GRE out, over veth between
two namespaces, the generator on the other core; what arrives beyond the node's
speed is lost in its socket. Transit looks up one of 1,000 prefixes; local delivery
verifies the UDP checksum and that the request asks for its own destination.
"""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import os
import random
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from struct import pack
from typing import Final

from alt.effects import FibChange, Local, Via
from alt.fib import Fib
from alt.gre import IPV4_PAYLOAD, encapsulate
from alt.helper_client import TunnelHelper
from alt.netns import inside, make_overlay, remove_overlay
from alt.plane import AltPlane, PlaneLimits
from alt.plane_carrier import PlaneCarrier
from alt.tunnel.base import TunnelSpec
from alt.tunnel.underlay import GreUnderlay
from alt.tunnel.userspace import UserspaceBackend
from benchmarks.processes import cores
from mapsys.eid import EidPrefix, Family
from mapsys.wire.address import NoAddress, ip_address
from mapsys.wire.ip import build_ip_udp
from mapsys.wire.map_request import MapRequest, MapRequestRecord

PREFIXES: Final = 1_000
PACKETS: Final = 50_000
PROTOTYPE: Final = {"transit": 88_000, "local delivery": 163_000}
"""A second, by a prototype without checks of the payload, duplicates or budgets."""

TRANSIT_BLOCK: Final = int(ipaddress.IPv4Address("198.18.0.0"))
LOCAL_BLOCK: Final = int(ipaddress.IPv4Address("198.19.0.0"))
_BLOCKS: Final = {"transit": TRANSIT_BLOCK, "local delivery": LOCAL_BLOCK}
_TUNNELS: Final = (
    TunnelSpec("in", "192.0.2.2", "192.0.2.1", 1, inner4="10.255.0.1/31"),
    TunnelSpec("out", "192.0.2.2", "192.0.2.3", 2, inner4="10.255.0.3/31"),
)
_GENERATOR_SPACE: Final = "mapsys-bench-generator"
_NODE_SPACE: Final = "mapsys-bench-node"
_OVERLAY: Final = "mapsys-bench-overlay-0"
_SEND_BATCH: Final = 64

_ROUNDS: Final = 12
"""Copies with a nonce of their own: more than a second's worth, so that none is a duplicate."""
_FIRST_WORDS: Final = 0x4000_8000 << 32
_NONCE_IN_GRE: Final = 8 + 20 + 8 + 4


def fib() -> Fib:
    """1,000 prefixes of several lengths over the transit block, one local /16."""
    table, chance = Fib(0), random.Random(1)
    table.apply(FibChange(EidPrefix.parse("198.18.0.0/16"), Via("out")))
    table.apply(FibChange(EidPrefix.parse("198.19.0.0/16"), Local("site")))
    while len(table) < PREFIXES + 2:
        prefix = EidPrefix.masked(
            0,
            Family.IPV4,
            TRANSIT_BLOCK | chance.getrandbits(16),
            chance.choice((21, 24, 26, 28)),
        )
        table.apply(FibChange(prefix, Via("out")))
    return table


def packets(block: int, eids: int) -> list[bytes]:
    """Map-Requests of 56 octets, each with its own nonce, for so many EIDs of a /16."""
    chance = random.Random(2)
    made = []
    for number in range(PACKETS):
        eid = str(ipaddress.IPv4Address(block | (number % eids) * 40_503 % 65_536))
        itr = f"192.0.2.{100 + number % 100}"
        request = MapRequest(
            _FIRST_WORDS | chance.getrandbits(32),
            NoAddress(),
            (ip_address(itr),),
            (MapRequestRecord(ip_address(eid), 32),),
        )
        made.append(build_ip_udp(itr, eid, 61000, 4342, request.octets()))
    return made


def rounds(traffic: list[bytes]) -> list[bytes]:
    """The GRE packets again and again with other nonces, their checksums still right.

    What one 16-bit word of the nonce gains, the next one loses.
    """
    at = _NONCE_IN_GRE
    return [
        packet[:at] + pack("!HH", 0x4000 + number, 0x8000 - number) + packet[at + 4 :]
        for number in range(_ROUNDS)
        for packet in traffic
    ]


def in_process(name: str, eids: int, limits: PlaneLimits) -> float:
    """A second, best of three."""
    traffic = packets(_BLOCKS[name], eids)
    best = 0.0
    for _ in range(3):
        plane = AltPlane(0, fib(), lambda eid: True, limits)
        began = time.perf_counter()
        for number, packet in enumerate(traffic):
            plane.packet("in", packet, number / 100_000)
        best = max(best, len(traffic) / (time.perf_counter() - began))
    return best


def make_underlay() -> None:
    """Two namespaces with a veth between them; the generator's holds the sink's address too."""
    for name in (_GENERATOR_SPACE, _NODE_SPACE):
        make_overlay(name)
    for command in (
        f"link add eth0 netns {_NODE_SPACE} type veth peer name eth0 netns {_GENERATOR_SPACE}",
        f"-n {_GENERATOR_SPACE} addr add 192.0.2.1/24 dev eth0",
        f"-n {_GENERATOR_SPACE} addr add 192.0.2.3/24 dev eth0",
        f"-n {_NODE_SPACE} addr add 192.0.2.2/24 dev eth0",
        f"-n {_GENERATOR_SPACE} link set eth0 up",
        f"-n {_NODE_SPACE} link set eth0 up",
    ):
        subprocess.run(["ip", *command.split()], check=True)


def remove_underlay() -> None:
    """Take both away."""
    for name in (_GENERATOR_SPACE, _NODE_SPACE):
        remove_overlay(name)


def run_node() -> None:
    """The node's own process: serves until its input ends, then prints what it did."""
    os.sched_setaffinity(0, cores()[0])
    asyncio.run(_serve())


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    helper = TunnelHelper()
    overlay = helper.make_overlay(_OVERLAY)
    underlay = GreUnderlay(helper.raw_gre, loop)
    table = fib()
    carrier = PlaneCarrier(
        AltPlane(0, table, lambda eid: True, PlaneLimits(per_tunnel=None, per_itr=None)),
        table,
        lambda receive: UserspaceBackend(overlay, underlay, receive, loop),
        clock=loop.time,
        on_deliver=lambda effect: None,
        on_negative=lambda effect: None,
        on_recursion=lambda prefix, names: None,
    )
    for spec in _TUNNELS:
        carrier.open(spec)
    print("ready", flush=True)
    before = time.process_time()
    stopped = asyncio.Event()
    loop.add_reader(sys.stdin, stopped.set)
    await stopped.wait()
    counters = carrier.counters
    print(counters.forwarded, counters.delivered, time.process_time() - before, flush=True)
    carrier.backend.shutdown()
    underlay.shutdown()
    helper.stop()


def through_sockets(name: str, seconds: float) -> tuple[float, float]:
    """(a second, microseconds of the node's processor time for each)."""
    traffic = rounds([encapsulate(IPV4_PAYLOAD, p, key=1) for p in packets(_BLOCKS[name], 1_000)])
    with inside(_NODE_SPACE):
        node = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.alt_forward", "--node"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
    assert node.stdin is not None
    assert node.stdout is not None
    assert node.stdout.readline() == b"ready\n"
    os.sched_setaffinity(0, cores()[1])
    with inside(_GENERATOR_SPACE):
        sender, sink = (socket.socket(socket.AF_INET, socket.SOCK_RAW, 47) for _ in range(2))
    with sender, sink:
        # Nobody reads it; it keeps the kernel from answering with ICMP.
        sink.bind(("192.0.2.3", 0))
        sender.bind(("192.0.2.1", 0))
        sender.connect(("192.0.2.2", 0))
        began = time.perf_counter()
        _blast(sender, traffic, lambda: time.perf_counter() - began < seconds)
        elapsed = time.perf_counter() - began
        node.stdin.write(b"stop\n")
        node.stdin.flush()
        forwarded, delivered, processor = node.stdout.readline().split()
    node.stdin.close()
    node.wait(20)
    done = int(forwarded) + int(delivered)
    return done / elapsed, float(processor) / done * 1e6


def _blast(sender: socket.socket, traffic: list[bytes], going: Callable[[], bool]) -> None:
    at = 0
    while going():
        for octets in traffic[at : at + _SEND_BATCH]:
            try:
                sender.send(octets)
            except OSError:
                select.select([], [sender], [], 0.1)
        at = (at + _SEND_BATCH) % len(traffic)


def main() -> None:
    """Print a table of what was measured beside the prototype's figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=3.0)
    options.add_argument("--node", action="store_true", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.node:
        run_node()
        return
    print(f"{'':46}{'a second':>10}{'CPU us':>9}{'prototype':>11}")
    for name in _BLOCKS:
        for eids, label in ((1_000, "1,000 EIDs"), (60_000, "every EID new")):
            figure = in_process(name, eids, PlaneLimits.off())
            print(f"{name + ', in process, ' + label:46}{figure:10,.0f}{1e6 / figure:9.1f}")
        figure = in_process(name, 1_000, PlaneLimits())
        print(f"{name + ', in process, with budgets':46}{figure:10,.0f}{1e6 / figure:9.1f}")
    make_underlay()
    try:
        for name in _BLOCKS:
            figure, processor = through_sockets(name, chosen.seconds)
            label = f"{name}, through GRE sockets"
            print(f"{label:46}{figure:10,.0f}{processor:9.1f}{PROTOTYPE[name]:11,}")
    finally:
        remove_underlay()


if __name__ == "__main__":
    main()
