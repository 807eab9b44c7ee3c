"""``mapsys poller``: what is not answered as it should be, and what changed from day to day."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from mapsys.cli.api import Api, api, api_options, quoted
from mapsys.cli.output import Column, Item, field, output_option, print_item, print_items, printable
from mapsys.cli.watch import watch_option

PATH: Final = "/api/v1/poller"

_FLAGS: Final = ("silent", "wrong", "slow", "disagreeing", "any")


def _eid(item: Item) -> str:
    return f"[{item['instance_id']}]{item['eid']}" if item["instance_id"] else str(item["eid"])


def _answers(item: Item) -> list[str]:
    """What each Map-Resolver said, in which time."""
    return [f"{one['map_resolver']}: {one['answer']}{_time(one)}" for one in item["heard"]]


def _time(heard: Item) -> str:
    seconds = heard["rtt_seconds"]
    return "" if seconds is None else f" ({seconds * 1_000:.1f} ms)"


COLUMNS: Final = (
    Column("EID", _eid),
    Column("site", field("site")),
    Column("flags", field("flags")),
    Column("expected", field("expected")),
    Column("answers", _answers),
)

SUMMARY: Final = (
    Column("last cycle", field("finished_at")),
    Column("interval", lambda item: f"{item['interval_seconds']} s"),
    Column("Map-Resolvers", field("map_resolvers")),
    Column("problems", field("problems")),
    Column("EIDs", field("eids")),
    Column("flagged", lambda item: [f"{n} {flag}" for flag, n in item["flagged"].items()]),
)

LINES: Final = (Column("day", field("day")), Column("lines", field("lines")))


@click.command()
@click.argument("what", type=click.Choice(["status", "dump", "diff"]), default="status")
@click.option(
    "--flag", type=click.Choice(_FLAGS), default="any", help="With status: EIDs with this flag."
)
@click.option("--all", "every", is_flag=True, help="With status: EIDs without a flag too.")
@click.option(
    "--day",
    default="latest",
    show_default=True,
    metavar="YYYY-MM-DD",
    help="With dump and diff: the day, in UTC.",
)
@api_options
@output_option
@watch_option
def poller(
    *,
    what: str,
    flag: str,
    every: bool,
    day: str,
    state: Path | None,
    url: str | None,
    output: str,
) -> None:
    """Show what the poller found: flagged EIDs, a daily dump, or what it has different."""
    daemon = api(state, url)
    if what == "status":
        _status(daemon, {} if every else {"flag": flag}, output)
        return
    ending = "/diff" if what == "diff" else ""
    found = daemon.get(f"{PATH}/dumps/{quoted(day)}{ending}")
    if output != "table":
        print_item(output, LINES, found)
        return
    for line in found["lines"]:
        click.echo(printable(line))


def _status(daemon: Api, query: dict[str, str], output: str) -> None:
    """A summary above the table; in other forms the EIDs alone."""
    if output == "table":
        summary: dict[str, Any] = daemon.get(PATH, {"limit": "1"})
        print_item(output, SUMMARY, summary)
        click.echo()
    print_items(output, COLUMNS, daemon.items(PATH, query))
