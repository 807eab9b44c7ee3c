"""The routes that tell what takes place and what changed."""

from __future__ import annotations

from typing import Final

from mapsys.http import events
from mapsys.http.event_stream import MEDIA
from mapsys.http.problem import Problem
from mapsys.http.route import LIMIT, SITE, Parameter, Route

SESSION: Final = Parameter(
    "session", "The session of an earlier answer; without it only that comes.", {"type": "string"}
)
SERIAL: Final = Parameter(
    "serial",
    "The serial of an earlier answer.",
    {"type": "integer", "minimum": 0, "maximum": 2**63 - 1, "default": 0},
)

EVENTS: Final = (
    Route(
        "/api/v1/events",
        events.events,
        "What takes place, as server-sent events; from `Last-Event-ID` on, or from now.",
        media=(MEDIA,),
        parameters=(SITE,),
        problems=(Problem.TOO_MANY_READERS,),
        tenants=True,
    ),
    Route(
        "/api/v1/changes",
        events.changes,
        "What is registered now of that which changed after a position.",
        events.ChangesView,
        parameters=(SESSION, SERIAL, LIMIT),
        tenants=True,
    ),
)
"""What takes place."""
