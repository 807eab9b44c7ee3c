"""``mapsys events``: what takes place, as it does; ``mapsys changes``: what it came to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from mapsys.cli.api import Api, api, api_options
from mapsys.cli.output import Column, Item, field, output_option, print_item, print_items

LAST_DEFAULT: Final = 50

CHANGES: Final = "/api/v1/changes"


def _eid(item: Item) -> str | None:
    if item["eid_prefix"] is None:
        return None
    within = f"[{item['instance_id']}]" if item["instance_id"] else ""
    return f"{within}{item['eid_prefix']}"


COLUMNS: Final = (
    Column("at", field("at")),
    Column("event", field("kind")),
    Column("site", field("site")),
    Column("EID-Prefix", _eid),
    Column("from", field("source")),
    Column("detail", field("detail")),
)

CHANGE_ROWS: Final = (
    Column("session", field("session")),
    Column("serial", field("serial")),
    Column("begin again", field("reset")),
    Column("more", field("more")),
    Column("announced", lambda item: [_of_site(one) for one in item["announced"]]),
    Column("withdrawn", lambda item: [_of_site(one) for one in item["withdrawn"]]),
)


def _of_site(item: Item) -> str:
    return f"{_eid(item)} ({item['site']})"


@click.command()
@click.option(
    "--last",
    type=click.IntRange(0, 10_000),
    metavar="N",
    help=f"Begin with the last N events, as far as they are kept.  [default: {LAST_DEFAULT};"
    " 0 with --follow]",
)
@click.option("-f", "--follow", is_flag=True, help="Go on with what takes place, until Ctrl-C.")
@click.option("--site", metavar="NAME", help="Of this site only.")
@api_options
@output_option
def events(
    *,
    last: int | None,
    follow: bool,
    site: str | None,
    state: Path | None,
    url: str | None,
    output: str,
) -> None:
    """Show what took place last; with --follow, what takes place."""
    daemon = api(state, url)
    now = daemon.get(CHANGES)
    count = last if last is not None else 0 if follow else LAST_DEFAULT
    begin = f"{now['session']}-{max(0, now['serial'] - count)}"
    query = {} if site is None else {"site": site}
    told = _events(daemon, begin, query, None if follow else now["serial"])
    if not follow:
        print_items(output, COLUMNS, told)
        return
    try:
        if output in ("ndjson", "csv"):
            print_items(output, COLUMNS, told)
            return
        for item in told:  # a table or a document would never end
            print_items(output, COLUMNS, [item])
    except KeyboardInterrupt:
        return


def _events(
    daemon: Api, begin: str, query: dict[str, str], until: int | None
) -> Iterator[dict[str, Any]]:
    """Events from a position on; up to a serial, or for ever."""
    if until is not None and begin.endswith(f"-{until}"):
        return
    for name, item in daemon.events("/api/v1/events", query, begin):
        if name == "reset":
            click.echo("some events are not kept any more", err=True)
        elif name:
            yield item
        if until is not None and (name == "reset" or not name or item["serial"] >= until):
            return


@click.command()
@click.option("--session", metavar="TEXT", help="The session of an earlier answer.")
@click.option(
    "--serial", type=click.IntRange(0), default=0, metavar="N", help="The serial of that answer."
)
@api_options
@output_option
def changes(
    *, session: str | None, serial: int, state: Path | None, url: str | None, output: str
) -> None:
    """Show what is registered now of that which changed after a position.

    Without --session only the present position is shown, to ask from later.
    """
    query = {} if session is None else {"session": session, "serial": str(serial)}
    print_item(output, CHANGE_ROWS, api(state, url).get(CHANGES, query))
