"""``mapsys reload``: the configuration is read again, for good or on trial."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from mapsys.cli.api import api, api_options
from mapsys.cli.output import Column, Item, field, output_option, print_item

RELOAD_SECONDS: Final = 125.0
"""A little more than the HTTP process waits."""

PATH: Final = "/api/v1/reload"


def _changes(item: Item) -> str:
    lines = [str(line) for line in item["changes"]]
    more = item["changes_in_all"] - len(lines)
    return "; ".join([*lines, *([f"and {more} more"] if more else [])]) or "nothing changes"


ROWS: Final = (
    Column("outcome", field("outcome")),
    Column("changes", _changes),
    Column("registrations dropped", field("dropped")),
    Column("rolls back in (s)", field("rolls_back_in_seconds")),
)


@click.command()
@click.argument("decision", type=click.Choice(["confirm", "undo"]), required=False)
@click.option(
    "--confirm-within",
    type=click.IntRange(1, 86_400),
    metavar="SECONDS",
    help="Take it back after this, unless 'mapsys reload confirm' comes.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@api_options
@output_option
def reload(
    *,
    decision: str | None,
    confirm_within: int | None,
    dry_run: bool,
    state: Path | None,
    url: str | None,
    output: str,
) -> None:
    """Have the daemon read its configuration again, or decide about one on trial.

    Exit code 6 where it has faults, which are printed, 1 where it cannot be taken
    over; nothing is changed then.
    """
    if decision is not None and (confirm_within is not None or dry_run):
        raise click.UsageError(f"{decision} takes neither --confirm-within nor --dry-run")
    daemon = api(state, url)
    if decision is not None:
        done = daemon.post(f"{PATH}/{decision}", {}, RELOAD_SECONDS)
    else:
        body = {"confirm_within_seconds": confirm_within, "dry_run": dry_run}
        done = daemon.post(PATH, body, RELOAD_SECONDS)
    print_item(output, ROWS, done)
