"""One measured row, and how all of them are shown and kept."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

HEADINGS: Final = (
    "what",
    "n",
    "traffic",
    "engine",
    "echo kpps",
    "server kpps",
    "ratio (low to high)",
    "CPU ratio",
    "wanted",
    "met",
)
_BEGIN, _END = "<!-- table: begin -->", "<!-- table: end -->"


@dataclass(frozen=True, slots=True)
class Result:
    """Medians of one row's rounds.

    value, low, high: the ratio of what was answered a second, server to echo; with a
    unit it is another figure, of which less is better. cpu_ratio: of the processor time
    for each message, echo to server. unanswered: messages of all rounds.
    """

    name: str
    what: str
    count: int
    traffic: str
    engine: str
    value: float
    low: float
    high: float
    unit: str = ""
    wanted: float | None = None
    echo_per_second: float | None = None
    server_per_second: float | None = None
    cpu_ratio: float | None = None
    unanswered: int = 0

    @property
    def met(self) -> bool | None:
        """Whether it is as wanted; None where nothing is."""
        if self.wanted is None:
            return None
        return self.value <= self.wanted if self.unit else self.value >= self.wanted

    def cells(self) -> tuple[str, ...]:
        """As the table has them."""
        unit = f" {self.unit}" if self.unit else ""
        value = f"**{_figure(self.value)}{unit}**"
        if self.low != self.high:
            value += f" ({_figure(self.low)} to {_figure(self.high)})"
        if self.unanswered:
            value += f", {self.unanswered} unanswered"
        return (
            self.what,
            f"{self.count:,}",
            self.traffic,
            self.engine,
            _thousands(self.echo_per_second),
            _thousands(self.server_per_second),
            value,
            "" if self.cpu_ratio is None else f"{self.cpu_ratio:.2f}",
            "" if self.wanted is None else f"{self.wanted:g}{unit}",
            {None: "", True: "yes", False: "no"}[self.met],
        )


def _figure(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def _thousands(value: float | None) -> str:
    return "" if value is None else f"{value / 1e3:,.1f}"


def table(results: Iterable[Result], about: str) -> str:
    """In Markdown, with a sentence before it."""
    lines = [about, "", f"| {' | '.join(HEADINGS)} |", "|" + "---|" * len(HEADINGS)]
    lines += [f"| {' | '.join(result.cells())} |" for result in results]
    return "\n".join(lines)


def as_json(results: Iterable[Result], about: str) -> str:
    """The same for programs, by :func:`kept` to be read again."""
    rows = [{**asdict(result), "met": result.met} for result in results]
    return json.dumps({"about": about, "rows": rows}, indent=2)


def kept(path: Path) -> dict[str, Result]:
    """The rows of an earlier run by name; none where there is no file."""
    if not path.exists():
        return {}
    found: dict[str, Result] = {}
    for row in json.loads(path.read_text(encoding="utf-8"))["rows"]:
        row.pop("met")
        found[row["name"]] = Result(**row)
    return found


def write_into(page: Path, text: str) -> None:
    """Put the table between the marks of a page. Raises SystemExit where there are none."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise SystemExit(f"{page} has no lines {_BEGIN} and {_END}; the table goes between them")
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")
