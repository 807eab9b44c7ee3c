"""State: record bytes, deadlines, nonce marks and the tables over them; no policy.

This module alone owns what is registered. It is told what to hold (``core``
decides) and hands out views built on demand; it keeps no object per
registration that a garbage collector would have to walk.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from mapsys.eid import EidPrefix, Family
from mapsys.history_rows import HistoryRows
from mapsys.subscriptions import Subscriptions


class Registration(NamedTuple):
    """One registrant's contribution to a mapping; a view, built when asked for.

    registrant: who registered: the xTR-ID (16 octets), or where there is none,
    the packed source locator (4 or 16 octets behind a zero octet).
    deadline: seconds on the caller's clock at which it expires.
    digest: 16 octets naming the Map-Register that last set or refreshed it.
    record: the EID-Record as registered, from TTL to the last locator.
    details: facts that only the core reads.
    """

    registrant: bytes
    deadline: float
    digest: bytes
    record: bytes
    details: bytes


class Mapping(NamedTuple):
    """What is registered for one EID-Prefix; a view.

    published: the reply-ready EID-Record octets: the one registration's, or the
    union of several.
    registrations: at least one, ordered by registrant.
    """

    eid: EidPrefix
    published: bytes
    registrations: tuple[Registration, ...]


class Summary(NamedTuple):
    """What is registered inside an EID-Prefix, in short.

    prefixes: how many EID-Prefixes. record_octets: of all their EID-Records.
    details: those of all registrations, equal ones once: of a million there are mostly
    a few thousand.
    """

    prefixes: int
    record_octets: int
    details: frozenset[bytes]


class Store(Protocol):
    """The verbs. ``now`` and deadlines are seconds on one monotonic clock.

    Every verb that changes something appends it to the change log, which the
    journal takes as one packed row (``take_changes``) and which ``apply`` reads
    back after a restart.
    """

    generation: int
    """Rises whenever an answer could change: put with new octets (published, record or
    details), withdraw. Subscriptions change no answer."""

    subscriptions: Subscriptions
    """Who wants to hear of changes; in the same change log."""

    history: HistoryRows
    """What happened to each EID-Prefix; in the same change log."""

    def put(
        self,
        eid: EidPrefix,
        registrant: bytes,
        *,
        record: bytes,
        details: bytes,
        digest: bytes,
        deadline: float,
        published: bytes,
    ) -> None:
        """Hold or replace one registrant's contribution, and what is now published.

        digest: 16 octets. Raises ValueError where a field is longer than a
        datagram could make it.
        """

    def withdraw(self, eid: EidPrefix, registrant: bytes, *, published: bytes | None) -> bool:
        """Remove a contribution; published is None when it was the last. False: none there.

        Raises ValueError where published says otherwise than what is left.
        """

    def touch(
        self, eid: EidPrefix, registrant: bytes, *, deadline: float, digest: bytes
    ) -> bytes | None:
        """Move a deadline, and name the Map-Register that did; answers stay as they are.

        Returns the digest that stood there before, None where nothing is registered.
        """

    def nonce_mark(self, mark: bytes) -> int | None:
        """The highest nonce accepted under a mark (site, key-id, xTR-ID), or None."""

    def raise_nonce(self, mark: bytes, nonce: int) -> None:
        """Set a mark; a lower nonce than the present one is ignored."""

    def forget_nonce(self, mark: bytes) -> None:
        """Remove a mark, so that any nonce is accepted again."""

    def supersede(self, digest: bytes, until: float) -> None:
        """Remember the digest of a Map-Register that must not be accepted again."""

    def is_superseded(self, digest: bytes, now: float) -> bool:
        """Whether the digest is remembered and its time has not run out."""

    def get(self, eid: EidPrefix) -> Mapping | None:
        """Exactly this prefix."""

    def longest_match(self, eid: EidPrefix) -> Mapping | None:
        """The longest registered prefix that covers the EID."""

    def covering(self, eid: EidPrefix) -> Iterator[Mapping]:
        """Registered prefixes that cover the EID (itself included), longest first."""

    def covered(self, eid: EidPrefix, limit: int | None = None) -> Iterator[Mapping]:
        """Registered prefixes inside the prefix (itself included), in table order."""

    def summary(self, eid: EidPrefix) -> Summary:
        """What there is inside the prefix (itself included), without a view of each."""

    def hole(self, eid: EidPrefix, shortest: int) -> EidPrefix | None:
        """The least-specific prefix around the EID that no registered prefix overlaps.

        shortest: the prefix length it may not be shorter than (the bound's).
        None where a registered prefix covers the EID or lies inside it.
        Source: RFC 9301, 8.4.
        """

    def due(self, now: float, limit: int) -> list[tuple[EidPrefix, bytes]]:
        """Up to ``limit`` (EID-Prefix, registrant) whose deadline has passed; they stay.

        The work of one call is bounded: there may be more, even after an empty
        list, while ``next_deadline`` is not after ``now``.
        """

    def next_deadline(self) -> float | None:
        """When to ask ``due`` next; never later than the earliest deadline, rounded up 1 s."""

    def scan(self, cursor: EidPrefix | None, limit: int) -> list[Mapping]:
        """The next mappings in table order after the cursor; a page for the status API."""

    def __len__(self) -> int:
        """Registrations held (contributions, not prefixes)."""

    def held(self, family: Family) -> int:
        """How many of them are for EID-Prefixes of one family; counted as they come and go."""

    @property
    def ticket(self) -> int:
        """Names the change log as it stands: a Map-Notify that waits for it carries this."""

    def take_changes(self) -> tuple[int, bytes]:
        """The ticket and the packed changes since the last call; empty octets if none.

        The ticket rises with every call: what changes later waits for a later one.
        """

    def apply(self, changes: bytes, shift: float) -> None:
        """Read packed changes back; ``shift`` seconds are added to each deadline.

        Nothing is logged. Raises ValueError where the octets are damaged.
        """

    def apply_sealed(self, rows: list[object], shift: float) -> int:
        """Read packed changes back that were sealed one by one, as ``apply`` does.

        Returns how many do not match their checksum, or are no octets; they are left out.
        Raises ValueError where one that does is no packed change.
        """
