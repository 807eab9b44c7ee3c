"""``mapsys pitr-prefixes``: what a PITR should announce, one prefix a line."""

from __future__ import annotations

from pathlib import Path

import click

from mapsys.cli.api import api, api_options
from mapsys.query_feeds_rows import PREFIX_SOURCES


@click.command("pitr-prefixes")
@click.option(
    "--of",
    type=click.Choice(PREFIX_SOURCES),
    default="configured",
    show_default=True,
    help="Prefixes that sites may register, or those that are registered now.",
)
@api_options
def pitr_prefixes(*, of: str, state: Path | None, url: str | None) -> None:
    """Print the fewest prefixes that hold the EIDs of instance-ID 0, one a line."""
    for prefix in api(state, url).get("/api/v1/pitr-prefixes", {"of": of})["prefixes"]:
        click.echo(prefix)
