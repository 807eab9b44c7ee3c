"""``mapsys history``: what happened to an EID."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import click

from mapsys.cli.api import api, api_options, quoted
from mapsys.cli.exits import ExitCode
from mapsys.cli.instance import instance_id_option
from mapsys.cli.locators import mover
from mapsys.cli.output import Column, Item, field, output_option, print_items
from mapsys.cli.watch import watch_option

LIMIT_DEFAULT = 100


def _by(item: Item) -> str:
    return mover(item["by"])


def _previous(item: Item) -> list[str]:
    return [mover(one) for one in item["previous"]]


COLUMNS = (
    Column("at", field("at")),
    Column("what", field("what")),
    Column("EID-Prefix", field("eid_prefix")),
    Column("instance-ID", field("instance_id")),
    Column("site", field("site")),
    Column("by", _by),
    Column("key-id", field("key_id")),
    Column("from", _previous),
)


@click.command()
@click.argument("eid")
@instance_id_option
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=LIMIT_DEFAULT,
    show_default=True,
    help="Show so many entries at most.",
)
@api_options
@output_option
@watch_option
def history(
    *, eid: str, instance_id: int, limit: int, state: Path | None, url: str | None, output: str
) -> None:
    """Show what happened to EID and to EID-Prefixes around it, newest first.

    Exit code 3 when nothing is remembered.
    """
    query = {"instance-id": str(instance_id)}
    found = api(state, url).items(f"/api/v1/history/{quoted(eid)}", query)
    if not print_items(output, COLUMNS, islice(found, limit)):
        raise SystemExit(ExitCode.NOT_FOUND)
