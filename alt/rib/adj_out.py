"""The Adj-RIB-Out: a mirror of what the speaker holds for one neighbour.

The speaker keeps its own copy over a broken session and sends it again by
itself, so the mirror is kept too, and only differences are told.
"""

from __future__ import annotations

from collections.abc import Iterable

from alt.effects import Announce, Withdraw
from alt.rib.attributes import PathAttributes
from mapsys.eid import EidPrefix


class AdjRibOut:
    """What one neighbour has been told, by prefix."""

    def __init__(self, peer: str) -> None:
        self._peer = peer
        self.told: dict[EidPrefix, PathAttributes] = {}

    def update(
        self, wanted: Iterable[tuple[EidPrefix, PathAttributes | None]], *, repeat: bool = False
    ) -> list[Withdraw | Announce]:
        """Bring the mirror to what is wanted; None withdraws.

        repeat: say again what the mirror holds already; the speaker drops what
        the neighbour has in fact been told.
        Returns withdrawals first, then announcements grouped by attributes.
        """
        gone: dict[int, list[EidPrefix]] = {}
        new: dict[tuple[int, PathAttributes], list[EidPrefix]] = {}
        for prefix, attributes in wanted:
            held = self.told.get(prefix)
            if attributes is None:
                if held is not None:
                    del self.told[prefix]
                    gone.setdefault(prefix.family, []).append(prefix)
            elif repeat or attributes != held:
                self.told[prefix] = attributes
                new.setdefault((prefix.family, attributes), []).append(prefix)
        return [
            *(Withdraw(self._peer, tuple(prefixes)) for prefixes in gone.values()),
            *(Announce(self._peer, tuple(ps), attributes) for (_, attributes), ps in new.items()),
        ]

    def forget(self, prefixes: Iterable[EidPrefix] | None = None) -> None:
        """The speaker lost these (or everything): they are told again when they are wanted."""
        if prefixes is None:
            self.told.clear()
        else:
            for prefix in prefixes:
                self.told.pop(prefix, None)
