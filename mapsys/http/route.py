"""What a route is: handler and everything that is said about it, in one place.

``routes`` lists them, ``application`` serves them, ``openapi`` describes them.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from aiohttp import web

from mapsys.eid import MAX_INSTANCE_ID
from mapsys.http.formats import JSON
from mapsys.http.parameters import LIMIT_DEFAULT, LIMIT_MAX
from mapsys.http.problem import Problem
from mapsys.http.role import Role
from mapsys.poller.results import Flag
from mapsys.query_registration_row import REGISTRATION_STATES
from mapsys.query_rows import MATCHES

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HTML: Final = "text/html"
TEXT: Final = "text/plain"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter, a part of the path, or a header.

    schema: JSON Schema of the value.
    """

    name: str
    description: str
    schema: dict[str, Any]
    in_path: bool = False
    in_header: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """One method at one path.

    path: the HTTP library's pattern.
    answer: the struct of the answer in JSON; None where ``media`` is of another type.
    rows: a list's items; then the answer is a page of them, or rows in other forms.
    status: of what was done. body_schema: JSON Schema of a body that has no struct.
    also: further statuses that carry the same answer.
    problems: those of its own; those that any route may meet are not repeated.
    role: who may; None is everyone. tenants: whether those who may see some sites
    only are let in; the handler then shows them no other.
    """

    path: str
    handler: Handler
    summary: str
    answer: type[msgspec.Struct] | None = None
    rows: type[msgspec.Struct] | None = None
    media: tuple[str, ...] = (JSON,)
    also: tuple[int, ...] = ()
    method: str = "GET"
    body: type[msgspec.Struct] | None = None
    body_schema: dict[str, Any] | None = None
    status: int = 200
    parameters: tuple[Parameter, ...] = ()
    problems: tuple[Problem, ...] = ()
    asks_daemon: bool = True
    role: Role | None = Role.READ
    tenants: bool = False
    query_names: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        names = frozenset(one.name for one in self.parameters if not (one.in_path or one.in_header))
        object.__setattr__(self, "query_names", names)

    @property
    def template(self) -> str:
        """The path as OpenAPI and the documentation write it."""
        return re.sub(r":[^}]+\}", "}", self.path)


LIMIT: Final = Parameter(
    "limit",
    "Items in one answer.",
    {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
)
CURSOR: Final = Parameter(
    "cursor",
    "Where to go on: the `next` of an earlier answer.",
    {"type": "string", "format": "cursor"},
)
FIELDS: Final = Parameter(
    "fields",
    "The fields of each item that are wanted, separated by commas; all without it.",
    {"type": "array", "items": {"type": "string"}, "minItems": 1},
)
PAGING: Final = (FIELDS, LIMIT, CURSOR)
"""Of every list that comes in all forms."""

SITE: Final = Parameter("site", "Of this site only.", {"type": "string"})
INSTANCE_ID: Final = Parameter(
    "instance-id",
    "The instance-ID of the EID; as a filter, of the EID-Prefixes.",
    {"type": "integer", "minimum": 0, "maximum": MAX_INSTANCE_ID},
)
PREFIX: Final = Parameter(
    "prefix", "An EID or EID-Prefix to compare with.", {"type": "string", "format": "eid"}
)
SUBSCRIBED: Final = Parameter(
    "prefix",
    "To changes of this EID-Prefix only; its instance-ID may stand before it in brackets.",
    {"type": "string", "format": "eid"},
)
MATCH: Final = Parameter(
    "match",
    "How `prefix` compares; only together with it.",
    {"type": "string", "enum": list(MATCHES), "default": "exact"},
)
STATE: Final = Parameter(
    "state",
    "Registrations that stand so: refreshed in time, late with their refresh, moved away"
    " from, or the operator's own.",
    {"type": "string", "enum": list(REGISTRATION_STATES)},
)
LOCATOR: Final = Parameter(
    "locator", "With this IP address among their locators.", {"type": "string", "format": "ip"}
)
XTR_ID: Final = Parameter(
    "xtr-id",
    "Of the xTR with this xTR-ID: 32 hexadecimal digits.",
    {"type": "string", "pattern": "^[0-9a-fA-F]{32}$"},
)
FLAG: Final = Parameter(
    "flag",
    "EIDs with this flag only, or with any.",
    {"type": "string", "enum": [*(flag.value for flag in Flag), "any"]},
)
DAY: Final = Parameter(
    "day",
    "A day in UTC as 2026-01-31, or `latest`.",
    {"type": "string", "pattern": "^([0-9]{4}-[0-9]{2}-[0-9]{2}|latest)$"},
    in_path=True,
)
NAME: Final = Parameter("name", "A site's name.", {"type": "string"}, in_path=True)
EID: Final = Parameter(
    "eid",
    "An address, an EID-Prefix, a MAC or a name in double quotes.",
    {"type": "string", "format": "eid"},
    in_path=True,
)
KEY_ID: Final = Parameter(
    "key_id",
    "A key-id of the site.",
    {"type": "integer", "minimum": 0, "maximum": 255},
    in_path=True,
)
IF_MATCH: Final = Parameter(
    "If-Match",
    "The ETag of the site that is changed, or `*`. Needed.",
    {"type": "string"},
    in_header=True,
)
ONCE: Final = Parameter(
    "Idempotency-Key",
    "A name of the sender's own: the same request again under it changes nothing.",
    {"type": "string", "pattern": "^[!-~]{1,255}$"},
    in_header=True,
)
SLUG: Final = Parameter(
    "slug",
    "The last part of a problem's type.",
    {"type": "string", "enum": [problem.slug for problem in Problem]},
    in_path=True,
)
