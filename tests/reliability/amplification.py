"""How much a victim gets for what is asked in its name, over any number of spoofed Map-Requests."""

from __future__ import annotations

import random
from dataclasses import dataclass

from mapsys.core.amplification import FIRST_BURST_OCTETS
from mapsys.core.effects import Endpoint, Send
from mapsys.core.limiter import Limits
from mapsys.wire.address import ip_address
from tests.core.world import Etr, World, map_request_in_ecm, of, record, rloc

POOL_OCTETS = 65_536
"""A second, and at once: for the first bursts of all destinations."""


@dataclass
class Amplification:
    """What went in and out. allowance: octets of first bursts that may come on top."""

    octets_in: int = 0
    octets_out: int = 0
    requests: int = 0
    packets: int = 0
    allowance: float = 0.0

    @property
    def octets_for_one(self) -> float:
        """Octets sent for one received, beyond the allowances."""
        return max(0.0, self.octets_out - self.allowance) / self.octets_in

    @property
    def packets_for_one(self) -> float:
        return self.packets / self.requests


def spoofed(requests: int, victims: int, per_second: int, seed: int) -> Amplification:
    """Ask in the names of so many victims for a record with 32 IPv6 locators."""
    choice = random.Random(seed)
    world = World(limits=Limits(None, None, None, None, None, None), path_mtu=1500)
    large = record("10.1.0.0/16", *(rloc(f"2001:db8:{number:x}::1") for number in range(32)))
    assert of(Send, world.register(Etr(), large))
    hosts = [f"203.0.{number >> 8}.{number & 255}" for number in range(1, victims + 1)]
    asked = {host: map_request_in_ecm("10.1.2.3", itr_rlocs=(ip_address(host),)) for host in hosts}
    tally, began = Amplification(), world.now
    for number in range(requests):
        host = choice.choice(hosts)
        sends = of(Send, world.hear(asked[host], Endpoint(host, 4342)))
        tally.octets_in += len(asked[host])
        tally.requests += 1
        tally.packets += len(sends)
        tally.octets_out += sum(len(send.data) for send in sends)
        world.now = began + number / per_second
        if number % (60 * per_second) == 0:  # before its lifetime ends
            world.register(Etr(nonces=iter([number + 2])), large)
    seconds = world.now - began
    tally.allowance = min(POOL_OCTETS * (1 + seconds), victims * FIRST_BURST_OCTETS)
    return tally
