"""What the ALT control plane asks for: words for the BGP speaker, changes for the FIB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from alt.rib.attributes import PathAttributes
from mapsys.eid import EidPrefix, Family

LocalKind = Literal["site", "aggregate-hole", "delegated-hole", "moved-hole", "non-lisp-hole"]
"""Why a prefix ends at this node.

site: its Map-Server serves it. aggregate-hole: space of an own aggregate under
no delegation. delegated-hole: delegated, but nobody announces it at present.
moved-hole: its site went to another provider, so requests go up to a parent.
non-lisp-hole: configured as used by no LISP site.
"""


@dataclass(frozen=True, slots=True)
class Via:
    """Map-Requests leave through this tunnel."""

    tunnel: str


@dataclass(frozen=True, slots=True)
class Local:
    """Map-Requests end here, or go up (moved-hole)."""

    kind: LocalKind


@dataclass(frozen=True, slots=True)
class FibChange:
    """The next hop of a prefix is now this one; None removes the entry."""

    prefix: EidPrefix
    target: Via | Local | None


@dataclass(frozen=True, slots=True)
class Announce:
    """Prefixes of one family that share their attributes, at least one."""

    peer: str
    prefixes: tuple[EidPrefix, ...]
    attributes: PathAttributes


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Prefixes of one family, at least one."""

    peer: str
    prefixes: tuple[EidPrefix, ...]


@dataclass(frozen=True, slots=True)
class EndOfRib:
    """Everything known so far has been sent (RFC 4724, 2)."""

    peer: str
    family: Family


@dataclass(frozen=True, slots=True)
class RequestRefresh:
    """Ask the neighbour to send its routes of a family again (RFC 2918)."""

    peer: str
    family: Family


@dataclass(frozen=True, slots=True)
class Teardown:
    """Close the session with a Cease NOTIFICATION.

    reason: from ``alt.reasons.SESSION_REASONS``. subcode: RFC 4486, 4.
    """

    peer: str
    reason: str
    subcode: int


@dataclass(frozen=True, slots=True)
class Suspend:
    """Keep the neighbour out of the speaker's configuration until Resume."""

    peer: str


@dataclass(frozen=True, slots=True)
class Resume:
    """A hold-off has ended; the neighbour may connect again."""

    peer: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """A route that policy refused.

    peer: None for one that this node wanted to originate itself.
    reason: from ``alt.reasons.IMPORT_REASONS``.
    delegation: the block of the delegation that decided, if there is one.
    """

    peer: str | None
    prefix: EidPrefix
    reason: str
    delegation: EidPrefix | None


AltEffect = (
    FibChange
    | Announce
    | Withdraw
    | EndOfRib
    | RequestRefresh
    | Teardown
    | Suspend
    | Resume
    | Rejected
)
"""Effects take place in the order in which the router lists them."""
