"""What happens to the ALT control plane, as typed values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum

from alt.rib.attributes import PathAttributes
from mapsys.eid import EidPrefix, Family


class RefreshKind(Enum):
    """Subtypes of ROUTE-REFRESH (RFC 7313, 3.2): a wish, or the bounds of a repetition."""

    QUERY = "query"
    BEGIN = "begin"
    END = "end"


@dataclass(frozen=True, slots=True)
class OpenReceived:
    """A neighbour's OPEN; PeerUp follows if the session comes up.

    router_id: the BGP identifier as a number.
    families: what it announced by the multiprotocol capability.
    graceful_seconds: its restart time; None where it has no such capability.
    forwarding: families whose forwarding state outlived its restart (RFC 4724, 3).
    """

    peer: str
    router_id: int
    families: frozenset[Family]
    graceful_seconds: int | None = None
    forwarding: frozenset[Family] = frozenset()


@dataclass(frozen=True, slots=True)
class PeerUp:
    """A session is established."""

    peer: str


@dataclass(frozen=True, slots=True)
class PeerDown:
    """A session ended, or an attempt failed.

    clean: whether a NOTIFICATION said so; then nothing is kept (RFC 4724, 4).
    """

    peer: str
    reason: str
    clean: bool


@dataclass(frozen=True, slots=True)
class UpdateReceived:
    """One UPDATE.

    announced: prefixes by their attributes (the next hop may differ by family).
    """

    peer: str
    announced: tuple[tuple[PathAttributes, tuple[EidPrefix, ...]], ...] = ()
    withdrawn: tuple[EidPrefix, ...] = ()


@dataclass(frozen=True, slots=True)
class EndOfRibReceived:
    """The neighbour has sent all it had of a family (RFC 4724, 2)."""

    peer: str
    family: Family


@dataclass(frozen=True, slots=True)
class RefreshReceived:
    """The neighbour asks for routes again, or starts or ends sending its own again."""

    peer: str
    family: Family
    kind: RefreshKind


@dataclass(frozen=True, slots=True)
class NotificationReceived:
    """The neighbour closes the session; PeerDown follows."""

    peer: str
    code: int
    subcode: int


@dataclass(frozen=True, slots=True)
class EventsLost:
    """Something the neighbour said did not get here; it has to say everything again."""

    peer: str


@dataclass(frozen=True, slots=True)
class OriginateLocal:
    """The Map-Server here serves a site prefix from now on."""

    prefix: EidPrefix


@dataclass(frozen=True, slots=True)
class WithdrawLocal:
    """The Map-Server here serves a site prefix no longer."""

    prefix: EidPrefix


@dataclass(frozen=True, slots=True)
class AnnounceRefused:
    """The speaker refused to announce these: the neighbour has not been told."""

    peer: str
    prefixes: tuple[EidPrefix, ...]


@dataclass(frozen=True, slots=True)
class SpeakerLost:
    """The speaker is gone, with all sessions and all that it held for neighbours."""


@dataclass(frozen=True, slots=True)
class DayChanged:
    """A new day (UTC): delegations may begin or end."""

    today: date


PeerEvent = (
    OpenReceived
    | PeerUp
    | PeerDown
    | UpdateReceived
    | EndOfRibReceived
    | RefreshReceived
    | NotificationReceived
    | AnnounceRefused
    | EventsLost
)
AltEvent = PeerEvent | OriginateLocal | WithdrawLocal | SpeakerLost | DayChanged
