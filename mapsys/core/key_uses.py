"""When each key of a site was last used, so that a rotation can be seen through."""

from __future__ import annotations

from typing import NamedTuple

from mapsys.core.site import SiteKey
from mapsys.wire.auth import Key


class KeyUse(NamedTuple):
    """How often one secret was used for an accepted Map-Register since the start.

    secret: "current" or "next". last_used: seconds on the core's clock.
    """

    key_id: int
    secret: str
    times: int
    last_used: float


class KeyUses:
    """Counts by site, key-id and secret; sites come from the configuration, so it is bounded."""

    def __init__(self) -> None:
        self._uses: dict[str, dict[tuple[int, str], KeyUse]] = {}

    def note(self, site_name: str, key: SiteKey, secret: Key, now: float) -> None:
        """A Map-Register signed with this secret was accepted."""
        which = "next" if secret is key.next else "current"
        uses = self._uses.setdefault(site_name, {})
        before = uses.get((key.key_id, which))
        times = 1 if before is None else before.times + 1
        uses[key.key_id, which] = KeyUse(key.key_id, which, times, now)

    def of(self, site_name: str) -> list[KeyUse]:
        """The uses of a site's keys, by key-id."""
        return sorted(self._uses.get(site_name, {}).values())
