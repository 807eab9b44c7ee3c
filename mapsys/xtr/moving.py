"""Hosts that come and go: registered, routed, and their correspondents told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix
from mapsys.etr import Acknowledged, EtrEffect, Ignored, Notified, Transmit
from mapsys.wire.address import Ipv4, Ipv6
from mapsys.wire.errors import WireError
from mapsys.wire.records import EidRecord
from mapsys.xtr.effects import (
    Effect,
    Event,
    HostRoute,
    SendControl,
    Told,
    Towards,
    Uncarried,
)
from mapsys.xtr.registrar import Registrar
from mapsys.xtr.state import XtrState

SETTLING_SECONDS: Final = 2.0
"""After a host is known to be elsewhere, packets of its that still lie here do not count."""

_NOT_MEANT: Final = frozenset(("authentication-failed", "unknown-key-id"))


class Moving:
    """Carries out what ETRs say, and follows hosts by it."""

    def __init__(self, state: XtrState, registrar: Registrar) -> None:
        self._state = state
        self._registrar = registrar
        self._registered: set[EidPrefix] = set()

    def carried_out(
        self, said: Iterable[EtrEffect], now: float, source: str | None = None
    ) -> list[Effect]:
        """What ETRs want done. source: the own address that answers leave from."""
        effects: list[Effect] = []
        for one in said:
            match one:
                case Transmit():
                    effects.append(self._sent(one.data, one.destination, source))
                case Acknowledged():
                    effects += self._acknowledged(one.records)
                    effects += self._learned(one.records, now)
                case Notified():
                    effects += self._learned(one.records, now)
                case Ignored():
                    refused = one.reason in _NOT_MEANT
                    what = Uncarried.UNAUTHENTICATED if refused else Uncarried.UNEXPECTED_MESSAGE
                    self._state.drop(what)
                case _:
                    continue  # a Map-Register that is also a Transmit, an answer likewise
        return effects

    def may_arrive(self, eid: EidPrefix, now: float) -> bool:
        """Whether a packet from an EID shows a host that has just come.

        It may visit, or has left the site a while ago.
        """
        left_at = self._state.away.get(eid)
        if left_at is not None:
            return left_at + SETTLING_SECONDS <= now
        return self._registrar.may_visit(eid) and eid not in self._state.visiting

    def arrived(self, eid: EidPrefix, now: float) -> list[Effect]:
        """A host is here. One of the site's that was never away needs nothing."""
        state = self._state
        may_visit = self._registrar.may_visit(eid)
        if not may_visit and state.away_prefix(eid) is None:
            return []
        state.away.remove(eid)
        state.cache.remove(eid)
        state.visiting.add(eid)
        said = self._registrar.take_in(eid, now)
        hosts = state.solicit(eid, now)
        return [
            Told(Event.ARRIVED, _about(eid, hosts)),
            HostRoute(eid, Towards.SITE),
            *self.carried_out(said, now),
        ]

    def left(self, eid: EidPrefix, now: float) -> list[Effect]:
        """A host says that it goes, or is known to be gone; where to, the mapping system knows."""
        if self._state.here(eid) is None:
            return []
        said = self._registrar.let_go(eid, now)
        return [
            Told(Event.LEFT, str(eid)),
            *self._gone(eid, now),
            *self.carried_out(said, now),
        ]

    def published(self, records: Iterable[EidRecord], now: float) -> list[Effect]:
        """Mappings of others that changed: kept where there is an entry that they concern."""
        cache = self._state.cache
        effects: list[Effect] = []
        for record in records:
            prefix = _prefix(record)
            if prefix is not None and cache.overlapping(prefix, now):
                cache.put(record, now, "map-notify")
                effects.append(Told(Event.PUBLISHED, str(prefix)))
        return effects

    def _learned(self, records: Iterable[EidRecord], now: float) -> list[Effect]:
        """What a Map-Server says of prefixes that are, or were, registered here."""
        effects: list[Effect] = []
        state = self._state
        for record in records:
            prefix = _prefix(record)
            if prefix is None or not record.record_ttl_minutes:
                continue
            site = state.own_prefix(prefix)
            if prefix not in state.visiting and site is None:
                effects += self.published([record], now)
            elif _is_at(record, state.settings.local_hosts):
                continue
            elif prefix == site:
                # The site's whole prefix: where its other routers are, or a dispute.
                effects.append(Told(Event.REGISTERED_ELSEWHERE, str(prefix)))
            else:
                effects += self._moved_away(prefix, record, now)
        return effects

    def _moved_away(self, prefix: EidPrefix, record: EidRecord, now: float) -> list[Effect]:
        state = self._state
        was_known = state.away.get(prefix) is not None
        state.cache.put(record, now, "map-notify")
        self._registrar.forget(prefix)
        routes = [] if was_known else self._gone(prefix, now)
        hosts = state.solicit(prefix, now)
        return [*routes, Told(Event.MOVED_AWAY, _about(prefix, hosts))]

    def _gone(self, eid: EidPrefix, now: float) -> list[Effect]:
        self._state.visiting.discard(eid)
        self._state.away.put(eid, now)
        return [HostRoute(eid, Towards.TUNNEL)]

    def _acknowledged(self, records: Iterable[EidRecord]) -> list[Effect]:
        new = {prefix for record in records if (prefix := _prefix(record)) is not None}
        new -= self._registered
        self._registered |= new
        return [Told(Event.REGISTERED, ", ".join(map(str, sorted(new))))] if new else []

    def _sent(self, data: bytes, destination: Endpoint, source: str | None) -> SendControl:
        fits = source is not None and (":" in source) == (":" in destination.host)
        own = source if fits else self._state.settings.local_host_of(destination.host)
        return SendControl(data, destination, own)


def _is_at(record: EidRecord, hosts: tuple[str, ...]) -> bool:
    return any(
        isinstance(rloc.rloc, Ipv4 | Ipv6) and rloc.rloc.text in hosts for rloc in record.rlocs
    )


def _prefix(record: EidRecord) -> EidPrefix | None:
    try:
        return record.eid_prefix
    except WireError:
        return None


def _about(prefix: EidPrefix, hosts: list[str]) -> str:
    told = f"; telling {', '.join(hosts)}" if hosts else ""
    return f"{prefix}{told}"
