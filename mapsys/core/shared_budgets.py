"""The tables of the budgets as they lie in memory, for a datapath that asks them itself.

Whoever reads and writes them does what ``core.limiter`` and ``core.amplification``
do with them, bit for bit; the two are tried against each other. Arrays are never
replaced nor made longer.
"""

from __future__ import annotations

from array import array
from typing import NamedTuple


class Host(NamedTuple):
    """An address as the budgets know it: fingerprints of it and of its network."""

    host: int
    network: int
    trusted: bool


class SharedBuckets(NamedTuple):
    """A ``limiter.TokenBuckets``: by slot, whose it is and when it is full again.

    refused: one number. per_second, burst: tokens; infinite where there is no limit.
    slack: tokens.
    """

    owners: array[int]
    full_at: array[float]
    refused: array[int]
    per_second: float
    burst: float
    slack: float


class SharedProven(NamedTuple):
    """An ``amplification.Proven``. seconds: how long a Map-Register vouches."""

    owners: array[int]
    until: array[float]
    seconds: float


class SharedUnproven(NamedTuple):
    """An ``amplification.Unproven``: by slot, and its constants."""

    owners: array[int]
    last: array[float]
    saved: array[float]
    first_used: array[float]
    refused: array[int]
    factor: int
    first_burst_octets: int
    saved_octets: int
    forget_seconds: float


class SharedBudgets(NamedTuple):
    """All tables of a ``limiter.Budgets``; None for one without a limit.

    hash_key: of the fingerprints. sites: there for sites with rates of their own, too.
    """

    hash_key: bytes
    requests_per_source: SharedBuckets | None
    requests_per_network: SharedBuckets | None
    replies_per_destination: SharedBuckets | None
    replies_per_network: SharedBuckets | None
    replies_per_prefix: SharedBuckets | None
    first_bursts: SharedBuckets | None
    sites: SharedBuckets
    proven: SharedProven
    unproven: SharedUnproven | None


class AnswerBudgets(NamedTuple):
    """What an answer to a Map-Request asks of which tables.

    asker: who sends it. answered: where a Map-Reply goes. passed_on: where this very
    answer goes.
    """

    tables: SharedBudgets
    asker: Host
    answered: Host
    passed_on: Host
