"""Authentication data between a Map-Server and an RTR, in the ECM around a Map-Notify.

Source: draft-ermagan-lisp-nat-traversal-19, 4.4.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from mapsys.wire.auth import ALGORITHMS
from mapsys.wire.prekeyed_hmac import PrekeyedHmac

AD_TYPE: Final = 2

_HEAD: Final = Struct("!B3xHH")
"""AD Type, MS-RTR Key ID, octets of the MAC."""


class RtrKey:
    """A secret shared with an RTR; it is shown nowhere."""

    __slots__ = ("_head", "_hmac", "_mac_octets", "key_id")

    def __init__(self, key_id: int, algorithm_id: int, secret: bytes) -> None:
        """key_id: 0..65535. Raises ValueError for algorithms other than 1 and 2.

        The draft names no others, and the MAC cut as their names say.
        """
        algorithm = ALGORITHMS.get(algorithm_id)
        if algorithm is None or algorithm.derives_key:
            raise ValueError(f"algorithm {algorithm_id} is not for RTRs; 1 and 2 are")
        self.key_id = key_id
        self._mac_octets = algorithm.mac_lengths[0]
        self._hmac = PrekeyedHmac(secret, algorithm.hash_name)
        self._head = _HEAD.pack(AD_TYPE, key_id, self._mac_octets)

    def authentication_data(self, map_notify: bytes) -> bytes:
        """What goes into the ECM from its AD Type on. The MAC covers the whole Map-Notify."""
        return self._head + self._hmac.mac((map_notify,))[: self._mac_octets]

    def __repr__(self) -> str:
        return f"RtrKey(key_id={self.key_id}, secret=...)"
