"""When each key of a site was last used, so that a rotation can be seen through."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(slots=True)
class _Use:
    times: int = 0
    last_used: float = 0.0


class KeyUses:
    """Counts by site, key-id and secret; sites come from the configuration, so it is bounded."""

    def __init__(self) -> None:
        self._uses: dict[str, dict[tuple[int, str], _Use]] = {}

    def note(self, site_name: str, key: SiteKey, secret: Key, now: float, times: int = 1) -> None:
        """A Map-Register signed with this secret was accepted, or so many of them."""
        which = "next" if secret is key.next else "current"
        uses = self._uses.setdefault(site_name, {})
        use = uses.get((key.key_id, which))
        if use is None:
            use = uses[key.key_id, which] = _Use()
        use.times += times
        use.last_used = now

    def promote(self, site_name: str, key_id: int) -> None:
        """The key's next secret is now its current one."""
        uses = self._uses.get(site_name, {})
        uses.pop((key_id, "current"), None)
        if (use := uses.pop((key_id, "next"), None)) is not None:
            uses[key_id, "current"] = use

    def drop_next(self, site_name: str, key_id: int) -> None:
        """The key has no next secret any more, or another one."""
        self._uses.get(site_name, {}).pop((key_id, "next"), None)

    def drop(self, site_name: str) -> None:
        """There is no such site any more."""
        self._uses.pop(site_name, None)

    def of(self, site_name: str) -> list[KeyUse]:
        """The uses of a site's keys, by key-id."""
        uses = self._uses.get(site_name, {})
        return sorted(KeyUse(*name, use.times, use.last_used) for name, use in uses.items())
