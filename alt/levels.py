"""The levels of the hierarchy and the prefix lengths that belong to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from mapsys.eid import WIDTH_BITS, Family


class Level(Enum):
    """Where a node or a block stands; EDGE holds no block (a Map-Resolver)."""

    REGION = "region"
    MSP = "msp"
    SITE = "site"
    EDGE = "edge"


@dataclass(frozen=True, slots=True)
class Lengths:
    """Prefix lengths of one level and family, both ends included."""

    shortest: int
    longest: int


FAMILIES: Final = (Family.IPV4, Family.IPV6)
"""What BGP carries for the ALT: unmodified IPv4 and IPv6 (RFC 6836, 6.2)."""

DEFAULT_LENGTHS: Final[dict[tuple[Level, Family], Lengths]] = {
    (Level.REGION, Family.IPV4): Lengths(19, 19),
    (Level.REGION, Family.IPV6): Lengths(38, 38),
    (Level.MSP, Family.IPV4): Lengths(21, 21),
    (Level.MSP, Family.IPV6): Lengths(40, 40),
    (Level.SITE, Family.IPV4): Lengths(24, 28),
    (Level.SITE, Family.IPV6): Lengths(48, 64),
}
"""The pilot network's plan."""


@dataclass(frozen=True, slots=True)
class LevelPlan:
    """The lengths of every level that holds blocks."""

    lengths: dict[tuple[Level, Family], Lengths] = field(
        default_factory=lambda: dict(DEFAULT_LENGTHS)
    )

    def longest(self, level: Level, family: Family) -> int:
        """Bits of the longest prefix of a level; EDGE bounds nothing but host routes."""
        if level is Level.EDGE:
            return WIDTH_BITS[family] - 1
        return self.lengths[level, family].longest
