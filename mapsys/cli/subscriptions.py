"""``mapsys subscriptions``: which xTRs hear of which changes."""

from __future__ import annotations

from pathlib import Path

import click

from mapsys.cli.api import api, api_options
from mapsys.cli.output import Column, field, output_option, print_items
from mapsys.cli.watch import watch_option

COLUMNS = (
    Column("EID-Prefix", field("eid_prefix")),
    Column("instance-ID", field("instance_id")),
    Column("xTR-ID", field("xtr_id")),
    Column("state", field("state")),
    Column("ITR-RLOCs", field("itr_rlocs")),
    Column("key-id", field("key_id")),
    Column("ends", field("ends_at")),
)


@click.command()
@click.option("--prefix", help="Of this EID-Prefix only; [IID] may stand before it.")
@api_options
@output_option
@watch_option
def subscriptions(*, prefix: str | None, state: Path | None, url: str | None, output: str) -> None:
    """Show which xTRs hear of changes of which EID-Prefixes."""
    query = {} if prefix is None else {"prefix": prefix}
    print_items(output, COLUMNS, api(state, url).items("/api/v1/subscriptions", query))
