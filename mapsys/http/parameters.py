"""Query parameters and EIDs of the API, checked: a wrong one is a problem that names it."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Mapping
from typing import Final

from mapsys.eid import MAX_INSTANCE_ID, EidPrefix
from mapsys.http.problem import Problem, ProblemError
from mapsys.query_registration_row import REGISTRATION_STATES, RegistrationState
from mapsys.query_rows import MATCHES, Match

LIMIT_DEFAULT: Final = 100
LIMIT_MAX: Final = 1_000
"""Items in one answer."""


def limit(query: Mapping[str, str]) -> int:
    """``limit``: 1 to 1000."""
    return _number(query, "limit", 1, LIMIT_MAX) or LIMIT_DEFAULT


def instance_id(query: Mapping[str, str]) -> int | None:
    """``instance-id``: 0 to 4294967295, or None."""
    return _number(query, "instance-id", 0, MAX_INSTANCE_ID)


def prefix(query: Mapping[str, str]) -> EidPrefix | None:
    """``prefix``, in the instance-ID that ``instance-id`` names (0 without it)."""
    text = query.get("prefix")
    return None if text is None else eid(text, instance_id(query) or 0)


def match(query: Mapping[str, str]) -> Match:
    """``match``: how ``prefix`` compares."""
    text = query.get("match", "exact")
    for known in MATCHES:
        if text == known:
            if "match" in query and "prefix" not in query:
                raise ProblemError(
                    Problem.INVALID_PARAMETER, "'match' says how to compare 'prefix'; give both"
                )
            return known
    raise ProblemError(Problem.INVALID_PARAMETER, f"match={text!r}; allowed: {', '.join(MATCHES)}")


def state(query: Mapping[str, str]) -> RegistrationState | None:
    """``state``: how registrations stand."""
    text = query.get("state")
    if text is None:
        return None
    for known in REGISTRATION_STATES:
        if text == known:
            return known
    raise ProblemError(
        Problem.INVALID_PARAMETER, f"state={text!r}; allowed: {', '.join(REGISTRATION_STATES)}"
    )


def locator(query: Mapping[str, str]) -> bytes | None:
    """``locator``: an IP address, as octets."""
    text = query.get("locator")
    if text is None:
        return None
    try:
        return ipaddress.ip_address(text).packed
    except ValueError as error:
        raise ProblemError(Problem.INVALID_PARAMETER, f"locator={text!r}: {error}") from error


def xtr_id(query: Mapping[str, str]) -> bytes | None:
    """``xtr-id``: 32 hexadecimal digits, as octets."""
    text = query.get("xtr-id")
    if text is None:
        return None
    if not re.fullmatch("[0-9a-fA-F]{32}", text):
        raise ProblemError(
            Problem.INVALID_PARAMETER, f"xtr-id={text!r}; allowed: 32 hexadecimal digits"
        )
    return bytes.fromhex(text)


def serial(query: Mapping[str, str]) -> int:
    """``serial``: 0 to 2**63 - 1; 0 without it."""
    return _number(query, "serial", 0, 2**63 - 1) or 0


def eid(text: str, within_instance_id: int) -> EidPrefix:
    """An EID or EID-Prefix as text."""
    try:
        return EidPrefix.parse(text, within_instance_id)
    except ValueError as error:
        raise ProblemError(Problem.INVALID_EID, f"{text!r}: {error}") from error


def cursor(query: Mapping[str, str]) -> bytes | None:
    """``cursor``: what ``next`` of an earlier answer said."""
    text = query.get("cursor")
    if text is None:
        return None
    try:
        return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), b"-_", True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise bad_cursor() from error


def cursor_text(octets: bytes) -> str:
    """A cursor in the form that :func:`cursor` reads."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def bad_cursor() -> ProblemError:
    """A cursor that nobody handed out."""
    return ProblemError(Problem.BAD_CURSOR, "start again without a cursor")


def _number(query: Mapping[str, str], name: str, low: int, high: int) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) < 20 and low <= int(text) <= high:
        return int(text)
    raise ProblemError(Problem.INVALID_PARAMETER, f"{name}={text!r}; allowed: {low} to {high}")
