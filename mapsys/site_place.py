"""Where a site is, as far as its own registered locators tell."""

from __future__ import annotations

from typing import Final

from mapsys.core.site import Place
from mapsys.wire.cursor import Reader
from mapsys.wire.errors import WireError
from mapsys.wire.lcaf import GeoCoordinates
from mapsys.wire.records import EidRecord

_LCAF_AFI: Final = b"\x40\x03"


def registered_place(record: bytes) -> Place | None:
    """The place in the first geo-coordinates locator of an EID-Record, if there is one.

    record: wire octets. What lies outside of 90 degrees north or south, or 180 east
    or west, is no place.
    Source: RFC 8060, section 4.3.
    """
    if _LCAF_AFI not in record:  # few records have one: the rest need not be read
        return None
    try:
        locators = EidRecord.read(Reader(record)).rlocs
    except WireError:
        return None
    for locator in locators:
        if isinstance(locator.rloc, GeoCoordinates) and (place := _place_of(locator.rloc)):
            return place
    return None


def _place_of(geo: GeoCoordinates) -> Place | None:
    latitude = _degrees(geo.latitude_degrees, geo.latitude_minutes, geo.latitude_seconds)
    longitude = _degrees(geo.longitude_degrees, geo.longitude_minutes, geo.longitude_seconds)
    if latitude > 90 or longitude > 180:
        return None
    return Place(None, latitude if geo.north else -latitude, longitude if geo.east else -longitude)


def _degrees(degrees: int, minutes: int, seconds: int) -> float:
    return round(degrees + minutes / 60 + seconds / 3600, 6)
