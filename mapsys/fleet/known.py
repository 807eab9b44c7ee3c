"""What a member knows of the engine's copy of each EID-Prefix; octets, no objects."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

_PACKED: Final = struct.Struct(">BQQQdd")

NEVER: Final = float("-inf")


class Known(NamedTuple):
    """version, epoch: see ``fleet.contract.Stored``. changed_ms: see ``fleet.state``.

    own_until: while it is refreshed at this member, on its clock. told: when the engine
    was last told of a refresh.
    """

    partition: int
    version: int
    epoch: int
    changed_ms: int
    own_until: float = NEVER
    told: float = NEVER


class KnownStates:
    """By packed EID-Prefix."""

    def __init__(self) -> None:
        self._packed: dict[bytes, bytes] = {}

    def __len__(self) -> int:
        return len(self._packed)

    def __contains__(self, eid: bytes) -> bool:
        return eid in self._packed

    def __iter__(self) -> Iterator[bytes]:
        return iter(list(self._packed))

    def get(self, eid: bytes) -> Known | None:
        packed = self._packed.get(eid)
        return None if packed is None else Known(*_PACKED.unpack(packed))

    def put(self, eid: bytes, known: Known) -> None:
        self._packed[eid] = _PACKED.pack(*known)

    def forget(self, eid: bytes) -> None:
        self._packed.pop(eid, None)
