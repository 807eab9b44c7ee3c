"""What the Map-Server notes about a subscriber besides its nonce, packed for the store."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix

_HEAD: Final = struct.Struct(">BBBQHBB")
_TEMPORARY: Final = 0x01

MAC_OCTETS: Final = {1: 12, 2: 16, 3: 16}
"""The MAC lengths of RFC 9301, 12.5, by Algorithm ID."""


class State(IntEnum):
    """ACTIVE hears of changes. SILENT has asked not to, where a less-specific one would.

    REMOVED only keeps its nonce, so that an old Map-Request does not subscribe
    again (RFC 9437, 5). The numbers are stable in stored state.
    """

    ACTIVE = 1
    SILENT = 2
    REMOVED = 3


def state_of(packed_details: bytes) -> State:
    """The state in packed details, without reading the rest."""
    return State(packed_details[0] >> 4)


@dataclass(frozen=True, slots=True)
class SubscriberDetails:
    """Facts about one subscription; packed with :meth:`pack`, read with :meth:`unpack`.

    temporary: nothing is registered for its EID-Prefix; it ends by itself.
    key_id, algorithm_id: what its Map-Notifies name. derived_key: the PubSubKey
    that came from a One-Time Key; empty where a configured key is used.
    request_nonce: of the Map-Request that made it. requested: the EID-Prefix in
    that Map-Request, which the subscription's own may cover. itr_rlocs: the hosts
    to send to, in wire order. local: our address that the Map-Request came to.
    """

    state: State
    key_id: int
    algorithm_id: int
    request_nonce: int
    requested: EidPrefix
    local: Endpoint
    itr_rlocs: tuple[str, ...] = ()
    temporary: bool = False
    derived_key: bytes = field(default=b"", repr=False)

    def pack(self) -> bytes:
        """Octets for the store."""
        hosts = (self.local.host, *self.itr_rlocs)
        head = _HEAD.pack(
            self.state << 4 | self.temporary * _TEMPORARY,
            self.key_id,
            self.algorithm_id,
            self.request_nonce,
            self.local.port,
            len(hosts),
            len(self.derived_key),
        )
        packed = (ipaddress.ip_address(host).packed for host in hosts)
        addresses = b"".join(bytes((len(octets),)) + octets for octets in packed)
        return head + self.requested.pack() + addresses + self.derived_key

    @classmethod
    def unpack(cls, octets: bytes) -> SubscriberDetails:
        """The facts in packed octets. Raises ValueError where they are damaged."""
        try:
            flags, key_id, algorithm_id, nonce, port, host_count, key_length = _HEAD.unpack_from(
                octets
            )
            state = State(flags >> 4)
            requested, offset = EidPrefix.unpack(octets, _HEAD.size)
            hosts = []
            for _ in range(host_count):
                end = offset + 1 + octets[offset]
                hosts.append(str(ipaddress.ip_address(octets[offset + 1 : end])))
                offset = end
            local, *itr_rlocs = hosts
        except (struct.error, IndexError, ValueError) as error:
            raise ValueError(f"damaged subscription details: {error}") from error
        derived_key = octets[offset:]
        if len(derived_key) != key_length:
            raise ValueError("damaged subscription details: a key of another length")
        return cls(
            state,
            key_id,
            algorithm_id,
            nonce,
            requested,
            Endpoint(local, port),
            tuple(itr_rlocs),
            bool(flags & _TEMPORARY),
            derived_key,
        )
