"""``mapsys explain``: why an EID is answered as it is, or why a site was refused last."""

from __future__ import annotations

from pathlib import Path

import click

from mapsys.cli.api import Api, api, api_options, quoted
from mapsys.cli.exits import ExitCode, NotFound
from mapsys.cli.instance import instance_id_option
from mapsys.cli.locators import locators, mover
from mapsys.cli.output import Column, Item, field, output_option, print_item, printable
from mapsys.cli.watch import watch_option


def _answer(item: Item) -> list[str]:
    return [
        f"{record['eid_prefix']} {record['action'] or ' and '.join(locators(record))}"
        for record in item["answer"]
    ]


ROWS = (
    Column("EID", field("eid")),
    Column("instance-ID", field("instance_id")),
    Column("outcome", field("outcome")),
    Column("site", field("site")),
    Column("rule", field("rule")),
    Column("Map-Reply", _answer),
    Column("passed on to", field("etr")),
)


def _reasons(item: Item) -> list[str]:
    return [f"{reason['topic']}: {reason['text']}" for reason in item["reasons"]]


def _moves(item: Item) -> list[str]:
    return [
        f"{move['at']} {move['eid_prefix']} from"
        f" {' and '.join(mover(one) for one in move['previous'])} to {mover(move['to'])}"
        f"{', who does not merge' if move['merge_conflict'] else ''}"
        for move in item["moves"]
    ]


def _alt_routes(item: Item) -> list[str]:
    return [
        f"{route['eid_prefix']} {'by ' + route['peer'] if route['peer'] else 'of this node'},"
        f" {route['role']}, next hop {route['next_hop']}"
        f"{', in use' if route['in_use'] else ''}{', backup' if route['is_backup'] else ''}"
        for route in item["alt_routes"]
    ]


LISTS = (
    Column("because", _reasons),
    Column("moves", _moves),
    Column("ALT routes", _alt_routes),
)
"""Below the table line by line; in CSV one cell each."""


def _refused_eid(item: Item) -> str | None:
    if item["eid_prefix"] is None:
        return None
    iid = f"[{item['instance_id']}]" if item["instance_id"] else ""
    return f"{iid}{item['eid_prefix']}"


REFUSAL_ROWS = (
    Column("site", field("site")),
    Column("at", field("at")),
    Column("from", field("source")),
    Column("EID-Prefix", _refused_eid),
    Column("reason", field("reason")),
    Column("detail", field("detail")),
    Column("what to do", field("what_to_do")),
)


@click.command()
@click.argument("eid", required=False)
@instance_id_option
@click.option(
    "--last-refused",
    metavar="SITE",
    help="Say instead why a Map-Register of this site was refused or dropped last.",
)
@api_options
@output_option
@watch_option
def explain(
    *,
    eid: str | None,
    instance_id: int,
    last_refused: str | None,
    state: Path | None,
    url: str | None,
    output: str,
) -> None:
    """Explain the answer to EID: site, rule, registrations, keys, limits, and what moved.

    Exit code 3 when nothing is registered for EID, or nothing of SITE was refused.
    """
    if (eid is None) is (last_refused is None):
        raise click.UsageError("give an EID, or --last-refused SITE")
    daemon = api(state, url)
    if last_refused is not None:
        _explain_refusal(daemon, last_refused, output)
        return
    query = {"instance-id": str(instance_id)}
    answer = daemon.get(f"/api/v1/explain/{quoted(eid or '')}", query)
    if output == "table":
        print_item(output, ROWS, answer)
        for heading, lines in LISTS:
            _print_list(heading, lines(answer))
    else:
        print_item(output, (*ROWS, *LISTS), answer)
    if not answer["registrations"]:
        raise SystemExit(ExitCode.NOT_FOUND)


def _print_list(heading: str, lines: object) -> None:
    assert isinstance(lines, list)
    if lines:
        click.echo(heading)
    for line in lines:
        click.echo(f"  {printable(line)}")


def _explain_refusal(daemon: Api, site: str, output: str) -> None:
    last = daemon.get(f"/api/v1/sites/{quoted(site)}")["last_refusal"]
    if last is None:
        raise NotFound(f"nothing of {site} was refused since the daemon started")
    print_item(output, REFUSAL_ROWS, {"site": site, **last})
