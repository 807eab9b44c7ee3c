"""What the API says of a site beside its registrations: xTRs, the last hour, its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mapsys.wire.address import ip_address
from mapsys.wire.lcaf import GeoCoordinates
from tests.http.node import Node
from tests.http.process import http_process
from tests.http.registered import register

SYDNEY = GeoCoordinates(
    *(False, 33, 51, 36), *(True, 151, 12, 0), 0x7FFFFFFF, ip_address("127.0.0.2")
)


def sites_of(node: Node) -> dict[str, Any]:
    with node, http_process(node.state) as web:
        return {site["name"]: site for site in web.get("/api/v1/sites").json()["items"]}


def test_a_site_tells_its_xtrs_its_last_hour_and_its_place(tmp_path: Path) -> None:
    node = Node(tmp_path)
    for number in (1, 2):
        register(node, "198.18.1.0/24", xtr_id=bytes(15) + bytes([number]))
    register(node, "198.18.1.1/32", xtr_id=bytes(15) + b"\x02", rloc=SYDNEY)
    register(node, "198.18.1.0/24", secret=b"another secret")
    found = sites_of(node)
    site = found["site-one"]
    assert site["xtrs"] == len({1, 2})
    assert sum(site["accepted_per_minute"]) == 3
    assert sum(site["refused_per_minute"]) == 1
    assert len(site["accepted_per_minute"]) == len(site["refused_per_minute"]) == 60
    assert site["place"] == {
        "name": None,
        "latitude": -33.86,
        "longitude": 151.2,
        "told_by": "locator",
    }
    quiet = found["site-two"]
    assert (quiet["xtrs"], quiet["accepted_per_minute"], quiet["place"]) == (0, [], None)
