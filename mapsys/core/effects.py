"""What goes into the core and what comes out of it: datagrams in, effects out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import NamedTuple

from mapsys.core.admission_plan import AdmissionPlan
from mapsys.core.refresh_plan import RefreshPlan
from mapsys.core.shared_budgets import AnswerBudgets
from mapsys.eid import EidPrefix


class Endpoint(NamedTuple):
    """An IP address in its text form, without a zone, and a UDP port.

    As text: ``192.0.2.1:4342`` or ``[2001:db8::1]:4342``.
    """

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Datagram(NamedTuple):
    """One UDP payload with where it came from.

    data: the octets received, at most 65,507.
    source: who sent it (the outer header).
    local: the address and port it was sent to; replies leave from there.
    mac_good: the verdict on a Map-Register's MAC where the datapath has already
    looked at it; None means that nobody has.
    """

    data: bytes
    source: Endpoint
    local: Endpoint
    mac_good: bool | None = None


class Repeat(Enum):
    """How an answer to a Map-Request may be used again for the same request.

    NEVER: not at all. NONCE: octets 4 to 11 are the request's nonce, the rest
    stays. INNER: everything after the first 4 octets is the request's own, after
    its first 4 (a request passed on in an ECM).
    """

    NEVER = 0
    NONCE = 1
    INNER = 2


class Scope(NamedTuple):
    """Where an answer to a plain Map-Request is right beyond that very Map-Request.

    A plain one has no bit set, asks for one EID alone and holds nothing more. Any of
    them that comes to the same local address, asks for an EID in the prefix and is
    answered over the same IP version gets the same answer, until something changes
    in the store at an EID-Prefix that overlaps ``hangs_on``.

    about: the EID-Prefix whose budget is asked; None: that of the EID asked for.
    reply_to: where a Map-Reply to this asker goes, whose ITR-RLOCs are the same
    (with the port that it then asks from). reply_from: the address it leaves from.
    budgets: asked each time; None where nothing is limited.
    """

    prefix: EidPrefix
    hangs_on: EidPrefix
    about: EidPrefix | None
    reply_to: Endpoint
    reply_from: Endpoint | None
    budgets: AnswerBudgets | None


@dataclass(frozen=True, slots=True)
class Send:
    """A UDP payload to send from port 4342.

    source: the local address it leaves from; None lets the system choose.
    after: the ticket whose commit it waits for; None sends it at once.
    repeat: whether the datapath may answer an equal request by itself until the
    store's generation changes; it then asks ``admit(now)`` first, which takes
    from the same budgets as the core would. scope: says which other requests get it
    too; to be called before the store changes.
    """

    data: bytes
    destination: Endpoint
    source: Endpoint | None = None
    after: int | None = None
    repeat: Repeat = Repeat.NEVER
    admit: Callable[[float], bool] | None = None
    scope: Callable[[], Scope | None] | None = field(default=None, compare=False, repr=False)
    admissions: Callable[[], list[AdmissionPlan]] | None = field(
        default=None, compare=False, repr=False
    )


@dataclass(frozen=True, slots=True)
class Inject:
    """A whole IP datagram for the ALT of one instance-ID (RFC 6836, 3)."""

    packet: bytes
    eid: EidPrefix
    instance_id: int


@dataclass(frozen=True, slots=True)
class Dropped:
    """A message that got silence.

    message_type: the message class's name, or "unknown".
    reason: from the closed sets in ``wire.errors`` and ``core.reasons``.
    site: the site it claimed to come from, where one could be found.
    """

    source: Endpoint
    message_type: str
    reason: str
    site: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """An authenticated Map-Register that policy said no to: no state, no Map-Notify."""

    source: Endpoint
    site: str
    eid: EidPrefix | None
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Registered:
    """A registration that is new or changed; the locator set follows from the store."""

    eid: EidPrefix
    site: str
    source: Endpoint
    first: bool


@dataclass(frozen=True, slots=True)
class Refreshed:
    """A Map-Register that changed nothing but its lifetime.

    again: refreshes by an equal Map-Register (nonce and authentication data
    apart) from the same source: ``again(datagram, now)`` does all that the core
    would, and returns its effects, or None where the core has to look itself.
    Good until the store's generation changes. plan: the same spelled out, for who
    does it without Python; to be asked for before the store changes. count: of
    Map-Registers, where one effect stands for several.
    """

    site: str
    records: int
    again: Callable[[Datagram, float], list[Effect] | None] | None = None
    plan: Callable[[], RefreshPlan] | None = field(default=None, compare=False, repr=False)
    count: int = 1


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A registration removed by its owner (record TTL 0)."""

    eid: EidPrefix
    site: str
    source: Endpoint


@dataclass(frozen=True, slots=True)
class Moved:
    """An EID-Prefix that is now registered by another xTR (without merge).

    previous_registrants: whose registrations no longer count. previous_hosts: the
    addresses that they registered from, in the same order.
    merge_conflict: they had asked to be merged, and the new one did not.
    """

    eid: EidPrefix
    site: str
    source: Endpoint
    previous_registrants: tuple[bytes, ...]
    registrant: bytes
    merge_conflict: bool = False
    previous_hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Expired:
    """A registration whose lifetime ran out."""

    eid: EidPrefix
    site: str


@dataclass(frozen=True, slots=True)
class NearLimit:
    """There are as many more-specifics as the operator wants to hear of.

    Given once each time the number rises to the warning threshold. prefix: the configured
    EID-Prefix that holds them; None where the limit is one of the site or the node.
    site: whose registration was the last straw. what: is counted.
    """

    prefix: EidPrefix | None
    site: str
    held: int
    limit: int
    what: str = "more-specifics"


@dataclass(frozen=True, slots=True)
class Oversized:
    """A Map-Reply with a single record that is longer than the path is said to carry."""

    eid: EidPrefix
    octets: int
    room: int


@dataclass(frozen=True, slots=True)
class Answered:
    """A Map-Request that was dealt with.

    outcome: "proxy-reply", "forwarded", "negative", "alt", "subscribed" or
    "unsubscribed". count: of how many; the EID is that of one, or a prefix around it.
    """

    eid: EidPrefix
    outcome: str
    action: int | None = None
    count: int = 1


class SubscriptionChange(StrEnum):
    """What became of a subscription."""

    SUBSCRIBED = "subscribed"
    TEMPORARY = "temporary"
    UNSUBSCRIBED = "unsubscribed"
    SILENCED = "silenced"
    EXPIRED = "expired"
    UNACKNOWLEDGED = "unacknowledged"
    KEY_GONE = "key-gone"
    NONCES_USED_UP = "nonces-used-up"


@dataclass(frozen=True, slots=True)
class SubscriptionChanged:
    """An xTR that hears of an EID-Prefix from now on, or does no more (RFC 9437).

    xtr_id: 16 octets.
    """

    eid: EidPrefix
    xtr_id: bytes
    change: SubscriptionChange


@dataclass(frozen=True, slots=True)
class Published:
    """A changed mapping sent to one subscriber."""

    eid: EidPrefix


@dataclass(frozen=True, slots=True)
class PublicationsLost:
    """Changes that no subscriber will hear of: too many were waiting."""

    count: int


Effect = (
    Send
    | Inject
    | Dropped
    | Refused
    | Registered
    | Refreshed
    | Withdrawn
    | Moved
    | Expired
    | NearLimit
    | Oversized
    | Answered
    | SubscriptionChanged
    | Published
    | PublicationsLost
)
"""Effects take place in the order in which the core lists them."""
