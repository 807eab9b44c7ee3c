"""How often packets may make the daemon write a log line: once an interval for each key."""

from __future__ import annotations

from typing import Final

INTERVAL_SECONDS: Final = 10.0
KEYS_LIMIT: Final = 1_024
"""Keys told apart; beyond that, lines differ only by the key's first word."""

Key = tuple[str, ...]
"""The event first, then what tells its lines apart: a reason, a source, a site."""


class LogLimit:
    """Remembers when a key was last let through, and how many lines it was denied since."""

    def __init__(self, interval_seconds: float = INTERVAL_SECONDS, keys: int = KEYS_LIMIT) -> None:
        self._interval = interval_seconds
        self._limit = keys
        self._open_at: dict[Key, float] = {}
        self._suppressed: dict[Key, int] = {}

    def admits(self, key: Key, now: float) -> bool:
        """Whether a line may be written; otherwise it is counted."""
        if key not in self._open_at and len(self._open_at) >= self._limit:
            key = key[:1]
        if now < self._open_at.get(key, now):
            self._suppressed[key] = self._suppressed.get(key, 0) + 1
            return False
        self._open_at[key] = now + self._interval
        return True

    def take_suppressed(self, now: float) -> list[tuple[Key, int]]:
        """Keys whose interval is over, with the lines they were denied in it.

        Such a key starts over, except that lines were just written about it: it
        stays shut for another interval.
        """
        over = [key for key, open_at in self._open_at.items() if open_at <= now]
        told = []
        for key in over:
            count = self._suppressed.pop(key, 0)
            if count:
                told.append((key, count))
                self._open_at[key] = now + self._interval
            else:
                del self._open_at[key]
        return told
