"""What a neighbour is to this node in the hierarchy of the ALT."""

from __future__ import annotations

from enum import Enum


class Role(Enum):
    """The neighbour's role as seen from here; LOCAL stands for this node itself.

    PARENT: one level up. BACKUP: a parent used only while the others are gone.
    CHILD: one level down. PEER: same level, its own blocks. SIBLING: aggregates
    the same blocks as this node and exchanges the components.

    Source: RFC 6836, 4.2.
    """

    LOCAL = "local"
    PARENT = "parent"
    BACKUP = "backup"
    CHILD = "child"
    PEER = "peer"
    SIBLING = "sibling"

    @property
    def is_above(self) -> bool:
        """Whether own blocks go up to it."""
        return self in (Role.PARENT, Role.BACKUP)
