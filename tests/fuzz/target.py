"""What a fuzz target is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple


class Target(NamedTuple):
    """Octets of a stranger, and what may come of them.

    run: takes any octets; raises (an AssertionError, or whatever escapes) where
    something is wrong, and returns for octets that are read or refused as they should.
    seeds: well-formed inputs to start from.
    octets_limit: longer inputs are not tried.
    """

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    octets_limit: int
