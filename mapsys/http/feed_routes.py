"""The routes for programs beside the mapping system: subscribers, and PITRs."""

from __future__ import annotations

from typing import Final

from mapsys.http import feeds
from mapsys.http.formats import JSON, LIST_MEDIA
from mapsys.http.problem import Problem
from mapsys.http.route import PAGING, SUBSCRIBED, Parameter, Route
from mapsys.query_feeds_rows import PREFIX_SOURCES

OF: Final = Parameter(
    "of",
    "Prefixes that sites may register, or those that are registered now.",
    {"type": "string", "enum": list(PREFIX_SOURCES), "default": "configured"},
)
SINCE: Final = Parameter(
    "since", "The `tag` of an earlier answer; then only what changed comes.", {"type": "string"}
)

FEEDS: Final = (
    Route(
        "/api/v1/subscriptions",
        feeds.subscriptions,
        "Which xTRs hear of changes of which EID-Prefixes.",
        rows=feeds.SubscriptionView,
        media=LIST_MEDIA,
        parameters=(SUBSCRIBED, *PAGING),
        problems=(Problem.INVALID_EID, Problem.BAD_CURSOR, Problem.NOT_ACCEPTABLE),
    ),
    Route(
        "/api/v1/pitr-prefixes",
        feeds.pitr_prefixes,
        "What a PITR should announce: the fewest prefixes that hold the EIDs of instance-ID 0.",
        feeds.PitrPrefixesView,
        media=(JSON, feeds.PLAIN),
        parameters=(OF, SINCE),
    ),
)
"""Subscriptions and prefixes."""
