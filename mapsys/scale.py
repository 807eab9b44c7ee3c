"""How large a LISP network can grow: Farinacci's envelope, with figures of one's own.

The talk counts in three costs: memory, locators, and EIDs in map-caches. A map-cache entry
takes 1,000 octets; a tunnel router that talks to a million phones a gigabyte; a hundred of
them, each with ten times the memory, reach a billion. What registers, and what moves, is
counted the same way here.
"""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass
from math import ceil
from typing import Final, NamedTuple

from mapsys.wire.address import Ipv4
from mapsys.wire.records import EidRecord, RlocRecord
from mapsys.xtr.map_cache import MapCache

REGISTER_SECONDS: Final = 60
"""Between the Map-Registers of one ETR (RFC 9301, 8.2)."""

DAY_SECONDS: Final = 86_400
SAMPLE_ENTRIES: Final = 20_000
"""Enough that what a table costs once no longer counts."""


@dataclass(frozen=True, slots=True)
class ScaleInputs:
    """octets: of memory. rates: in a second, of one Map-Server.

    entry_octets: of one map-cache entry. entries: of one tunnel router, before its memory
    grows by ``memory_factor``. moves_a_day: of one EID. correspondents: routers that an EID
    talks to at a time, and which ask anew when it moves.
    """

    entry_octets: float = 1_000
    entries: int = 1_000_000
    routers: int = 100
    memory_factor: int = 10
    registration_octets: float = 228
    registers_rate: float = 17_000
    requests_rate: float = 4_200
    moves_a_day: float = 10
    correspondents: int = 10


class ScaleStep(NamedTuple):
    """One line of the envelope. eids: that can be talked to; octets: of one router."""

    what: str
    routers: int
    octets: int
    eids: int


class MappingScale(NamedTuple):
    """What the mapping system needs for all those EIDs.

    servers_for_registers, servers_for_moves: Map-Servers, by each of their rates;
    registration_octets: of all registrations together.
    """

    eids: int
    registration_octets: int
    registers_a_second: float
    requests_a_second: float
    servers_for_registers: int
    servers_for_moves: int


def steps(inputs: ScaleInputs) -> list[ScaleStep]:
    """The envelope, in the order of the talk."""
    router_octets = round(inputs.entries * inputs.entry_octets)
    larger = inputs.entries * inputs.memory_factor
    return [
        ScaleStep("one map-cache entry", 1, round(inputs.entry_octets), 1),
        ScaleStep("one tunnel router", 1, router_octets, inputs.entries),
        ScaleStep("all of them", inputs.routers, router_octets, inputs.entries * inputs.routers),
        ScaleStep(
            f"with {inputs.memory_factor} times the memory",
            inputs.routers,
            router_octets * inputs.memory_factor,
            larger * inputs.routers,
        ),
    ]


def mapping_scale(inputs: ScaleInputs) -> MappingScale:
    """What the last step asks of Map-Servers."""
    eids = steps(inputs)[-1].eids
    registers = eids / REGISTER_SECONDS
    requests = eids * inputs.moves_a_day * inputs.correspondents / DAY_SECONDS
    return MappingScale(
        eids,
        round(eids * inputs.registration_octets),
        registers,
        requests,
        ceil(registers / inputs.registers_rate),
        ceil(requests / inputs.requests_rate),
    )


def measured_entry_octets(entries: int = SAMPLE_ENTRIES) -> float:
    """Octets that an entry of the tunnel router's own map-cache takes, by filling one.

    Each is a host with two locators, as a Map-Reply brings them.
    """
    cache = MapCache()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(entries):
            cache.put(_sample(number), 0.0, "map-reply")
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return (after - before) / entries


def _sample(number: int) -> EidRecord:
    rlocs = tuple(
        RlocRecord(Ipv4((0xC0000200 + number % 200 + at).to_bytes(4, "big")), 1, 50, 255, 0)
        for at in (0, 1)
    )
    return EidRecord(1_440, Ipv4((0x0A000000 + number).to_bytes(4, "big")), 32, rlocs)
