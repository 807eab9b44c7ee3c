"""Families filled with samples, by their names in ``metrics_families``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)

from mapsys.http.metrics_families import FAMILIES, Kind
from mapsys.query_measures_rows import HistogramRow

Samples = Iterable[tuple[Sequence[str], float]]
"""Label values in the order of the family's labels, and the value."""


def info(name: str, *texts: str) -> Metric:
    """An info family, whose labels have these values."""
    family = FAMILIES[name]
    values = dict(zip(family.labels, texts, strict=True))
    return InfoMetricFamily(family.full_name, family.help, values)


def value(name: str, number: float) -> Metric:
    """A counter or gauge without labels."""
    return samples(name, [((), number)])


def samples(name: str, found: Samples) -> Metric:
    """A counter or gauge."""
    family = FAMILIES[name]
    make = CounterMetricFamily if family.kind is Kind.COUNTER else GaugeMetricFamily
    filled = make(family.full_name, family.help, labels=family.labels)
    for labels, number in found:
        filled.add_metric(labels, float(number))
    return filled


def histograms(name: str, rows: Iterable[tuple[Sequence[str], HistogramRow]]) -> Metric:
    """A histogram; rows: label values, and what was counted under them."""
    family = FAMILIES[name]
    filled = HistogramMetricFamily(family.full_name, family.help, labels=family.labels)
    for labels, row in rows:
        bounds = [*(repr(bound) for bound in row.bounds), "+Inf"]
        buckets = [*zip(bounds, accumulate(row.counts), strict=True)]
        filled.add_metric(labels, buckets, row.total_seconds)
    return filled
