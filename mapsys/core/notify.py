"""Map-Notifies: acknowledgments, and unsolicited ones that wait for theirs (RFC 9301, 5.7)."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mapsys.core.effects import Dropped, Effect, Endpoint, Send
from mapsys.core.reasons import Drop
from mapsys.wire.auth import Key
from mapsys.wire.map_notify import MapNotify, MapNotifyAck
from mapsys.wire.map_register import MapRegister
from mapsys.wire.records import EidRecord

SEND_OFFSETS_SECONDS: Final = (0.0, 3.0, 6.0, 9.0, 15.0, 27.0, 51.0)
"""When an unsolicited Map-Notify is sent: three repeats at 3 s, then three that double."""

GIVE_UP_SECONDS: Final = 75.0
"""When the acknowledgment of the last repeat is no longer waited for."""

MAX_WAITING: Final = 16_384
"""Unsolicited Map-Notifies that may wait at once; the next one is sent only once."""

CONTROL_PORT: Final = 4342


def acknowledge(register: MapRegister, records: Sequence[EidRecord], key: Key) -> bytes:
    """The Map-Notify for an accepted Map-Register: same nonce, key, algorithm and MAC length.

    records: those that were accepted, as they are to be told to the ETR.
    """
    notify = MapNotify(
        register.nonce,
        register.key_id,
        register.algorithm_id,
        bytes(len(register.authentication_data)),
        tuple(records),
        xtr_id=register.xtr_id,
        site_id=register.site_id,
    )
    return key.sign(notify.octets())


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who is told, and how: the xTR's address and the security association with it.

    wrap: puts a Map-Notify into what the destination takes it out of again, where
    that is an RTR; None where it goes to the xTR itself.
    """

    destination: Endpoint
    source: Endpoint | None
    key: Key
    key_id: int
    algorithm_id: int
    mac_length: int
    xtr_id: bytes | None
    site_id: bytes | None
    wrap: Callable[[bytes], bytes] | None = None


@dataclass(slots=True)
class _Waiting:
    send: Send
    key: Key
    first_sent: float
    sent: int


class NotifyQueue:
    """Unsolicited Map-Notifies until they are acknowledged or given up."""

    def __init__(self) -> None:
        self._waiting: dict[int, _Waiting] = {}
        self._timers: list[tuple[float, int]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def tell(
        self,
        recipient: Recipient,
        records: Sequence[EidRecord],
        nonce: int,
        now: float,
        *,
        after: int | None,
    ) -> Send:
        """Send a Map-Notify under a fresh nonce, and again until it is acknowledged.

        after: the ticket that the first sending waits for.
        """
        notify = MapNotify(
            nonce,
            recipient.key_id,
            recipient.algorithm_id,
            bytes(recipient.mac_length),
            tuple(records),
            xtr_id=recipient.xtr_id,
            site_id=recipient.site_id,
        )
        octets = recipient.key.sign(notify.octets())
        if recipient.wrap is not None:
            octets = recipient.wrap(octets)
        send = Send(octets, recipient.destination, recipient.source, after=after)
        if len(self._waiting) < MAX_WAITING:
            again = replace(send, after=None)
            self._waiting[nonce] = _Waiting(again, recipient.key, now, 1)
            heapq.heappush(self._timers, (now + SEND_OFFSETS_SECONDS[1], nonce))
        return send

    def acknowledged(self, ack: MapNotifyAck, octets: bytes, source: Endpoint) -> list[Effect]:
        """Stop repeating what a validated Map-Notify-Ack names by its nonce."""
        waiting = self._waiting.get(ack.nonce)
        if waiting is None:
            return [Dropped(source, "MapNotifyAck", Drop.UNKNOWN_NOTIFY)]
        if not waiting.key.verify(octets):
            return [Dropped(source, "MapNotifyAck", Drop.AUTHENTICATION_FAILED)]
        del self._waiting[ack.nonce]
        return []

    def next_deadline(self) -> float | None:
        """When the next repeat is due."""
        while self._timers and self._timers[0][1] not in self._waiting:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def due(self, now: float, limit: int) -> list[Effect]:
        """Up to ``limit`` repeats that are due; what was repeated often enough is given up."""
        effects: list[Effect] = []
        while self._timers and self._timers[0][0] <= now and len(effects) < limit:
            _, nonce = heapq.heappop(self._timers)
            waiting = self._waiting.get(nonce)
            if waiting is None:
                continue
            if waiting.sent == len(SEND_OFFSETS_SECONDS):
                del self._waiting[nonce]
                continue
            effects.append(waiting.send)
            waiting.sent += 1
            offset = (
                SEND_OFFSETS_SECONDS[waiting.sent]
                if waiting.sent < len(SEND_OFFSETS_SECONDS)
                else GIVE_UP_SECONDS
            )
            heapq.heappush(self._timers, (waiting.first_sent + offset, nonce))
        return effects
