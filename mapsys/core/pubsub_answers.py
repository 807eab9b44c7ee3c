"""What a subscriber is told: its EID-Prefix, and the records for it (RFC 9437, 5 and 6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from mapsys.core.replies import MAX_RECORDS, negative_record, with_one_ttl
from mapsys.core.resolution import Outcome, Resolution, Resolver
from mapsys.eid import EidPrefix
from mapsys.store import Store
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.records import Action, EidRecord, RlocRecord

TTL_REFUSED_MINUTES: Final = 1
"""Of a record that tells about a subscription and not about a mapping."""


class Told(NamedTuple):
    """One record of a Map-Notify: what it is about, and its octets."""

    eid: EidPrefix
    record: bytes


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request for an EID subscribes.

    eid: the EID-Prefix of the mapping, of the hole, or what was asked for where only
    parts of it are known. temporary: no mapping has exactly this prefix.
    told: what the subscriber hears at once, at least one record. rest_follows: there
    are mappings inside that did not fit.
    """

    eid: EidPrefix
    temporary: bool
    told: tuple[Told, ...]
    rest_follows: bool = False


class Answers:
    """Reads what is registered, for subscribers; changes nothing."""

    def __init__(
        self,
        store: Store,
        resolver: Resolver,
        *,
        temporary_minutes: int,
        petr: Sequence[RlocRecord] = (),
    ) -> None:
        """temporary_minutes: the TTL of records where nothing is registered.

        petr: locators of PETRs to name instead of forwarding natively.
        """
        self._store = store
        self._resolver = resolver
        self._temporary_minutes = temporary_minutes
        self._petr = tuple(petr)

    def target(self, eid: EidPrefix, answer: Resolution, room: int) -> Target:
        """Where a request for the EID subscribes, and what it is told (RFC 9301, 5.5).

        answer: positive, or negative and not by policy. room: octets of records.
        """
        if answer.eid != eid:
            # Only parts of it are known. What is said of the whole has to lead to
            # them, and to questions for the rest.
            head = _locatorless(eid, self._temporary_minutes, Action.SEND_MAP_REQUEST)
            return self._with_insides(eid, head, room, temporary=True)
        if answer.mapping is not None:
            mapping = answer.mapping
            return self._with_insides(mapping.eid, mapping.published, room, temporary=False)
        hole = answer.negative
        if hole is None:
            raise ValueError(f"the answer to {eid} is neither positive nor negative")
        answer = replace(answer, ttl_minutes=self._temporary_minutes)
        return Target(hole, True, (Told(hole, negative_record(answer, self._petr)),))

    def _with_insides(self, eid: EidPrefix, head: bytes, room: int, *, temporary: bool) -> Target:
        told = [Told(eid, head)]
        size = len(head)
        for looked_at, inside in enumerate(self._store.covered(eid, limit=MAX_RECORDS)):
            if inside.eid != eid and self.is_public(inside.eid):
                told.append(Told(inside.eid, self._resolver.published(inside)))
                size += len(inside.published)
            if looked_at + 1 == MAX_RECORDS or (size > room and len(told) > 1):
                return Target(eid, temporary, (Told(eid, head),), rest_follows=True)
        records = with_one_ttl([record for _, record in told])
        return Target(
            eid,
            temporary,
            tuple(Told(one.eid, record) for one, record in zip(told, records, strict=True)),
        )

    def present(self, eid: EidPrefix) -> bytes:
        """The record that describes an EID-Prefix at present, whatever it is."""
        record = self.news(eid)
        return removed_record(eid) if record is None else record

    def news(self, eid: EidPrefix) -> bytes | None:
        """The record that tells of a change of a mapping; None where it is not to be told.

        A mapping that is gone has TTL 0 (RFC 9437, 5). One that its ETRs answer for
        themselves, or that policy denies, is not published.
        """
        mapping = self._store.get(eid)
        if mapping is None:
            return removed_record(eid)
        return self._resolver.published(mapping) if self.is_public(eid) else None

    def is_public(self, eid: EidPrefix) -> bool:
        """Whether this server answers for the EID-Prefix, and so may publish it."""
        return self._resolver.resolve(eid).outcome is Outcome.PROXY_REPLY


def removed_record(eid: EidPrefix) -> bytes:
    """The record of a mapping that is gone: TTL 0, no locators."""
    return _locatorless(eid, 0, Action.NO_ACTION)


def refusal_record(eid: EidPrefix, action: Action) -> bytes:
    """The record that refuses or ends a subscription: no locators, and why."""
    return _locatorless(eid, TTL_REFUSED_MINUTES, action)


def _locatorless(eid: EidPrefix, ttl_minutes: int, action: Action) -> bytes:
    address, mask_len = from_eid_prefix(eid)
    return EidRecord(ttl_minutes, address, mask_len, action=action).octets()
