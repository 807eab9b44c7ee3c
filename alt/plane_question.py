"""Finds what a Map-Request asks for without decoding the rest of it.

The last hop checks each request against its IP destination; decoding it in full
is the Map-Server's work, and would be done twice.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from mapsys.wire.errors import Truncated, UnknownAfi

_LCAF: Final = 16387
_LCAF_OCTETS: Final = _LCAF.to_bytes(2, "big")
_IP_AFIS: Final = (1, 2)
_INSTANCE_ID: Final = 2
_ADDRESS_OCTETS: Final = {0: 0, 1: 4, 2: 16, 6: 6, 16389: 6, 18: 4}
"""By AFI; names (17) end with a NUL and LCAFs say their length."""


class Question(NamedTuple):
    """The first record of a Map-Request.

    address: packed; empty where it is neither IPv4 nor IPv6.
    mask_len: bits of the address that count.
    """

    instance_id: int
    address: bytes
    mask_len: int

    def covers(self, destination: bytes) -> bool:
        """Whether this asks for a prefix around a packed destination."""
        if self.address == destination:
            return True
        if len(self.address) != len(destination):
            return False
        host_bits = max(0, 8 * len(destination) - self.mask_len)
        differ = int.from_bytes(self.address, "big") ^ int.from_bytes(destination, "big")
        return differ >> host_bits == 0


def read_question(payload: bytes) -> Question:
    """Raises Truncated (also where there is no record), UnknownAfi.

    payload: from the Map-Request's first octet on; it holds its nonce.

    Source: RFC 9301, 5.2; RFC 8060, 4.1 for the instance-ID.
    """
    itr_rlocs = (payload[2] & 0x1F) + 1
    at = 12
    for _ in range(1 + itr_rlocs):
        at = _behind_address(payload, at)
    if payload[3] == 0 or len(payload) < at + 4:
        raise Truncated
    mask_len = payload[at + 1]
    eid = payload[at + 2 : _behind_address(payload, at + 2)]
    instance_id = 0
    if eid[:2] == _LCAF_OCTETS and eid[4] == _INSTANCE_ID:
        instance_id = int.from_bytes(eid[8:12], "big")
        eid = eid[12:]
    afi = int.from_bytes(eid[:2], "big")
    return Question(instance_id, eid[2:] if afi in _IP_AFIS else b"", mask_len)


def _behind_address(payload: bytes, at: int) -> int:
    if len(payload) < at + 2:
        raise Truncated
    afi = int.from_bytes(payload[at : at + 2], "big")
    if afi == _LCAF:
        end = at + 8 + int.from_bytes(payload[at + 6 : at + 8], "big")
    elif afi == 17:
        end = payload.find(b"\0", at + 2) + 1 or len(payload) + 1
    elif afi in _ADDRESS_OCTETS:
        end = at + 2 + _ADDRESS_OCTETS[afi]
    else:
        raise UnknownAfi
    if len(payload) < end:
        raise Truncated
    return end
