"""Requests seen a moment ago, so that a copy or a loop ends here."""

from __future__ import annotations

from typing import Final

SUPPRESS_SECONDS: Final = 1.0
"""RFC 9301, 5.3 lets an ITR ask once a second: a copy within it is none of its making."""

TABLE_SIZE: Final = 65_536


class RecentRequests:
    """Remembers requests for a second, in two generations of bounded size.

    When more requests arrive within a second than the table holds, the oldest
    are forgotten early: copies of those pass, nothing else does.
    """

    def __init__(self, table_size: int = TABLE_SIZE) -> None:
        self._half = max(1, table_size // 2)
        self._young: dict[bytes, float] = {}
        self._old: dict[bytes, float] = {}
        self._turn = 0.0

    def is_new(self, request: bytes, now: float) -> bool:
        """Whether the request was not seen within the last second; it now was.

        A copy does not lengthen the time.
        """
        if now >= self._turn or len(self._young) >= self._half:
            self._old, self._young = self._young, {}
            self._turn = now + SUPPRESS_SECONDS
        seen = self._young.get(request)
        if seen is None:
            seen = self._old.get(request)
        if seen is not None and now - seen < SUPPRESS_SECONDS:
            return False
        self._young[request] = now
        return True

    def __len__(self) -> int:
        return len(self._young) + len(self._old)
