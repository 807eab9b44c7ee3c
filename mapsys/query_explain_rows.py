"""Questions about why, and about what was before, with their answers (see ``query_rows``)."""

from __future__ import annotations

import msgspec


class ExplainQuestion(msgspec.Struct, frozen=True, tag="explain"):
    """Why would a Map-Request for this EID (packed) be answered as it is?"""

    eid: bytes


class HistoryQuestion(msgspec.Struct, frozen=True, tag="history"):
    """What is remembered of this EID (packed), and of prefixes around it?

    before: as answered in ``HistoryPage.next``; None begins with the newest.
    """

    eid: bytes
    limit: int = 100
    before: int | None = None


class ReasonRow(msgspec.Struct, frozen=True):
    """One sentence; topic: a word of ``core.explain.Topic``."""

    topic: str
    text: str


class MoverRow(msgspec.Struct, frozen=True):
    """An xTR: its registrant octets, and the address it signed from."""

    registrant: bytes
    host: str


class HistoryRow(msgspec.Struct, frozen=True):
    """What happened to an EID-Prefix (packed); ``core.history.Entry`` says what the fields mean.

    at: Unix seconds. what: a word of ``core.history.Happening``.
    """

    eid: bytes
    at: float
    what: str
    site: str
    by: MoverRow
    key_id: int
    previous: list[MoverRow]
    merge_conflict: bool


class ExplainRow(msgspec.Struct, frozen=True, tag="explained"):
    """What decides about an EID.

    rule: the configured EID-Prefix that says whose it is, packed. etr: whom the
    request would be passed on to. records: what the Map-Reply would hold, wire
    octets. moves: the newest few.
    """

    rule: bytes | None
    etr: str | None
    records: list[bytes]
    reasons: list[ReasonRow]
    moves: list[HistoryRow]


class HistoryPage(msgspec.Struct, frozen=True, tag="history"):
    """Entries, newest first. ``next`` is None at the end."""

    rows: list[HistoryRow]
    next: int | None
