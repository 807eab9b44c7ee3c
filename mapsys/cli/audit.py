"""``mapsys audit``: who changed what."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import click

from mapsys.cli.api import api, api_options
from mapsys.cli.output import Column, Item, field, output_option, print_items
from mapsys.cli.watch import watch_option


def _about(item: Item) -> list[str]:
    return [f"{name} {member}" for name, member in item["about"].items()]


COLUMNS = (
    Column("at", field("at")),
    Column("what", field("what")),
    Column("who", field("who")),
    Column("from", lambda item: item["from"] or item["how"]),
    Column("result", field("result")),
    Column("about", _about),
    Column("request", field("request_id")),
)


@click.command()
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Show no more than so many.",
)
@api_options
@output_option
@watch_option
def audit(*, limit: int, state: Path | None, url: str | None, output: str) -> None:
    """Show who changed what: sites, keys, nonces, the ALT, reloads; the newest first."""
    items = api(state, url).items("/api/v1/audit", {})
    print_items(output, COLUMNS, islice(items, limit))
