"""``mapsys stop``: the daemon ends, at once or after it has served on for a while."""

from __future__ import annotations

from pathlib import Path

import click

from mapsys.cli.api import api, api_options


@click.command()
@click.option(
    "--lameduck",
    type=click.IntRange(0, 3_600),
    metavar="SECONDS",
    help="Serve on for so long, not ready any more.  [default: as configured]",
)
@api_options
def stop(*, lameduck: int | None, state: Path | None, url: str | None) -> None:
    """Have the daemon end; a second time ends it at once."""
    done = api(state, url).post("/api/v1/stop", {"lameduck_seconds": lameduck})
    seconds = done["lameduck_seconds"]
    click.echo(f"it serves for {seconds} s more, then ends" if seconds else "it ends")
