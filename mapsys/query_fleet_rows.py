"""How a fleet is seen by one of its members: part of the status row, in a file of its own."""

from __future__ import annotations

import msgspec


class FleetMemberRow(msgspec.Struct, frozen=True):
    """What a member said of itself last, and when, by its own clock (Unix time).

    live: whether that was just now.
    """

    name: str
    version: str
    at: float
    live: bool
    registrations: int


class FleetRow(msgspec.Struct, frozen=True):
    """problem: why the engine cannot be used; None while it can. since: when that began, or ended.

    lag_seconds: from another member's write to its being heard here, last. outbox: records
    that the engine has yet to hear.
    """

    problem: str | None
    since: float
    lag_seconds: float
    outbox: int
    members: list[FleetMemberRow]
