"""How a tunnel router is, as a tree for JSON."""

from __future__ import annotations

from typing import Any

import msgspec

from mapsys.record_view import action_name, locator_view
from mapsys.xtr.map_cache import MapCacheEntry
from mapsys.xtr.router import Xtr


def status(xtr: Xtr, now: float) -> dict[str, Any]:
    """Everything that a person or a test would ask."""
    state = xtr.state
    return {
        "name": state.settings.name,
        "registered": xtr.registrar.is_settled,
        "eids": [str(eid) for eid in state.settings.eids],
        "visiting": sorted(map(str, state.visiting)),
        "away": [str(prefix) for prefix, _ in state.away.items()],
        "map_cache": [_entry(entry, now) for entry in state.cache.entries()],
        "asking": len(state.requests),
        "correspondents": len(state.correspondents),
        "locators": [
            {
                "rloc": one.host,
                "up": one.is_up,
                "rtt_seconds": one.rtt_seconds,
            }
            for one in state.prober.locators()
        ],
        "packets": dict(state.packets),
        "packets_to": dict(state.packets_to),
        "uncarried": {str(why): count for why, count in state.uncarried.items()},
    }


def _entry(entry: MapCacheEntry, now: float) -> dict[str, Any]:
    return {
        "eid_prefix": str(entry.prefix),
        "expires_seconds": round(entry.expires_at - now, 1),
        "learned": entry.learned,
        "action": None if entry.rlocs else action_name(entry.action),
        "locators": [msgspec.to_builtins(locator_view(one)) for one in entry.rlocs],
    }
