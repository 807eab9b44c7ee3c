"""What is posted: JSON, and the header that proves who wrote it."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from typing import Final

import msgspec

from mapsys.eid import EidPrefix
from mapsys.hooks.settings import Occasion
from mapsys.query_events_rows import EventRow, MoveRow
from mapsys.query_explain_rows import MoverRow
from mapsys.record_view import plain_text

SIGNATURE_HEADER: Final = "X-Mapsys-Signature"

_XTR_ID_OCTETS: Final = 16


class XtrView(msgspec.Struct, frozen=True):
    """An xTR: its xTR-ID in hexadecimal, None where it sends none, and where it registered from."""

    xtr_id: str | None
    address: str


class Message(msgspec.Struct, frozen=True):
    """One departure or arrival.

    id: the same however often it is posted, and no other's. moved_from: all that had
    registered the EID-Prefix; ``from`` in JSON. at: RFC 3339 in UTC.
    """

    id: str
    event: Occasion
    eid_prefix: str
    instance_id: int
    site: str | None
    moved_from: list[XtrView] = msgspec.field(name="from")
    moved_to: XtrView = msgspec.field(name="to")
    at: str


def message(session: str, row: EventRow, move: MoveRow, eid: EidPrefix, what: Occasion) -> Message:
    """What to tell of a move."""
    return Message(
        id=f"{session}-{row.serial}-{what}",
        event=what,
        eid_prefix=plain_text(eid),
        instance_id=eid.instance_id,
        site=row.site,
        moved_from=[_view(one) for one in move.previous],
        moved_to=_view(move.by),
        at=datetime.fromtimestamp(row.at, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z"),
    )


def signature(secret: bytes, body: bytes) -> str:
    """The header's value: HMAC-SHA-256 of the body as it is sent."""
    return f"sha256={hmac.new(secret, body, hashlib.sha256).hexdigest()}"


def _view(mover: MoverRow) -> XtrView:
    named = len(mover.registrant) == _XTR_ID_OCTETS
    return XtrView(mover.registrant.hex() if named else None, mover.host)
