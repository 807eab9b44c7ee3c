"""A site's place is read from its geo-coordinates locators."""

from __future__ import annotations

import pytest

from mapsys.core.site import Place
from mapsys.site_place import registered_place
from mapsys.wire.address import Address, ip_address
from mapsys.wire.lcaf import GeoCoordinates, InstanceId
from mapsys.wire.records import EidRecord, RlocRecord

NO_ALTITUDE = 0x7FFFFFFF


def record_of(*locators: Address) -> bytes:
    rlocs = tuple(RlocRecord(one, 1, 100, 255, 0) for one in locators)
    return EidRecord(15, ip_address("198.18.1.0"), 24, rlocs).octets()


def geo(north: bool, latitude: tuple[int, int, int], east: bool, longitude: int) -> GeoCoordinates:
    own = ip_address("192.0.2.1")
    return GeoCoordinates(north, *latitude, east, longitude, 30, 0, NO_ALTITUDE, own)


def test_the_first_geo_coordinates_tell_the_place() -> None:
    sydney = geo(False, (33, 51, 36), True, 151)
    record = record_of(ip_address("192.0.2.1"), sydney, geo(True, (1, 0, 0), True, 1))
    assert registered_place(record) == Place(None, -33.86, 151.5)


@pytest.mark.parametrize(
    "locator",
    [
        ip_address("192.0.2.1"),
        InstanceId(7, ip_address("192.0.2.1")),
        geo(True, (91, 0, 0), True, 1),
        geo(True, (1, 0, 0), False, 180),
    ],
    ids=["address", "other LCAF", "beyond the pole", "beyond half-way round"],
)
def test_what_tells_no_place_is_none(locator: Address) -> None:
    assert registered_place(record_of(locator)) is None


def test_a_damaged_record_tells_no_place() -> None:
    assert registered_place(record_of(geo(True, (1, 0, 0), True, 1))[:-3]) is None
