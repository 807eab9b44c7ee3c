"""How Map-Notifies to subscribers get out: which ways there are, and how much fits."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

from mapsys.core.effects import Endpoint, Send
from mapsys.core.notify import CONTROL_PORT
from mapsys.core.pubsub_notify import Notice, Route, Unacknowledged
from mapsys.core.questions import LocalAddresses, Question, usable_itr_rloc
from mapsys.core.replies import room_for_records
from mapsys.core.subscriptions import MAC_OCTETS
from mapsys.store import Store
from mapsys.wire.address import Address

_MORE_THAN_MAP_REPLY_OCTETS: Final = 4 + max(MAC_OCTETS.values())
"""What a Map-Notify has in front of its records, and a Map-Reply has not."""


class Sender:
    """Sends notices from this server's addresses, once what they tell is committed."""

    def __init__(
        self,
        store: Store,
        unacknowledged: Unacknowledged,
        local: LocalAddresses,
        path_mtu: int | None,
    ) -> None:
        """path_mtu: octets of a whole IP packet; None for the RFC's safe sizes."""
        self._store = store
        self._unacknowledged = unacknowledged
        self._local = local
        self._path_mtu = path_mtu

    def room(self, host: str) -> int:
        """Octets of records that fit one Map-Notify to a host."""
        version = ipaddress.ip_address(host).version
        return room_for_records(self._path_mtu, version) - _MORE_THAN_MAP_REPLY_OCTETS

    def usable(self, question: Question, rlocs: Iterable[Address]) -> tuple[str, ...]:
        """Those of the addresses that a Map-Notify can and may be sent to."""
        found = (
            usable_itr_rloc((rloc,), question.local, CONTROL_PORT, self._local) for rloc in rlocs
        )
        return tuple(host for host in found if host is not None)

    def routes(self, hosts: Iterable[str], asked: Endpoint) -> tuple[Route, ...]:
        """The ways to some hosts. asked: our address that the subscriber asked."""
        return tuple(
            Route(Endpoint(host, CONTROL_PORT), self._local.source_towards(host, asked))
            for host in hosts
        )

    def send(self, notice: Notice, now: float) -> Send:
        """Send a notice until it is acknowledged."""
        return self._unacknowledged.send(notice, now, after=self._store.ticket)

    def send_once(self, octets: bytes, route: Route) -> Send:
        """Send a Map-Notify whose acknowledgment nobody waits for."""
        return route.send(octets, self._store.ticket)
