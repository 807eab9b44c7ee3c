"""A node in a thread with what a small daemon lacks: 10,000 sites, an ALT, hostile names."""

from __future__ import annotations

import time
from pathlib import Path

from mapsys.core.site import EidRule, LispSite, Place, SiteKey
from mapsys.eid import EidPrefix
from mapsys.poller.results import (
    FOLDER_NAME,
    Flag,
    HeardRow,
    PolledRow,
    PollResults,
    Result,
    ResultsFile,
)
from mapsys.query_alt_rows import (
    AltAggregateRow,
    AltDelegationRow,
    AltHopRow,
    AltPage,
    AltPeerRow,
    AltQuestion,
    AltRejectedRow,
    AltRouteRow,
    AltRow,
    AltTraceRow,
    AltTunnelRow,
    AltWithheldRow,
)
from mapsys.query_fleet_rows import FleetMemberRow, FleetRow
from mapsys.query_measures_rows import PollerRow
from mapsys.wire.auth import Key
from tests.http.node import SECRET, Node
from tests.http.registered import register

SITES = 10_000
MORE_SPECIFICS = 700

HOSTILE = "<img src=x onerror=\"document.title='taken'\">"
HOSTILE_NAME = '"<script>alert(1)</script>"'

CROWDED = "a-crowded-site"
BLOCK = "198.18.0.0/21"

CITIES = (
    *(("Zurich", 47.38, 8.54), ("New York", 40.71, -74.01), ("Tokyo", 35.68, 139.69)),
    *(("Sydney", -33.87, 151.21), ("Sao Paulo", -23.55, -46.63), ("Nairobi", -1.29, 36.82)),
)
PLACED = 5_999
"""Sites around the cities, one with a hostile name among them."""


class Laboratory(Node):
    """The node, with everything registered before it starts."""

    def __init__(self, state: Path) -> None:
        sites = [
            _site(HOSTILE, "198.18.7.0/24", HOSTILE_NAME, place=Place(HOSTILE, 64.15, -21.94)),
            _site(CROWDED, "198.18.0.0/22", "[100]2001:db8:e001::/48"),
        ]
        for number in range(SITES - len(sites)):
            prefix = f"10.{number // 256}.{number % 256}.0/24"
            sites.append(_site(f"site-{number}", prefix, place=_place(number)))
        super().__init__(state, sites)
        register(self, HOSTILE_NAME, "198.18.7.0/24")
        register(self, "[100]2001:db8:e001::/48")
        for start in range(0, MORE_SPECIFICS, 20):
            register(self, *(_host(number) for number in range(start, start + 20)))
        register(self, "10.0.9.0/24", "198.18.200.0/24")
        self.alt = _Rows()
        self._poll(state)

    def _poll(self, state: Path) -> None:
        resolver = "192.0.2.53:4342"
        here = FleetMemberRow("ms1.example", "0.1.0", time.time(), True, 17)
        there = FleetMemberRow("ms2.example", "0.1.0", time.time() - 60, False, 12)
        self.fleet_row = FleetRow(None, time.time(), 0.0042, 3, [here, there])
        self.poller_row = PollerRow([("192.0.2.53", 4342)], None, 60, 2, 200, 30, [])
        rows = []
        for number, flags in enumerate(([], [Flag.SILENT], [Flag.WRONG, Flag.SLOW])):
            silent = Flag.SILENT in flags
            heard = HeardRow(
                resolver,
                Result.SILENT if silent else Result.MAPPING,
                "silent" if silent else "192.0.2.1 1/100 255/0",
                None if silent else BLOCK,
                None if silent else resolver,
                None if silent else 0.012,
                1,
                flags,
            )
            packed = EidPrefix.parse(f"198.18.0.{number}").pack()
            rows.append(PolledRow(packed, CROWDED, "192.0.2.1 1/100 255/0", flags, [heard]))
        (state / FOLDER_NAME).mkdir()
        results = PollResults(
            self.started_at, self.started_at + 2, 60, [resolver], [], rows, 1, {}, {}
        )
        ResultsFile(state).write(results)


def _site(name: str, *prefixes: str, place: Place | None = None) -> LispSite:
    keys = (SiteKey(1, frozenset({2}), Key(SECRET)),)
    rules = tuple(
        EidRule(EidPrefix.parse(one), accept_more_specifics="/" in one, more_specifics_limit=1000)
        for one in prefixes
    )
    return LispSite(name, keys, rules, notify_to_source=True, place=place)


def _place(number: int) -> Place | None:
    """Around one of the cities, up to five degrees away."""
    if number >= PLACED - 1:
        return None
    city, latitude, longitude = CITIES[number % len(CITIES)]
    north, east = number * 7 % 100, number * 13 % 100
    return Place(city, latitude + north / 10 - 5, longitude + east / 10 - 5)


def _host(number: int) -> str:
    return f"198.18.{number // 256}.{number % 256}/32"


class _Rows:
    """What an ALT would show, a page for each list."""

    async def page(self, question: AltQuestion) -> AltPage:
        return AltPage(_ALT[question.what], None)

    async def trace(self, eid: EidPrefix) -> AltTraceRow:
        packed = EidPrefix.parse(BLOCK).pack()
        hops = [
            AltHopRow(0, "ms1.example", packed, "via above", None, None),
            AltHopRow(1, "alt1.example", packed, "answers", "10.255.0.13", 0.0042),
        ]
        return AltTraceRow(eid.pack(), hops, True)


def _peer(name: str, role: str, state: str, why: str | None) -> AltPeerRow:
    return AltPeerRow(
        *(0, name, f"{name}.example", role, "10.255.0.13", 65_101, "10.254.0.1", state),
        *(1_790_000_000.0, why, ["ipv4"], 3, 1, 2, 40, 1, "msp", None),
    )


_PACKED = EidPrefix.parse(BLOCK).pack()

_ALT: dict[str, list[AltRow]] = {
    "peers": [
        _peer("above", "parent", "up", None),
        _peer("beside", "peer", "down", "hold timer expired"),
        _peer("below", "child", "up", None),
    ],
    "routes": [
        AltRouteRow(
            *(0, _PACKED, None, "own", [], "10.254.0.11", True, False, ["above"]),
            [AltWithheldRow("beside", "not-aggregated", "a longer prefix stays below")],
        )
    ],
    "aggregates": [AltAggregateRow(0, _PACKED, "own", True, 2, 3, 5)],
    "delegations": [
        AltDelegationRow(
            *(0, _PACKED, "msp", HOSTILE, ["msp1"], ["arin"], None, None, False, 0, "absent")
        )
    ],
    "rejected": [
        AltRejectedRow(
            *(0, _PACKED, "beside", "too-long", "a /25 is longer than its level allows"),
            *(_PACKED, [65_101, 65_102]),
        )
    ],
    "tunnels": [
        AltTunnelRow(
            *(0, "above", "userspace", "192.0.2.1", 1006, ["10.255.0.12/31"], 1400),
            *(5, 500, 6, 600, {"returned": 3}),
        )
    ],
}
