"""``mapsys registrations``: who registered what, filtered."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import click

from mapsys.cli.api import api, api_options
from mapsys.cli.exits import ExitCode
from mapsys.cli.locators import locators
from mapsys.cli.output import Column, field, output_option, print_items
from mapsys.cli.watch import watch_option
from mapsys.query_registration_row import REGISTRATION_STATES
from mapsys.query_rows import MATCHES

LIMIT_DEFAULT = 1_000


COLUMNS = (
    Column("EID-Prefix", field("eid_prefix")),
    Column("instance-ID", field("instance_id")),
    Column("site", field("site")),
    Column("locators", locators),
    Column("TTL (min)", field("record_ttl_minutes")),
    Column("from", field("source")),
    Column("xTR-ID", field("xtr_id")),
    Column("key-id", field("key_id")),
    Column("state", field("state")),
    Column("flags", field("flags")),
    Column("last seen", field("last_seen")),
    Column("expires", field("expires_at")),
)


@click.command()
@click.option("--site", help="Of this site only.")
@click.option("-i", "--instance-id", type=click.IntRange(0, 2**32 - 1), help="In this instance-ID.")
@click.option("--prefix", help="Compared with this EID-Prefix, as --match says.")
@click.option(
    "--match",
    type=click.Choice(MATCHES),
    default="exact",
    show_default=True,
    help="How --prefix compares.",
)
@click.option(
    "--registration-state",
    type=click.Choice(REGISTRATION_STATES),
    help="That stand so: refreshed in time, late, moved away from, or the operator's own.",
)
@click.option("--locator", metavar="ADDRESS", help="With this address among their locators.")
@click.option("--xtr-id", metavar="HEX", help="Of the xTR with this xTR-ID (32 digits).")
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=LIMIT_DEFAULT,
    show_default=True,
    help="Show so many at most.",
)
@click.option("--all", "everything", is_flag=True, help="Show all of them, whatever --limit says.")
@api_options
@output_option
@watch_option
def registrations(
    *,
    site: str | None,
    instance_id: int | None,
    prefix: str | None,
    match: str,
    registration_state: str | None,
    locator: str | None,
    xtr_id: str | None,
    limit: int,
    everything: bool,
    state: Path | None,
    url: str | None,
    output: str,
) -> None:
    """Show registrations; exit code 3 when a filter leaves none."""
    query: dict[str, str] = {}
    if site is not None:
        query["site"] = site
    if instance_id is not None:
        query["instance-id"] = str(instance_id)
    if prefix is not None:
        query |= {"prefix": prefix, "match": match}
    more = {"state": registration_state, "locator": locator, "xtr-id": xtr_id}
    query |= {name: value for name, value in more.items() if value is not None}
    found: Iterator[dict[str, Any]] = api(state, url).items("/api/v1/registrations", query)
    shown = print_items(output, COLUMNS, found if everything else islice(found, limit))
    if not shown and query:
        raise SystemExit(ExitCode.NOT_FOUND)
    if not everything and next(found, None) is not None:
        click.echo(f"there are more than {limit}; --all shows them", err=True)
