"""What the tunnel router wants done: packets to send, routes to set, things to tell."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix


@dataclass(frozen=True, slots=True)
class SendControl:
    """A UDP payload from port 4342. source: the own address it leaves from; None: any fitting."""

    data: bytes
    destination: Endpoint
    source: str | None = None


@dataclass(frozen=True, slots=True)
class SendOuter:
    """A whole IP packet for the underlay, encapsulated or natively forwarded."""

    packet: bytes
    destination: str


@dataclass(frozen=True, slots=True)
class ToSite:
    """A packet that comes out of the device of an instance-ID."""

    packet: bytes
    instance_id: int


class Towards(StrEnum):
    """Where a host route leads."""

    TUNNEL = "tunnel"
    """It left the site: into the device."""
    SITE = "site"
    """It is here."""


@dataclass(frozen=True, slots=True)
class HostRoute:
    """From now on a host's packets go another way."""

    eid: EidPrefix
    towards: Towards


class Event(StrEnum):
    """What a person would like to be told; each stands in docs/xtr.md."""

    REGISTERED = "registered"
    REGISTERED_ELSEWHERE = "registered-elsewhere"
    RESOLVED = "resolved"
    UNRESOLVED = "unresolved"
    LOCATOR_DOWN = "locator-down"
    LOCATOR_UP = "locator-up"
    SOLICITED = "solicited"
    SOLICITING = "soliciting"
    PUBLISHED = "published"
    ARRIVED = "arrived"
    LEFT = "left"
    MOVED_AWAY = "moved-away"
    CANNOT_SEND = "cannot-send"
    CANNOT_ROUTE = "cannot-route"
    RELOADED = "reloaded"
    NOT_RELOADED = "not-reloaded"


@dataclass(frozen=True, slots=True)
class Told:
    """One line of the log."""

    event: Event
    about: str


Effect = SendControl | SendOuter | ToSite | HostRoute | Told
"""They take place in the order in which they are listed."""


class Uncarried(StrEnum):
    """Why a packet or message went nowhere; each is counted, and stands in docs/xtr.md."""

    NO_PACKET = "no-packet"
    NOT_UNICAST = "not-unicast"
    NOT_AN_OWN_EID = "not-an-own-eid"
    TO_OWN_SITE = "to-own-site"
    HOP_LIMIT = "hop-limit"
    UNRESOLVED = "unresolved"
    WAITING_FULL = "waiting-full"
    TOLD_TO_DROP = "told-to-drop"
    NO_LOCATOR = "no-locator"
    TOO_BIG = "too-big"
    OPTIONS_TOO_BIG = "options-too-big"
    BAD_LISP_HEADER = "bad-lisp-header"
    ENCRYPTED = "encrypted"
    UNKNOWN_INSTANCE = "unknown-instance"
    CONGESTION_LOST = "congestion-lost"
    BAD_MESSAGE = "bad-message"
    UNEXPECTED_MESSAGE = "unexpected-message"
    UNKNOWN_NONCE = "unknown-nonce"
    UNAUTHENTICATED = "unauthenticated"
    REPLAYED = "replayed"
    SMR_WITHOUT_ENTRY = "smr-without-entry"
    SMR_TOO_SOON = "smr-too-soon"
    EID_MOVED_AWAY = "eid-moved-away"
