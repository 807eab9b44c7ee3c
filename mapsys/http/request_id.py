"""``X-Request-Id``: one name for a request, in its answer and wherever it leaves a trace."""

from __future__ import annotations

import re
import secrets
from typing import Final

from aiohttp import web

HEADER: Final = "X-Request-Id"

REQUEST_ID: Final = web.RequestKey("request_id", str)

_TAKEN: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""What a client may name its request; anything else could be meant for whoever reads a log."""


def name(request: web.Request) -> str:
    """Give the request its name: the client's, where that can be taken over, or a new one."""
    given = request.headers.get(HEADER, "")
    request[REQUEST_ID] = given if _TAKEN.fullmatch(given) else secrets.token_hex(8)
    return request[REQUEST_ID]
