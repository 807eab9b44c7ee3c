"""The fewest prefixes that hold given ones and nothing else, and what changed between two sets."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable
from typing import Final, NamedTuple

from mapsys.eid import EidPrefix

SETS_REMEMBERED: Final = 16
"""Of each source: whoever asks for changes since an older one begins again."""


def fewest(prefixes: Iterable[EidPrefix]) -> list[EidPrefix]:
    """Sorted, without those inside others, halves of one prefix put together."""
    kept: list[EidPrefix] = []
    for prefix in sorted(prefixes):
        if kept and kept[-1].covers(prefix):
            continue
        kept.append(prefix)
        while len(kept) > 1 and (whole := _whole(kept[-2], kept[-1])) is not None:
            kept[-2:] = [whole]
    return kept


def _whole(one: EidPrefix, other: EidPrefix) -> EidPrefix | None:
    """The prefix that two make up, where they are its halves."""
    if one.length != other.length or one.length == 0 or one == other:
        return None
    around = one.truncated(one.length - 1)
    return around if around.covers(other) else None


class Difference(NamedTuple):
    """What to announce and withdraw to get from an earlier set to the present one."""

    announce: list[EidPrefix]
    withdraw: list[EidPrefix]


class PitrFeed:
    """The last few sets that were told, by their tags."""

    def __init__(self) -> None:
        self._told: deque[tuple[str, frozenset[EidPrefix]]] = deque(maxlen=SETS_REMEMBERED)

    def take(self, prefixes: Iterable[EidPrefix]) -> str:
        """Remember a set; returns its tag, which is the same for the same prefixes."""
        held = frozenset(prefixes)
        octets = b"".join(prefix.pack() for prefix in sorted(held))
        tag = hashlib.blake2b(octets, digest_size=12).hexdigest()
        if all(tag != known for known, _ in self._told):
            self._told.append((tag, held))
        return tag

    def since(self, tag: str, prefixes: Iterable[EidPrefix]) -> Difference | None:
        """From an earlier set to these; None where it is not remembered."""
        for known, before in self._told:
            if known == tag:
                now = frozenset(prefixes)
                return Difference(sorted(now - before), sorted(before - now))
        return None
