"""What monitoring asks over the local query socket: measures, states of sites, the poller's task.

Part of ``query_rows``, in a file of its own.
"""

from __future__ import annotations

from typing import Final

import msgspec

SITE_STATES_LIMIT: Final = 5_000
"""States in one page; they are small."""


class MeasuresQuestion(msgspec.Struct, frozen=True, tag="measures"):
    """What is measured, and what do the gauges show?"""


class SiteStatesQuestion(msgspec.Struct, frozen=True, tag="site-states"):
    """The state of each site whose name sorts after ``after``."""

    after: str = ""


class PollerQuestion(msgspec.Struct, frozen=True, tag="poller"):
    """What is the poller to do? Declined with "no-poller" where there is none."""


class HistogramRow(msgspec.Struct, frozen=True):
    """As ``histogram.Histogram``: counts has one more than bounds."""

    bounds: list[float]
    counts: list[int]
    total_seconds: float


class SampleRow(msgspec.Struct, frozen=True):
    """One value of a gauge; labels: label values in the order of the family's labels."""

    labels: list[str]
    value: float


class MeasuresRow(msgspec.Struct, frozen=True, tag="measures"):
    """By the names of metric families without their prefix.

    reloads: configurations taken over since the start.
    per_site: whether ``/metrics`` has families with a sample for each site.
    polled: whether the poller is on.
    """

    histograms: dict[str, HistogramRow]
    gauges: dict[str, list[SampleRow]]
    reloads: int
    per_site: bool
    polled: bool


class SiteStateRow(msgspec.Struct, frozen=True):
    """state: "registered", "partial" or "unregistered". last_accepted_at: since the start."""

    name: str
    state: str
    last_accepted_at: float | None


class SiteStatesPage(msgspec.Struct, frozen=True, tag="site-states"):
    """In name order; ``next`` is the ``after`` of the following page."""

    rows: list[SiteStateRow]
    next: str | None


class PollerRow(msgspec.Struct, frozen=True, tag="poller"):
    """The poller's settings.

    map_resolvers: hosts with ports, at least one. eids: packed EID-Prefixes; None is
    those of all sites. petr: addresses that this node names in place of
    natively-forward answers.
    """

    map_resolvers: list[tuple[str, int]]
    eids: list[bytes] | None
    interval_seconds: int
    timeout_seconds: int
    slow_milliseconds: int
    keep_dumps: int
    petr: list[str]
