"""Two hundred sites register through a bad network: it heals, and nothing is left of it."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import Iterator

import pytest

from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix
from mapsys.etr import Etr, EtrConfig, EtrEffect, Transmit
from mapsys.wire.address import ip_address
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.map_notify import MapNotify
from mapsys.wire.records import EidRecord, RlocRecord
from tests.daemon.node import KEY, Node, config_text
from tests.figures.record import wanted
from tests.impairment import HOST, Impairment, Relay
from tests.reliability.load import peer

SITES = 200
CHANGES = 3
BAD_SECONDS = 4.0
BAD = Impairment(loss=0.3, duplication=0.2, corruption=0.1, delay_seconds=0.5)
PATIENCE_SECONDS = 60.0
BATCH = 25


class Site(asyncio.DatagramProtocol):
    """One xTR of one site, whose locator changes; it keeps what it has signed."""

    def __init__(self, number: int, server: Endpoint) -> None:
        self.prefix = EidPrefix.parse(f"198.18.{number}.0/24")
        self.signed: list[bytes] = []
        self.rloc = ""
        self._number, self._server = number, server
        self._nonces: Iterator[int] = itertools.count(1)
        self._etr: Etr | None = None

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=(HOST, 0))

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self._etr is not None:
            self._carry_out(self._etr.handle(data, Endpoint(*addr[:2]), time.monotonic()))

    def moves_to(self, rloc: str) -> None:
        """Register this locator from now on, and nothing older."""
        self.rloc = rloc
        eid, mask_len = from_eid_prefix(self.prefix)
        locator = RlocRecord(ip_address(rloc), 1, 100, 255, 0)
        config = EtrConfig(
            self._server,
            (EidRecord(1440, eid, mask_len, (locator,), authoritative=True),),
            KEY,
            key_id=1,
            algorithm_id=2,
            proxy_map_reply=True,
            xtr_id=self._number.to_bytes(16, "big"),
            site_id=bytes(8),
        )
        self._etr = Etr(config, lambda: next(self._nonces))
        self._carry_out(self._etr.start(time.monotonic()))

    def pass_time(self) -> bool:
        """Send what is due; whether all is acknowledged."""
        assert self._etr is not None
        deadline, now = self._etr.next_deadline(), time.monotonic()
        if deadline is not None and deadline <= now:
            self._carry_out(self._etr.expire(now))
        return self._etr.is_settled

    def _carry_out(self, effects: list[EtrEffect]) -> None:
        for effect in effects:
            if isinstance(effect, Transmit):
                if effect.data[0] >> 4 == 3:
                    self.signed.append(effect.data)
                self.transport.sendto(effect.data, tuple(effect.destination))


async def through_a_bad_network(server: Endpoint, seed: int) -> tuple[list[Site], Relay]:
    """Sites that have moved about, and were acknowledged once the network had healed."""
    relay = Relay(seed, server, BAD)
    front = await relay.start()
    sites = [Site(number, front) for number in range(SITES)]
    began, changes, is_last = time.monotonic(), 0, False
    try:
        for site in sites:
            await site.open()
        while True:
            passed = time.monotonic() - began
            if changes < CHANGES and passed >= changes * BAD_SECONDS / (CHANGES + 1):
                changes += 1
                for number, site in enumerate(sites):
                    site.moves_to(f"192.0.2.{(number + changes * 60) % 250 + 1}")
            settled = [site.pass_time() for site in sites]
            if passed >= BAD_SECONDS:
                relay.heal()
                if all(settled):
                    if is_last:
                        break
                    # What was lost behind an acknowledged one is news to the server, and
                    # no replay; one more that arrives makes all before it old.
                    is_last = True
                    for site in sites:
                        site.moves_to(site.rloc)
            assert passed < PATIENCE_SECONDS, f"{settled.count(False)} sites are not registered"
            await asyncio.sleep(0.02)
        await asyncio.sleep(2 * BAD.delay_seconds)  # what was delayed longest has come
    finally:
        for site in sites:
            site.transport.close()
        relay.close()
    return sites, relay


@pytest.mark.timeout(600)
def test_sites_converge_after_a_bad_network_and_no_replay_is_accepted(node: Node) -> None:
    seed = int.from_bytes(os.urandom(4), "big")
    named = tuple((f"site-{number}", f"198.18.{number}.0/24") for number in range(SITES))
    text = config_text(node.state, (node.address,), named)
    node.config.write_text(
        text.replace("{rate-limits: off}", "{rate-limits: off, replay: strict}"), encoding="utf-8"
    )
    node.start()
    sites, relay = asyncio.run(through_a_bad_network(node.address, seed))
    for fate in ("lost", "doubled", "damaged", "carried"):
        assert relay.fates[fate] > SITES // 10, f"seed {seed}: {relay.fates}"
    right = {f"198.18.{number}.1": site.rloc for number, site in enumerate(sites)}
    replays = [data for site in sites for data in site.signed]
    accepted = 0
    with peer(node.address) as asking, peer(node.address) as attacker:
        assert asking.lookup(list(right)) == right, f"seed {seed}"
        for at in range(0, len(replays), BATCH):
            for data in replays[at : at + BATCH]:
                attacker.send(data)
            asking.lookup(["198.18.0.1"])  # the server has come to all of them
        while (heard := attacker.hear(0.5)) is not None:
            accepted += isinstance(heard, MapNotify)
        assert asking.lookup(list(right)) == right, f"seed {seed}: a replay changed something"
    wanted("replays accepted after a bad network", accepted, 0, len(replays))
    assert accepted == 0, f"seed {seed}"
    assert len(replays) > SITES * CHANGES
