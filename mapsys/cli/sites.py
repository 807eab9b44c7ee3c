"""``mapsys sites``: what is configured, what is registered, and why something was refused."""

from __future__ import annotations

from pathlib import Path

import click

from mapsys.cli.api import api, api_options, quoted
from mapsys.cli.output import Column, Item, field, output_option, print_item, print_items
from mapsys.cli.sites_orders import add, import_sites, remove, set_site, show
from mapsys.cli.watch import watch_option

LIST = "list"


def _eid(item: Item) -> str:
    prefix = item["eid_prefix"]
    return f"[{item['instance_id']}]{prefix}" if item["instance_id"] else str(prefix)


def _eids(item: Item) -> list[str]:
    return [
        f"{_eid(one)} ({one['registered']}{'' if one['counted_in_full'] else '+'} registered"
        f"{', more-specifics' if one['accept_more_specifics'] else ''})"
        for one in item["eids"]
    ]


def _refusal(item: Item) -> str | None:
    last = item["last_refusal"]
    if last is None:
        return None
    about = f" {_eid(last)}" if last["eid_prefix"] is not None else ""
    return f"{last['at']} from {last['source']}:{about} {last['reason']}: {last['detail']}"


COLUMNS = (
    Column("site", field("name")),
    Column("state", field("state")),
    Column("origin", field("origin")),
    Column("EID-Prefixes", _eids),
    Column("last accepted", field("last_accepted_at")),
    Column("accepted", field("accepted")),
    Column("refused", field("refused")),
    Column("last refusal", _refusal),
)

ROWS = (*COLUMNS[:4], Column("key-ids", field("key_ids")), *COLUMNS[4:])


class _ListOrOrder(click.Group):
    """A word that is no order is a site's name."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not {*self.commands, "--help", "-h"} & set(args[:1]):
            args = [LIST, *args]
        return super().parse_args(ctx, args)


@click.group(cls=_ListOrOrder)
def sites() -> None:
    """Show the configured sites, or change those of the database.

    Without an order: all sites; with a name alone: that one.
    """


for _order in (add, set_site, remove, show, import_sites):
    sites.add_command(_order)


@sites.command(LIST)
@click.argument("name", required=False)
@api_options
@output_option
@watch_option
def list_sites(*, name: str | None, state: Path | None, url: str | None, output: str) -> None:
    """Show all sites, or one of them."""
    daemon = api(state, url)
    if name is None:
        print_items(output, COLUMNS, daemon.items("/api/v1/sites", {}))
    else:
        print_item(output, ROWS, daemon.get(f"/api/v1/sites/{quoted(name)}"))
