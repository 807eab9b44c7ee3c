"""The rows of the table: what is measured, among how many registrations, and what is wanted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

Engine = Literal["native", "pure"]
Traffic = Literal["plain", "coalesced", "burst"]

FEW: Final = 1_000
MANY: Final = 100_000
MILLION: Final = 1_000_000
TEN_MILLION: Final = 10_000_000


class Kind(Enum):
    """What a row's messages do; the value is how the table says it."""

    PROXIED = "Map-Request, proxied"
    NEGATIVE = "Map-Request, negative"
    FORWARDED = "Map-Request, forwarded by ECM"
    REFRESH = "Map-Register, refresh"
    CHANGED = "Map-Register, changed"
    FIRST = "Map-Register, first"

    @property
    def registers(self) -> bool:
        """Whether they are Map-Registers."""
        return self in (Kind.REFRESH, Kind.CHANGED, Kind.FIRST)


ALGORITHM_NAMES: Final = {1: "SHA-1", 2: "SHA-256", 3: "HKDF"}


@dataclass(frozen=True, slots=True)
class Row:
    """One row against the echo.

    count: registrations there are. traffic: how packets leave the generator, and how it
    takes answers. wanted: the least ratio; None where none is set. once: Map-Requests
    for one EID after the other, instead of the same 1,000. algorithm_id, records: of a
    Map-Register.
    """

    kind: Kind
    count: int
    engine: Engine
    traffic: Traffic = "plain"
    wanted: float | None = None
    once: bool = False
    algorithm_id: int = 2
    records: int = 1

    @property
    def what(self) -> str:
        """How the table names it."""
        if self.kind.registers:
            plural = "" if self.records == 1 else "s"
            algorithm = ALGORITHM_NAMES[self.algorithm_id]
            return f"{self.kind.value}, {algorithm}, {self.records} record{plural}"
        if self.kind is Kind.FORWARDED and self.once:
            return f"{self.kind.value}, 8,000 EIDs in turn"
        return f"{self.kind.value}, {'each EID once' if self.once else '1,000 EIDs in turn'}"

    @property
    def name(self) -> str:
        """What ``--only`` is compared with, and the kept result is found by."""
        return f"{self.what}, {self.count}, {self.traffic}, {self.engine}"


_REQUEST: Final[dict[Traffic, float]] = {"plain": 0.90, "coalesced": 1.0, "burst": 2.5}
_REFRESH: Final[dict[Traffic, float]] = {"plain": 0.70, "coalesced": 0.90, "burst": 1.9}
_CHANGE: Final = {("native", 1): 0.20, ("native", 20): 0.35, ("pure", 1): 0.08, ("pure", 20): 0.20}
_TRAFFICS: Final[tuple[Traffic, ...]] = ("plain", "coalesced", "burst")


def rows(counts: tuple[int, ...]) -> list[Row]:
    """All of them, for these numbers of registrations, the fewest first."""
    return [row for count in counts for one in (_native, _pure) for row in one(count)]


def _native(count: int) -> Iterator[Row]:
    engine: Engine = "native"
    full = count == MILLION
    for traffic in _TRAFFICS if full else _TRAFFICS[:1]:
        wanted = _REQUEST[traffic]
        if count == FEW or full:
            yield Row(Kind.PROXIED, count, engine, traffic, wanted)
        if count != FEW:
            yield Row(Kind.PROXIED, count, engine, traffic, wanted, once=True)
        if full:
            yield Row(Kind.NEGATIVE, count, engine, traffic, wanted, once=True)
        yield Row(Kind.REFRESH, count, engine, traffic, _REFRESH[traffic])
    if full:
        yield Row(Kind.NEGATIVE, count, engine, "plain", _REQUEST["plain"])
        for once in (False, True):
            yield Row(Kind.FORWARDED, count, engine, "plain", 0.80, once=once)
    if full:
        for algorithm_id in (1, 3):
            yield Row(Kind.REFRESH, count, engine, algorithm_id=algorithm_id)
        yield Row(Kind.REFRESH, count, engine, records=20)
    if count != FEW:
        yield from _changes(count, engine)


def _pure(count: int) -> Iterator[Row]:
    engine: Engine = "pure"
    full = count == MILLION
    yield Row(Kind.PROXIED, count, engine, "plain", 0.40)
    if count != FEW:
        yield Row(Kind.PROXIED, count, engine, once=True)
    yield Row(Kind.REFRESH, count, engine, "plain", 0.30)
    if full:
        yield Row(Kind.NEGATIVE, count, engine, "plain", 0.40)
        yield Row(Kind.NEGATIVE, count, engine, once=True)
        yield Row(Kind.FORWARDED, count, engine, "plain", 0.30)
        for algorithm_id in (1, 3):
            yield Row(Kind.REFRESH, count, engine, algorithm_id=algorithm_id)
        yield Row(Kind.REFRESH, count, engine, records=20)
    if full or count == MANY:
        yield from _changes(count, engine)


def _changes(count: int, engine: Engine) -> Iterator[Row]:
    for kind in (Kind.FIRST, Kind.CHANGED):
        for records in (1, 20):
            yield Row(kind, count, engine, "plain", _CHANGE[engine, records], records=records)


def quick_rows() -> list[Row]:
    """A few that say whether something is badly wrong."""
    return [
        *(Row(Kind.PROXIED, MANY, "native", t, _REQUEST[t], once=True) for t in _TRAFFICS),
        Row(Kind.REFRESH, MANY, "native", "plain", _REFRESH["plain"]),
        Row(Kind.FIRST, MANY, "native", "plain", _CHANGE["native", 1]),
        Row(Kind.PROXIED, MANY, "pure", "plain", 0.40),
        Row(Kind.REFRESH, MANY, "pure", "plain", 0.30),
        Row(Kind.FIRST, MANY, "pure", "plain", _CHANGE["pure", 1]),
    ]
