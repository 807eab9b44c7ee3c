"""Where on Earth a site is, as an operator writes it down."""

from __future__ import annotations

from typing import Final

from mapsys.config import model
from mapsys.config.scalars import Degrees, Text
from mapsys.config.schema import Field, Record

PLACE: Final = Record(
    model.PlaceConfig,
    "a place, as in {name: Zurich, latitude: 47.38, longitude: 8.54}",
    Field("name", Text("a name without control characters", limit=100), default=None),
    Field("latitude", Degrees(90)),
    Field("longitude", Degrees(180)),
)
