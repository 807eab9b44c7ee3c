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
@click.option(
    "--since",
    metavar="TAG",
    help="Print what changed since an earlier answer, with the tag to ask with next; 0 begins.",
)
@api_options
def pitr_prefixes(*, of: str, since: str | None, state: Path | None, url: str | None) -> None:
    """Print the fewest prefixes that hold the EIDs of instance-ID 0, one a line."""
    query = {"of": of} if since is None else {"of": of, "since": since}
    answer = api(state, url).get("/api/v1/pitr-prefixes", query)
    if since is None:
        for prefix in answer["prefixes"]:
            click.echo(prefix)
        return
    click.echo(f"tag {answer['tag']}")
    if answer["reset"]:
        click.echo("reset")
    for what, prefixes in (
        ("withdraw", answer["withdraw"]),
        ("announce", [*answer["prefixes"], *answer["announce"]]),
    ):
        for prefix in prefixes:
            click.echo(f"{what} {prefix}")
