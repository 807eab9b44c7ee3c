"""Answers to what monitoring asks, gathered a little at a time between batches of datagrams."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Final, Protocol

from mapsys.histogram import Histogram
from mapsys.query_ledger import SiteLedger
from mapsys.query_measures_rows import (
    SITE_STATES_LIMIT,
    HistogramRow,
    MeasuresRow,
    SampleRow,
    SiteStateRow,
    SiteStatesPage,
    SiteStatesQuestion,
)
from mapsys.site_states import SiteStates

SLICE_SECONDS: Final = 0.0005
"""Work done before the loop gets its turn; no datagram waits longer for a page."""


class Measured(Protocol):
    """The part of a ``query_pages.QuerySource`` that monitoring asks for."""

    @property
    def ledger(self) -> SiteLedger: ...
    @property
    def site_states(self) -> SiteStates: ...

    def clocks(self) -> tuple[float, float]: ...
    def measures(self) -> MeasuresRow: ...


async def measures(source: Measured) -> MeasuresRow:
    """What is measured, once the states of all sites are known."""
    await _settled(source.site_states)
    return source.measures()


async def site_states(question: SiteStatesQuestion, source: Measured) -> SiteStatesPage:
    """A page of sites with their states."""
    await _settled(source.site_states)
    now, unix_now = source.clocks()
    states = source.site_states.all()
    later = sorted(name for name in states if name > question.after)
    rows = []
    for name in later[:SITE_STATES_LIMIT]:
        accepted = source.ledger.of(name).last_accepted
        at = None if accepted is None else unix_now + accepted - now
        rows.append(SiteStateRow(name, states[name].value, at))
    return SiteStatesPage(rows, rows[-1].name if len(later) > SITE_STATES_LIMIT else None)


def histogram_row(histogram: Histogram) -> HistogramRow:
    """A histogram as it travels."""
    return HistogramRow([*histogram.bounds], [*histogram.counts], histogram.total_seconds)


def samples(values: Mapping[str, float]) -> list[SampleRow]:
    """A gauge with one label."""
    return [SampleRow([label], value) for label, value in values.items()]


async def _settled(states: SiteStates) -> None:
    since = time.perf_counter()
    for _ in range(states.stale):  # what comes meanwhile is for the next time
        states.look_at_one()
        if time.perf_counter() - since > SLICE_SECONDS:
            await asyncio.sleep(0)
            since = time.perf_counter()
