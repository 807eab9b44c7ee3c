"""The text of server-sent events (HTML, 9.2): events of the daemon, resets, signs of life."""

from __future__ import annotations

from typing import Final

import msgspec

from mapsys.eid import EidPrefix
from mapsys.http.explain_views import MoverView, mover_view
from mapsys.http.views import timestamp
from mapsys.query_events_rows import EventRow, MoveRow
from mapsys.record_view import plain_text

MEDIA: Final = "text/event-stream"

OPENING: Final = b"retry: 3000\n\n"
"""How long, in milliseconds, a browser waits before it connects again."""

ALIVE: Final = b": alive\n\n"
DAEMON_AWAY: Final = b": the daemon does not answer\n\n"


class MoveOfEventView(msgspec.Struct, frozen=True):
    """The xTRs that an EID-Prefix moved away from, and the one that has it now."""

    previous: list[MoverView]
    by: MoverView


class EventView(msgspec.Struct, frozen=True):
    """The data of one event; ``kind`` is the event's name as well.

    site: null where it concerns the node. source: who sent the message that led to it.
    move: of a move, between whom.
    """

    serial: int
    at: str
    kind: str
    site: str | None
    eid_prefix: str | None
    instance_id: int | None
    source: str | None
    detail: str | None
    move: MoveOfEventView | None


class ResetView(msgspec.Struct, frozen=True):
    """The data of ``reset``: events were missed, what follows comes after this position."""

    session: str
    serial: int


def event_view(row: EventRow) -> EventView:
    """One event, readable."""
    eid = None if row.eid is None else EidPrefix.unpack(row.eid)[0]
    return EventView(
        serial=row.serial,
        at=timestamp(row.at),
        kind=row.kind.value,
        site=row.site,
        eid_prefix=None if eid is None else plain_text(eid),
        instance_id=None if eid is None else eid.instance_id,
        source=row.source,
        detail=row.detail,
        move=None if row.move is None else _move_view(row.move),
    )


def _move_view(row: MoveRow) -> MoveOfEventView:
    return MoveOfEventView([mover_view(one) for one in row.previous], mover_view(row.by))


def encoded(session: str, row: EventRow) -> bytes:
    """One event, ready to be sent."""
    return _block(session, row.serial, row.kind.value, event_view(row))


def reset(session: str, serial: int) -> bytes:
    """Tells a reader that it missed something."""
    return _block(session, serial, "reset", ResetView(session, serial))


def event_id(session: str, serial: int) -> str:
    """What a reader sends back as ``Last-Event-ID``."""
    return f"{session}-{serial}"


def read_event_id(text: str) -> tuple[str, int]:
    """The session and serial; of a text that is none, ones that nobody gave out."""
    session, _, serial = text.rpartition("-")
    if serial.isascii() and serial.isdigit() and len(serial) < 20:
        return session, int(serial)
    return "", -1


def _block(session: str, serial: int, name: str, data: msgspec.Struct) -> bytes:
    # JSON has no line breaks outside of texts, and msgspec escapes those inside.
    head = f"id: {event_id(session, serial)}\nevent: {name}\ndata: ".encode()
    return head + msgspec.json.encode(data) + b"\n\n"
