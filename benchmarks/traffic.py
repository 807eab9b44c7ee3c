"""Builds the packets of each row with the project's own codec."""

from __future__ import annotations

import itertools
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

from benchmarks.packets import Packet
from benchmarks.population import (
    HOST,
    KEY_ID,
    SITE_ID,
    eid_of,
    record_of,
    rlocs_of,
    secret_of,
    xtr_id_of,
)
from mapsys.eid import EidPrefix, Family
from mapsys.wire.address import Ipv4, Ipv6, NoAddress, ip_address
from mapsys.wire.auth import ALGORITHMS, Key
from mapsys.wire.ecm import Ecm
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.ip import build_ip_udp
from mapsys.wire.map_register import MapRegister
from mapsys.wire.map_request import MapRequest, MapRequestRecord

FLOWS: Final = 8
"""Sockets of the generator."""

Host = tuple[int, int]
"""A site and the number of one of its hosts, as in ``population.eid_of``."""

_LOOPBACK: Final = ip_address(HOST)
_IP_HEADER_OCTETS: Final = {Family.IPV4: 20, Family.IPV6: 40}
_ALIKE_TOGETHER: Final = 256
"""Packets of one socket among which those of one length are put together."""


def map_request(eid: EidPrefix, flow: int, port: int) -> Packet:
    """An ECM Map-Request, whose answer comes to this port: its own socket's."""
    address, mask_len = from_eid_prefix(eid)
    request = MapRequest(
        nonce=0,
        source_eid=NoAddress(),
        itr_rlocs=(_LOOPBACK,),
        records=(MapRequestRecord(address, mask_len),),
    )
    octets = eid.network_octets()
    destination = Ipv4(octets) if eid.family is Family.IPV4 else Ipv6(octets)
    source = HOST if eid.family is Family.IPV4 else "::1"
    inner = build_ip_udp(source, destination.text, port, 4342, request.octets())
    udp = 4 + _IP_HEADER_OCTETS[eid.family]
    return Packet(flow, Ecm(inner=inner).octets(), udp + 8 + 4, udp + 6)


def map_requests(ports: Sequence[int], hosts: Iterable[Host]) -> Iterator[Packet]:
    """One for each host, dealt out to the sockets in turn."""
    for index, host in enumerate(hosts):
        flow = index % len(ports)
        yield map_request(eid_of(*host), flow, ports[flow])


@dataclass(frozen=True, slots=True)
class Registering:
    """What one Map-Register says: these hosts of a site, signed so, with this weight."""

    site: int
    numbers: tuple[int, ...]
    algorithm_id: int = 2
    weight: int = 50

    def octets(self) -> bytes:
        """All but nonce and MAC, which are zero."""
        rlocs = rlocs_of(self.site, self.weight)
        return MapRegister(
            nonce=0,
            key_id=KEY_ID,
            algorithm_id=self.algorithm_id,
            authentication_data=bytes(ALGORITHMS[self.algorithm_id].mac_lengths[0]),
            records=tuple(record_of(self.site, number, rlocs) for number in self.numbers),
            proxy_map_reply=True,
            want_map_notify=True,
            xtr_id=xtr_id_of(self.site),
            site_id=SITE_ID,
        ).octets()


class Signer:
    """Signs Map-Registers; the nonces of each xTR rise, and by one on each socket."""

    def __init__(self) -> None:
        self._nonces = [itertools.count(time.time_ns()) for _ in range(FLOWS)]
        self._octets = lru_cache(maxsize=32_768)(Registering.octets)

    def map_registers(self, wanted: Iterable[Registering], *, alike: bool) -> Iterator[Packet]:
        """In this order; alike: those of one length together, as far as may be."""
        order = ((one.site % FLOWS, one, self._octets(one)) for one in wanted)
        for flow, one, octets in _together(order) if alike else order:
            nonce = next(self._nonces[flow]).to_bytes(8, "big")
            yield Packet(flow, key_of(one.site).sign(octets[:4] + nonce + octets[12:]))


Unsigned = tuple[int, Registering, bytes]


def _together(order: Iterable[Unsigned]) -> Iterator[Unsigned]:
    waiting: dict[int, list[Unsigned]] = defaultdict(list)
    for one in order:
        held = waiting[one[0]]
        held.append(one)
        if len(held) == _ALIKE_TOGETHER:
            yield from sorted(held, key=lambda each: len(each[2]))
            held.clear()
    for held in waiting.values():
        yield from sorted(held, key=lambda each: len(each[2]))


def requests_together(packets: Iterable[Packet]) -> list[Packet]:
    """Map-Requests in another order: those of one length together."""
    return sorted(packets, key=lambda packet: len(packet.octets))


@cache
def key_of(site: int) -> Key:
    """The site's key, ready to sign."""
    return Key(secret_of(site))
