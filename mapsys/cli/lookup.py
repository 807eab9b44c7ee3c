"""``mapsys lookup``: what a Map-Request for an EID would meet at the daemon, and why."""

from __future__ import annotations

from pathlib import Path

import click

from mapsys.cli.api import api, api_options, quoted
from mapsys.cli.exits import ExitCode
from mapsys.cli.instance import instance_id_option
from mapsys.cli.locators import locators
from mapsys.cli.output import Column, Item, field, output_option, print_item
from mapsys.cli.watch import watch_option


def _record(item: Item) -> str | None:
    record = item["record"]
    if record is None:
        return None
    ttl = record["record_ttl_minutes"]
    what = record["action"] or ", ".join(locators(record))
    return f"{what}, record ttl {'unset' if ttl is None else f'{ttl} min'}"


def _registrants(item: Item) -> list[str]:
    return [
        f"{one['source']} until {one['expires_at']}" + " (former)" * ("former" in one["flags"])
        for one in item["registrations"]
    ]


ROWS = (
    Column("EID", field("eid")),
    Column("instance-ID", field("instance_id")),
    Column("outcome", field("outcome")),
    Column("EID-Prefix", field("eid_prefix")),
    Column("answer", _record),
    Column("site", field("site")),
    Column("registered by", _registrants),
    Column("why", field("why")),
)


@click.command()
@click.argument("eid")
@instance_id_option
@api_options
@output_option
@watch_option
def lookup(*, eid: str, instance_id: int, state: Path | None, url: str | None, output: str) -> None:
    """Show what a Map-Request for EID meets; exit code 3 when nothing is registered."""
    query = {"instance-id": str(instance_id)}
    answer = api(state, url).get(f"/api/v1/lookup/{quoted(eid)}", query)
    print_item(output, ROWS, answer)
    if not answer["registrations"]:
        raise SystemExit(ExitCode.NOT_FOUND)
