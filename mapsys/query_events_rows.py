"""Questions about what took place and what changed since, with their answers (see ``query_rows``).

A position is a session, which a daemon draws when it starts, and the serial of the
last event known of it.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from mapsys.query_explain_rows import MoverRow
from mapsys.query_registration_row import RegistrationRow


class EventKind(StrEnum):
    """What an event tells of."""

    REGISTERED = "registered"
    CHANGED = "changed"
    WITHDRAWN = "withdrawn"
    MOVED = "moved"
    EXPIRED = "expired"
    REFUSED = "refused"
    DROPPED = "dropped"
    SUPPRESSED = "suppressed"
    NEAR_LIMIT = "near-limit"
    SUBSCRIPTION = "subscription"
    PUBLICATIONS_LOST = "publications-lost"
    RELOADED = "reloaded"
    RELOAD_REFUSED = "reload-refused"
    RELOAD_ROLLED_BACK = "reload-rolled-back"
    JOURNAL_FAILED = "journal-failed"
    JOURNAL_WRITES = "journal-writes"


CHANGES = frozenset(
    (
        EventKind.REGISTERED,
        EventKind.CHANGED,
        EventKind.WITHDRAWN,
        EventKind.MOVED,
        EventKind.EXPIRED,
    )
)
"""Those after which a mapping is not what it was."""


class EventsQuestion(msgspec.Struct, frozen=True, tag="events"):
    """What took place after a position?

    session: None asks from the oldest event on. wait_seconds: how long the answer may
    wait for the first event, 0 to 5. kinds: no others; None is all.
    """

    session: str | None = None
    serial: int = 0
    limit: int = 500
    wait_seconds: float = 0.0
    kinds: frozenset[EventKind] | None = None


class ChangesQuestion(msgspec.Struct, frozen=True, tag="changes"):
    """What is registered now of that which changed after a position?

    session: None asks for the present position only.
    """

    session: str | None = None
    serial: int = 0
    limit: int = 500


class MoveRow(msgspec.Struct, frozen=True, gc=False):
    """Which xTRs an EID-Prefix moved away from, and to which."""

    previous: list[MoverRow]
    by: MoverRow


class EventRow(msgspec.Struct, frozen=True, gc=False):
    """One event.

    at: Unix seconds. site: None where it concerns the node. eid: packed.
    source: who sent the message that led to it. move: of a move, between whom.
    """

    serial: int
    at: float
    kind: EventKind
    site: str | None
    eid: bytes | None
    source: str | None
    detail: str | None
    move: MoveRow | None = None


class EventsPage(msgspec.Struct, frozen=True, tag="events"):
    """Events in order.

    reset: some after the position asked for are forgotten, or it is of another
    session; then the rows begin with the oldest that is left.
    last: the serial of the newest event, in this page or not.
    """

    session: str
    reset: bool
    last: int
    rows: list[EventRow]


class WithdrawnRow(msgspec.Struct, frozen=True):
    """An EID-Prefix (packed) of which a site has no registration any more."""

    eid: bytes
    site: str


class ChangesPage(msgspec.Struct, frozen=True, tag="changes"):
    """The registrations that replace what was held of each EID-Prefix and site named here.

    reset: nothing can be said about that position; begin again with all registrations.
    serial: to ask after next. more: ask at once, there is more already.
    """

    session: str
    serial: int
    reset: bool
    more: bool
    rows: list[RegistrationRow]
    withdrawn: list[WithdrawnRow]
