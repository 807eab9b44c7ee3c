"""The subscriber's side of PubSub: Map-Notifies that confirm and publish (RFC 9437, 5 and 6)."""

from __future__ import annotations

from mapsys.eid import EidPrefix
from mapsys.table import PrefixTable
from mapsys.wire.auth import Key
from mapsys.wire.errors import WireError
from mapsys.wire.map_notify import MapNotify, MapNotifyAck
from mapsys.xtr.settings import SharedKey


class Subscriber:
    """Verifies, orders and acknowledges what a Map-Server says about subscriptions."""

    def __init__(self, key: SharedKey) -> None:
        self._key_id = key.key_id
        self._key = Key(key.secret.reveal())
        self._nonces: PrefixTable[int] = PrefixTable()

    def is_genuine(self, notify: MapNotify, data: bytes) -> bool:
        """Whether it was signed with the key of this xTR's subscriptions."""
        return notify.key_id == self._key_id and self._key.verify(data)

    def confirmed(self, notify: MapNotify) -> None:
        """Note what a nonce of one's own subscribed to."""
        for prefix in prefixes(notify):
            self._nonces.put(prefix, notify.nonce)

    def is_new(self, notify: MapNotify) -> bool | None:
        """Whether a publication says something new; None: it was repeated; False: replayed.

        A subscription's nonce rises with each of its publications.
        """
        answer: bool | None = None
        for prefix in prefixes(notify):
            known = self._nonces.longest_match(prefix)
            if known is None or known[1] < notify.nonce:
                self._nonces.put(prefix if known is None else known[0], notify.nonce)
                answer = True
            elif known[1] > notify.nonce:
                return False
        return answer

    def acknowledgment(self, notify: MapNotify) -> bytes:
        """The Map-Notify-Ack."""
        return self._key.sign(MapNotifyAck.of(notify).octets())


def prefixes(notify: MapNotify) -> list[EidPrefix]:
    """The EID-Prefixes it is about, as far as they can be read."""
    found = []
    for record in notify.records:
        try:
            found.append(record.eid_prefix)
        except WireError:
            continue
    return found
