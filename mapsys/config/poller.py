"""The sections for whoever watches the node: ``poller:`` and ``metrics:``."""

from __future__ import annotations

import re
from typing import Final

from mapsys.config import model
from mapsys.config.blocks import Block
from mapsys.config.node import LISP_CONTROL_PORT
from mapsys.config.scalars import Boolean, Duration, EndpointText, Integer, ScalarKind
from mapsys.config.schema import Field, ListOf, Plain, Record, Value, Words

SLOW_HIGHEST_MILLISECONDS: Final = 60_000


class Milliseconds(ScalarKind[int]):
    """A short time span, written with its unit: 200ms, 1s."""

    expects = "a time such as 200ms or 1s"

    def parse(self, text: str) -> int:
        match = re.fullmatch(r"([0-9]{1,6})(ms|s)", text)
        if match is None:
            raise ValueError(f"is not {self.expects}")
        milliseconds = int(match[1]) * (1 if match[2] == "ms" else 1_000)
        if not 1 <= milliseconds <= SLOW_HIGHEST_MILLISECONDS:
            raise ValueError(f"is outside 1ms to {self.write(SLOW_HIGHEST_MILLISECONDS)}")
        return milliseconds

    def write(self, setting: int) -> Plain | None:
        return f"{setting}ms" if setting % 1_000 else f"{setting // 1_000}s"


def _check(value: Value, poller: model.PollerConfig) -> None:
    for key, members in (("map-resolvers", poller.map_resolvers), ("eids", poller.eids)):
        for number, member in enumerate(members):
            if member in members[:number]:
                value.at(key, number).fault(
                    f"{member} stands in the list already; keep one of them"
                )
    if poller.slow_milliseconds >= poller.timeout_seconds * 1_000:
        value.at("slow").fault("an answer is not waited for that long; raise timeout or lower slow")


POLLER: Final = Record(
    model.PollerConfig,
    "the poller's settings",
    Field(
        "map-resolvers",
        ListOf(EndpointText(LISP_CONTROL_PORT), name="addresses", at_least=1),
        default=(),
    ),
    Field(
        "eids",
        Words(
            {"all-sites": ()},
            ListOf(Block(), name="prefixes, as in [{prefix: 198.18.1.0/24}]", at_least=1),
        ),
        default=(),
    ),
    Field(
        "interval",
        Duration(10, 86_400),
        default=model.POLL_INTERVAL_SECONDS,
        to="interval_seconds",
    ),
    Field("timeout", Duration(1, 60), default=model.POLL_TIMEOUT_SECONDS, to="timeout_seconds"),
    Field("slow", Milliseconds(), default=model.POLL_SLOW_MILLISECONDS, to="slow_milliseconds"),
    Field("keep-dumps", Integer(2, 3_650), default=model.POLL_KEEP_DUMPS),
    check=_check,
)

METRICS: Final = Record(
    model.MetricsConfig,
    "the settings of /metrics",
    Field("per-site", Boolean(), default=False),
)
