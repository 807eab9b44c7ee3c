"""What one EID-Prefix amounts to, as the engine keeps it: who registered what, and when.

Octets: when it last changed (Unix milliseconds), then an entry for each registrant, newer
ones in place of older. A registration stands in it as a packed ``change_log.Put`` whose
deadline is Unix time and whose published octets are left out: they follow from the rest.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

from mapsys.change_log import Put, pack, unpack
from mapsys.eid import EidPrefix

ENTRIES_LIMIT: Final = 128
"""As many registrants as an EID-Prefix may have, and as many that have left it."""

_HEAD: Final = struct.Struct(">Q")
_ENTRY: Final = struct.Struct(">BQQH")
_NONCE: Final = 0x01
_GONE: Final = 0x02


class Contribution(NamedTuple):
    """What one registrant has to do with it.

    changed_ms: when it last changed, by the clock of the member that it came to. nonce: of
    the Map-Register that changed it, where nonces order them. put: the registration; None
    where it was withdrawn.
    """

    registrant: bytes
    changed_ms: int
    nonce: int | None
    put: Put | None

    def is_newer(self, other: Contribution) -> bool:
        """Nonces order what one registrant says; clocks do where there are none."""
        if self.nonce is not None and other.nonce is not None and self.nonce != other.nonce:
            return self.nonce > other.nonce
        return self.changed_ms > other.changed_ms


class State(NamedTuple):
    """An EID-Prefix in the fleet; at most ENTRIES_LIMIT contributions, by registrant."""

    changed_ms: int
    contributions: tuple[Contribution, ...]

    @property
    def puts(self) -> list[Put]:
        """The registrations."""
        return [one.put for one in self.contributions if one.put is not None]

    def pack(self) -> bytes:
        parts = [_HEAD.pack(self.changed_ms)]
        for registrant, changed_ms, nonce, put in self.contributions:
            octets = registrant if put is None else pack(put)
            flags = (_GONE if put is None else 0) | (0 if nonce is None else _NONCE)
            parts.append(_ENTRY.pack(flags, changed_ms, nonce or 0, len(octets)))
            parts.append(octets)
        return b"".join(parts)

    @classmethod
    def unpack(cls, octets: bytes, eid: EidPrefix) -> State:
        """Raises ValueError where they are damaged, or about another EID-Prefix."""
        try:
            (changed_ms,) = _HEAD.unpack_from(octets)
            found: list[Contribution] = []
            offset = _HEAD.size
            while offset < len(octets):
                flags, entry_ms, nonce, size = _ENTRY.unpack_from(octets, offset)
                start = offset + _ENTRY.size
                offset = start + size
                packed = octets[start:offset]
                if len(packed) < size or len(found) == ENTRIES_LIMIT:
                    raise ValueError("a state is cut short, or too long")
                put = None
                if not flags & _GONE:
                    change = unpack(packed)
                    if not isinstance(change, Put) or change.eid != eid:
                        raise ValueError("a state holds something else")
                    put = change
                registrant = packed if put is None else put.registrant
                order = nonce if flags & _NONCE else None
                found.append(Contribution(registrant, entry_ms, order, put))
        except struct.error as error:
            raise ValueError(f"a state is cut short: {error}") from error
        return of(changed_ms, found)


def of(changed_ms: int, contributions: Iterable[Contribution]) -> State:
    """A state of these, ordered; of the same registrant's the newest."""
    by_registrant: dict[bytes, Contribution] = {}
    for one in contributions:
        held = by_registrant.get(one.registrant)
        if held is None or one.is_newer(held):
            by_registrant[one.registrant] = one
    return State(changed_ms, tuple(by_registrant[name] for name in sorted(by_registrant)))
