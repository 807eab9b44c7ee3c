"""An order about a site that cannot be carried out, although it can be read."""

from __future__ import annotations


class Refused(Exception):
    """Nothing was changed.

    reason: "unknown-site", "unknown-key", "site-exists", "prefix-taken", "misplaced",
    "of-a-file", "stale", "key-reused", "no-map-server", "under-way" or "no-rotation".
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
