"""``mapsys review``: what the review finds in a running node."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from mapsys.cli.api import api, api_options
from mapsys.cli.output import Column, Item, field, output_option, print_items
from mapsys.cli.watch import watch_option


def place(item: Item) -> str:
    """Where a finding is."""
    if item["file"] is None:
        return "this host"
    where = ":".join(str(item[key]) for key in ("file", "line", "column") if item[key])
    return f"{where} {item['path']}".rstrip()


COLUMNS: Final = (
    Column("severity", field("severity")),
    Column("where", place),
    Column("check", field("check")),
    Column("what", field("message")),
    Column("what to do", field("what_to_do")),
)


@click.command()
@api_options
@output_option
@watch_option
def review(*, state: Path | None, url: str | None, output: str) -> None:
    """Show what may not be wise in the configuration in effect and in its host."""
    print_items(output, COLUMNS, api(state, url).items("/api/v1/review", {}))
