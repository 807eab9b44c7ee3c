"""Rates with their bursts."""

from __future__ import annotations

import re
from typing import Final

from mapsys.config import model
from mapsys.config.scalars import ScalarKind
from mapsys.config.schema import Plain, Words

RATE_HIGHEST: Final = 1_000_000_000


class Rate(ScalarKind[model.RateLimit]):
    """A rate with its burst: ``2000/s burst 4000``; without one the burst is one second's worth."""

    expects = "a rate such as 2000/s or 2000/s burst 4000"

    def parse(self, text: str) -> model.RateLimit:
        match = re.fullmatch(r"([0-9]{1,10})/s(?: burst ([0-9]{1,10}))?", text)
        if match is None:
            raise ValueError(f"is not {self.expects}")
        rate = model.RateLimit(int(match[1]), int(match[2] or match[1]))
        if not 1 <= min(rate.per_second, rate.burst) <= max(rate.per_second, rate.burst):
            raise ValueError("has a zero in it; write off to have no limit")
        if max(rate.per_second, rate.burst) > RATE_HIGHEST:
            raise ValueError(f"is above {RATE_HIGHEST}; write off to have no limit")
        return rate

    def write(self, setting: model.RateLimit) -> Plain | None:
        return f"{setting.per_second}/s burst {setting.burst}"


RATE: Final = Words({"off": None}, Rate())
"""A rate, or none."""
