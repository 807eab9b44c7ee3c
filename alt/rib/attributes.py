"""Path attributes of a route, one object for all routes that share them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final
from weakref import WeakValueDictionary

BACKUP_COMMUNITY: Final = (64512, 6836)
"""Marks an aggregate that a backup announces while its primary is gone.

A private AS and the number of the RFC; it keeps two backups of one block from
taking each other for the primary.
"""


class Origin(IntEnum):
    """Lower is preferred (RFC 4271, 9.1.2.2)."""

    IGP = 0
    EGP = 1
    INCOMPLETE = 2


@dataclass(frozen=True, slots=True, weakref_slot=True)
class PathAttributes:
    """Attributes that all prefixes of one UPDATE share.

    as_path: AS numbers, the neighbour's first; sequences only.
    next_hop: an IPv4 or IPv6 address as text.
    med: 0..2**32-1, or None where the neighbour sent none.
    communities: pairs of 16 bits (RFC 1997), sorted.

    Source: RFC 4271, 5.1.
    """

    as_path: tuple[int, ...]
    next_hop: str
    origin: Origin = Origin.IGP
    med: int | None = None
    communities: tuple[tuple[int, int], ...] = ()

    @property
    def is_backup(self) -> bool:
        """Whether the route stands in for a primary that is gone."""
        return BACKUP_COMMUNITY in self.communities


class AttributePool:
    """Hands out one object per distinct set of attributes."""

    def __init__(self) -> None:
        # The keys are fields, not the object: that would keep itself alive.
        self._known: WeakValueDictionary[object, PathAttributes] = WeakValueDictionary()

    def intern(self, attributes: PathAttributes) -> PathAttributes:
        """The object that stands for these attributes."""
        fields = (
            attributes.as_path,
            attributes.next_hop,
            attributes.origin,
            attributes.med,
            attributes.communities,
        )
        return self._known.setdefault(fields, attributes)

    def __len__(self) -> int:
        return len(self._known)
