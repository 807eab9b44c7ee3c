"""Who may subscribe to what, under which key, and how much of it there may be (RFC 9437)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from mapsys.core.limiter import Rate
from mapsys.eid import EidPrefix
from mapsys.wire.auth import Key

SUBSCRIPTIONS_LIMIT: Final = 100_000
SUBSCRIPTIONS_PER_XTR: Final = 4_096
TEMPORARY_MINUTES: Final = 15
"""How long one for an EID-Prefix that nobody registers lasts (RFC 9437, 5)."""

NONCE_MEMORY_SECONDS: Final = 7 * 86_400
"""How long the nonce of a subscription that is over still counts, and a used One-Time Key."""

ONE_TIME_KEYS_PER_XTR: Final = 65_536
"""Used ones that are remembered for one xTR, give or take a factor of 2."""

NOTIFIES: Final = Rate(1_000, 2_000)
"""Publications of one server: a small part of what it can send (RFC 9437, 5)."""

REQUESTS_PER_XTR: Final = Rate(20, 1_000)
"""Subscription requests taken from one xTR (RFC 9437, 7.2)."""


@dataclass(frozen=True, slots=True)
class PubSubKey:
    """A secret shared with subscribers, the PubSubKey of RFC 9437, 7.1.

    key_id: 0..255. algorithm_id: 1, 2 or 3, what Map-Notifies are signed with.
    """

    key_id: int
    algorithm_id: int
    secret: Key


@dataclass(frozen=True, slots=True)
class Subscriber:
    """An xTR that is known by its xTR-ID.

    xtr_id: 16 octets. key_id: None is the default key. allow: the EID-Prefixes it
    may subscribe to parts of; None allows all.
    """

    xtr_id: bytes
    key_id: int | None = None
    allow: tuple[EidPrefix, ...] | None = None


@dataclass(frozen=True, slots=True)
class KnownXtr:
    """An xTR whose subscription requests the Map-Resolver vouches for (RFC 9437, 1.1).

    site_id: 8 octets; None is any. rlocs: the prefixes, instance-ID 0, that its
    ITR-RLOCs and its own address lie in; None is anywhere.
    """

    xtr_id: bytes
    site_id: bytes | None = None
    rlocs: tuple[EidPrefix, ...] | None = None


@dataclass(frozen=True, slots=True)
class PubSubSettings:
    """The Map-Server's side of publish and subscribe.

    default_key_id: the key of xTRs that are not listed, or listed without one; None
    leaves them without a pre-shared one. trusted_resolvers: the addresses, instance-ID
    0, of Map-Resolvers that verify xTRs; trust_alt: all that ask over the ALT do.
    subscriptions_per_xtr: counts those that are over, too, while their nonce is
    remembered. notifies: None is no limit, and so is requests_per_xtr.
    """

    keys: tuple[PubSubKey, ...] = ()
    default_key_id: int | None = None
    subscribers: tuple[Subscriber, ...] = ()
    trusted_resolvers: tuple[EidPrefix, ...] = ()
    trust_alt: bool = False
    subscriptions_limit: int = SUBSCRIPTIONS_LIMIT
    subscriptions_per_xtr: int = SUBSCRIPTIONS_PER_XTR
    notifies: Rate | None = NOTIFIES
    requests_per_xtr: Rate | None = REQUESTS_PER_XTR
    temporary_minutes: int = TEMPORARY_MINUTES
    nonce_memory_seconds: float = NONCE_MEMORY_SECONDS
    _by_key_id: dict[int, PubSubKey] = field(init=False, repr=False, compare=False)
    _by_xtr_id: dict[bytes, Subscriber] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_key_id", {key.key_id: key for key in self.keys})
        object.__setattr__(self, "_by_xtr_id", {xtr.xtr_id: xtr for xtr in self.subscribers})

    def key(self, key_id: int) -> PubSubKey | None:
        """The key with this id, if it is configured."""
        return self._by_key_id.get(key_id)

    def key_of(self, xtr_id: bytes) -> PubSubKey | None:
        """The key shared with an xTR, if there is one."""
        listed = self._by_xtr_id.get(xtr_id)
        own = None if listed is None else listed.key_id
        key_id = self.default_key_id if own is None else own
        return None if key_id is None else self.key(key_id)

    def allows(self, xtr_id: bytes, eid: EidPrefix) -> bool:
        """Whether policy lets the xTR subscribe to the EID-Prefix."""
        listed = self._by_xtr_id.get(xtr_id)
        if listed is None or listed.allow is None:
            return True
        return any(prefix.covers(eid) for prefix in listed.allow)

    def concerns(self, xtr_id: bytes, eid: EidPrefix) -> bool:
        """Whether a mapping is about anything that the xTR may subscribe to."""
        listed = self._by_xtr_id.get(xtr_id)
        if listed is None or listed.allow is None:
            return True
        return any(prefix.covers(eid) or eid.covers(prefix) for prefix in listed.allow)
