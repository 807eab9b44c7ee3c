"""The roles of those who use the interface; the daemon knows them without the rest of it."""

from __future__ import annotations

from enum import IntEnum


class Role(IntEnum):
    """What somebody may do; each role may do what those below it may."""

    READ = 1
    OPERATE = 2
    ADMIN = 3
