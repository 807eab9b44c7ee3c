"""Route flap damping: penalties that grow with every change and fade with time.

Source: RFC 2439, 4; RFC 6836, 7.3 (damping belongs to the first hop).
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from math import log2
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

HISTORY_LIMIT: Final = 10_000
"""Keys remembered at once; the one unchanged for longest is forgotten first."""


@dataclass(frozen=True, slots=True)
class DampingRule:
    """When to suppress, and when to use again.

    Penalties are plain numbers. half_life_seconds: in which half of one fades.
    ceiling: bounds a penalty, and so the time to wait.
    """

    suppress: float
    reuse: float
    ceiling: float
    half_life_seconds: float


ROUTE_RULE: Final = DampingRule(3_000, 750, 12_000, 900)
"""Three quick changes suppress a route; it waits for an hour at most."""
NEIGHBOUR_RULE: Final = DampingRule(5_000, 1_250, 10_000, 300)
"""Five quick session losses, or a hundred leaks, keep a neighbour away for some minutes."""
FLAP_PENALTY: Final = 1_000
LEAK_PENALTY: Final = 50


class FlapDamping(Generic[K]):
    """Penalties by key under one rule."""

    def __init__(self, rule: DampingRule) -> None:
        self._rule = rule
        self._penalties: dict[K, tuple[float, float]] = {}
        self._reuse_at: dict[K, float] = {}

    def charge(self, key: K, penalty: float, now: float) -> bool:
        """Add a penalty; True where the key is suppressed now."""
        value = min(self.penalty(key, now) + penalty, self._rule.ceiling)
        self._penalties.pop(key, None)
        if len(self._penalties) >= HISTORY_LIMIT:
            self._penalties.pop(next(iter(self._penalties)))
        self._penalties[key] = (value, now)
        if value >= self._rule.suppress or key in self._reuse_at:
            wait = self._rule.half_life_seconds * max(0.0, log2(value / self._rule.reuse))
            self._reuse_at[key] = now + wait
        return key in self._reuse_at

    def penalty(self, key: K, now: float) -> float:
        """What is left of a key's penalty."""
        value, since = self._penalties.get(key, (0.0, now))
        return float(value * 2.0 ** (-(now - since) / self._rule.half_life_seconds))

    def is_suppressed(self, key: K) -> bool:
        """Whether the key waits for :meth:`release`."""
        return key in self._reuse_at

    def reuse_at(self, key: K) -> float:
        """When a suppressed key may be used again; KeyError where it is not suppressed."""
        return self._reuse_at[key]

    def next_deadline(self) -> float | None:
        """When the next key may be used again."""
        return min(self._reuse_at.values(), default=None)

    def release(self, now: float) -> list[K]:
        """The keys that may be used again from now on."""
        released = [key for key, at in self._reuse_at.items() if at <= now]
        for key in released:
            del self._reuse_at[key]
        return released
