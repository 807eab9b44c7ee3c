"""The report of a laboratory run: a drawing, and each scenario with its figures and verdict."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final

from mapsys.lab.scenario import Outcome

DRAWING: Final = "network.svg"
MARKDOWN: Final = "report.md"
HTML: Final = "report.html"

_STYLE: Final = (
    "body{font-family:sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;line-height:1.4}"
    "table{border-collapse:collapse}td{border:1px solid #ccc;padding:.3rem .6rem}"
    ".ok{color:#3a7d44}.failed{color:#c1292e}"
)


def write_report(folder: Path, picture: str, outcomes: Sequence[Outcome]) -> None:
    """Write the drawing, the Markdown and the HTML page into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DRAWING).write_text(picture + "\n", encoding="utf-8")
    (folder / MARKDOWN).write_text(markdown(outcomes), encoding="utf-8")
    (folder / HTML).write_text(html(picture, outcomes), encoding="utf-8")


def summary(outcomes: Sequence[Outcome]) -> str:
    """One sentence."""
    passed = sum(outcome.passed for outcome in outcomes)
    return f"{passed} of {len(outcomes)} scenarios passed"


def markdown(outcomes: Sequence[Outcome]) -> str:
    """The report in Markdown; the drawing is a file beside it."""
    parts = [f"# The pilot network\n\n{summary(outcomes)}.\n\n![The network]({DRAWING})\n"]
    for outcome in outcomes:
        verdict = "passed" if outcome.passed else f"**failed**: {outcome.problem}"
        parts.append(
            f"\n## {outcome.scenario.title}\n\n{outcome.scenario.story}\n\n"
            f"`{outcome.scenario.name}` {verdict}, in {outcome.seconds:.1f} s.\n"
        )
        if outcome.measured:
            rows = "".join(f"| {_cell(k)} | {_cell(v)} |\n" for k, v in outcome.measured.items())
            parts.append(f"\n| what | measured |\n|---|---|\n{rows}")
    return "".join(parts)


def html(picture: str, outcomes: Sequence[Outcome]) -> str:
    """The same as one page that needs no other file."""
    parts = [
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">',
        "<title>The pilot network</title>",
        f"<style>{_STYLE}</style>",
        f"<h1>The pilot network</h1>\n<p>{summary(outcomes)}.</p>",
        picture,
    ]
    for outcome in outcomes:
        kind, verdict = ("ok", "passed") if outcome.passed else ("failed", "failed")
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>"
            for name, value in outcome.measured.items()
        )
        parts += [
            f"<h2>{escape(outcome.scenario.title)}</h2>",
            f"<p>{escape(outcome.scenario.story)}</p>",
            f'<p><code>{escape(outcome.scenario.name)}</code> <b class="{kind}">{verdict}</b>'
            f" {escape(outcome.problem)} in {outcome.seconds:.1f} s</p>",
            f"<table>{rows}</table>" if rows else "",
        ]
    return "\n".join(parts) + "\n</html>\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
