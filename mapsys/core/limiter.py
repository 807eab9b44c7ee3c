"""Budgets: token buckets in tables of bounded size (RFC 9301, 5.4; RFC 7835)."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

TABLE_SIZE: Final = 65_536
"""Buckets a table holds before the oldest generation is forgotten."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many a second for long, so many at once."""

    per_second: float
    burst: float


UNLIMITED: Final = Rate(math.inf, math.inf)
"""No limit, where None already says to take somebody else's."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The budgets of one server. A None switches a budget off.

    requests_per_source: Map-Requests taken from one outer source address.
    replies_per_destination: Map-Replies to one RLOC. RFC 9301, 5.4 recommends one
    in three seconds, which would starve an ITR with many flows; the budget for one
    EID-Prefix at one RLOC keeps that spirit.
    replies_per_prefix: Map-Replies to one RLOC for one EID-Prefix.
    registers_per_site: Map-Registers taken from one site after authentication, where
    the site has no rate of its own.
    """

    requests_per_source: Rate | None = Rate(2_000, 4_000)
    replies_per_destination: Rate | None = Rate(1_000, 2_000)
    replies_per_prefix: Rate | None = Rate(2, 10)
    registers_per_site: Rate | None = Rate(2_000, 20_000)

    @classmethod
    def off(cls) -> Limits:
        """No limit at all: for tests and closed networks."""
        return cls(None, None, None, None)


class TokenBuckets:
    """One bucket for each key, in two generations so that memory stays bounded.

    refused: how often there was no token, over all keys.

    A bucket forgotten with its generation starts full again, which only errs in
    the asker's favour.
    """

    def __init__(self, rate: Rate | None, table_size: int = TABLE_SIZE) -> None:
        self._rate = rate
        self._half = max(1, table_size // 2)
        self.refused = 0
        self._young: dict[Hashable, tuple[float, float]] = {}
        self._old: dict[Hashable, tuple[float, float]] = {}

    def take(self, key: Hashable, now: float, rate: Rate | None = None) -> bool:
        """Take one token; False when there is none. rate: the key's own, None for the table's."""
        rate = rate or self._rate
        if rate is None or rate == UNLIMITED:
            return True
        state = self._young.get(key)
        if state is None:
            state = self._old.get(key, (rate.burst, now))
            if len(self._young) >= self._half:
                self._old, self._young = self._young, {}
        tokens = min(rate.burst, state[0] + (now - state[1]) * rate.per_second)
        if tokens < 1:
            self._young[key] = (tokens, now)
            self.refused += 1
            return False
        self._young[key] = (tokens - 1, now)
        return True

    def __len__(self) -> int:
        return len(self._young) + len(self._old)


class Budgets:
    """All budgets of one engine.

    limit_requests: whether anything that is taken for a Map-Request has a limit.
    """

    def __init__(self, limits: Limits) -> None:
        self.requests = TokenBuckets(limits.requests_per_source)
        self._registers = TokenBuckets(limits.registers_per_site)
        self._destinations = TokenBuckets(limits.replies_per_destination)
        self._prefixes = TokenBuckets(limits.replies_per_prefix)
        self.limit_requests = any(
            (limits.requests_per_source, limits.replies_per_destination, limits.replies_per_prefix)
        )

    def take_register(self, site: str, own: Rate | None, now: float) -> bool:
        """Whether one more Map-Register of the site is taken. own: the site's own rate."""
        return self._registers.take(site, now, own)

    def take_reply(self, destination: str, prefix: Hashable, now: float) -> bool:
        """Whether one more Map-Reply about the prefix may go to the RLOC."""
        return self._prefixes.take((destination, prefix), now) and self._destinations.take(
            destination, now
        )

    def refused(self) -> dict[str, int]:
        """How often each budget had nothing left, by its name in the configuration."""
        return {
            "requests-per-source": self.requests.refused,
            "replies-per-destination": self._destinations.refused,
            "replies-per-prefix": self._prefixes.refused,
            "registers-per-site": self._registers.refused,
        }
