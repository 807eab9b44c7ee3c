"""Questions about why, and about what was before, with their answers (see ``query_rows``)."""

from __future__ import annotations

import msgspec


class ExplainQuestion(msgspec.Struct, frozen=True, tag="explain"):
    """Why would a Map-Request for this EID (packed) be answered as it is?"""

    eid: bytes


class HistoryQuestion(msgspec.Struct, frozen=True, tag="history"):
    """Which moves of this EID (packed), and of prefixes around it, are remembered?"""

    eid: bytes


class ReasonRow(msgspec.Struct, frozen=True):
    """One sentence; topic: a word of ``core.explain.Topic``."""

    topic: str
    text: str


class MoverRow(msgspec.Struct, frozen=True):
    """An xTR: its registrant octets, and the address it signed from."""

    registrant: bytes
    host: str


class MoveRow(msgspec.Struct, frozen=True):
    """One move of an EID-Prefix (packed); at: Unix seconds."""

    eid: bytes
    at: float
    site: str
    previous: list[MoverRow]
    to: MoverRow
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
    moves: list[MoveRow]


class HistoryPage(msgspec.Struct, frozen=True, tag="moves"):
    """Moves, newest first; of very many, the newest."""

    rows: list[MoveRow]
