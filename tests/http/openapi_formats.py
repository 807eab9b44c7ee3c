"""What schemathesis cannot know from the OpenAPI document; SCHEMATHESIS_HOOKS names this."""

from __future__ import annotations

from typing import Any

import schemathesis
from hypothesis import strategies

from mapsys.eid import EidPrefix
from mapsys.http.parameters import cursor_text

EIDS = (
    "198.18.1.1",
    "198.18.0.0/16",
    "192.0.2.1",
    "2001:db8:e001::1",
    "02:00:00:00:00:01",
    '"printer"',
    "(192.0.2.1,232.0.0.1)",
)

schemathesis.openapi.format("eid", strategies.sampled_from(EIDS))
schemathesis.openapi.format(
    "cursor", strategies.just(cursor_text(EidPrefix.parse("198.18.1.0/24").pack()))
)


@schemathesis.hook
def filter_case(_context: Any, case: Any) -> bool:
    """OpenAPI has no words for a parameter that is allowed together with another one only."""
    return not case.query or "match" not in case.query or "prefix" in case.query
