"""The levels of the hierarchy and the prefix lengths that belong to them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from mapsys.eid import WIDTH_BITS, Family

FAMILIES: Final = (Family.IPV4, Family.IPV6)
"""What BGP carries for the ALT: unmodified IPv4 and IPv6 (RFC 6836, 6.2)."""


class Level(Enum):
    """Where a node or a block stands; EDGE holds no block (a Map-Resolver)."""

    REGION = "region"
    MSP = "msp"
    SITE = "site"
    EDGE = "edge"


@dataclass(frozen=True, slots=True)
class Lengths:
    """Prefix lengths, both ends included."""

    shortest: int
    longest: int


@dataclass(frozen=True, slots=True)
class LevelLengths:
    """The lengths of one level in both families."""

    ipv4: Lengths
    ipv6: Lengths


@dataclass(frozen=True, slots=True)
class LevelPlan:
    """The lengths of every level that holds blocks; the defaults are the pilot network's."""

    region: LevelLengths = LevelLengths(Lengths(19, 19), Lengths(38, 38))
    msp: LevelLengths = LevelLengths(Lengths(21, 21), Lengths(40, 40))
    site: LevelLengths = LevelLengths(Lengths(24, 28), Lengths(48, 64))

    def lengths(self, level: Level, family: Family) -> Lengths:
        """The lengths of a level; EDGE bounds nothing but host routes."""
        match level:
            case Level.REGION:
                of_level = self.region
            case Level.MSP:
                of_level = self.msp
            case Level.SITE:
                of_level = self.site
            case Level.EDGE:
                return Lengths(0, WIDTH_BITS[family] - 1)
        return of_level.ipv4 if family is Family.IPV4 else of_level.ipv6


PILOT_PLAN: Final = LevelPlan()
