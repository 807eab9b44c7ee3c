"""``mapsys alt``: the lists that there are of an ALT, and the way of an EID."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import click

from mapsys.cli.alt_orders import operation, rehome, switch_provider
from mapsys.cli.api import api, api_options, quoted
from mapsys.cli.exits import ExitCode
from mapsys.cli.output import Column, Command, Item, field, output_option, print_item, print_items
from mapsys.cli.watch import watch_option

INSTANCE: Final = Column("instance-ID", field("instance_id"))
PREFIX: Final = Column("EID-Prefix", field("eid_prefix"))


def _or_own(item: Item) -> str:
    return "this node" if item["peer"] is None else str(item["peer"])


def _counts(item: Item) -> list[str]:
    return [f"{reason} {count}" for reason, count in sorted(item["dropped"].items())]


def _withheld(item: Item) -> list[str]:
    return [f"{one['peer']} ({one['reason']})" for one in item["withheld"]]


def _rtt(item: Item) -> str | None:
    seconds = item["rtt_seconds"]
    return None if seconds is None else f"{1000 * seconds:.1f}"


def _node(item: Item) -> str:
    if item["does"] is None:
        return "(no answer)"
    return str(item["node"] or "(unknown)")


COLUMNS: Final[dict[str, tuple[Column, ...]]] = {
    "peers": (
        INSTANCE,
        Column("peer", field("name")),
        Column("role", field("role")),
        Column("address", field("address")),
        Column("AS", field("peer_as")),
        Column("state", field("state")),
        Column("since", field("since")),
        Column("complete", field("complete")),
        Column("accepted", field("accepted")),
        Column("refused", field("refused")),
        Column("told", field("told")),
        Column("UPDATEs", field("updates")),
        Column("losses", field("losses")),
        Column("why", field("why")),
    ),
    "routes": (
        INSTANCE,
        PREFIX,
        Column("from", _or_own),
        Column("role", field("role")),
        Column("in use", field("in_use")),
        Column("AS path", lambda item: " ".join(map(str, item["as_path"])) or None),
        Column("next hop", lambda item: item["next_hop"] or None),
        Column("told", field("told")),
        Column("not told", _withheld),
    ),
    "aggregates": (
        INSTANCE,
        Column("block", field("eid_prefix")),
        Column("kind", field("kind")),
        Column("announced", field("announced")),
        Column("components", lambda item: f"{item['components']} of {item['delegated']}"),
        Column("stands for", field("suppressed")),
    ),
    "delegations": (
        INSTANCE,
        Column("block", field("eid_prefix")),
        Column("level", field("level")),
        Column("holder", field("holder")),
        Column("providers", field("providers")),
        Column("state", field("state")),
        Column("exception", field("is_exception")),
        Column("exceptions", field("exceptions")),
        Column("from day", field("valid_from")),
        Column("to day", field("valid_until")),
        Column("lineage", field("lineage")),
    ),
    "rejected": (
        INSTANCE,
        PREFIX,
        Column("from", _or_own),
        Column("reason", field("reason")),
        Column("delegation", field("delegation")),
        Column("AS path", lambda item: " ".join(map(str, item["as_path"])) or None),
        Column("why", field("why")),
    ),
    "tunnels": (
        INSTANCE,
        Column("tunnel", lambda item: item["name"] or "(none)"),
        Column("backend", field("backend")),
        Column("remote", field("remote")),
        Column("key", field("key")),
        Column("inner", field("inner")),
        Column("MTU", field("mtu")),
        Column("packets in", field("packets_in")),
        Column("octets in", field("octets_in")),
        Column("packets out", field("packets_out")),
        Column("octets out", field("octets_out")),
        Column("dropped", _counts),
    ),
}
"""Of each list."""

HOP_COLUMNS: Final = (
    Column("hop", field("hops")),
    Column("node", _node),
    Column("EID-Prefix", field("eid_prefix")),
    Column("then", field("does")),
    Column("answer from", field("address")),
    Column("ms", _rtt),
)

SUMMARIES: Final = {
    "peers": "Show the neighbours and their BGP sessions.",
    "routes": "Show accepted routes, whom they are told, and who is not told and why.",
    "aggregates": "Show the blocks that this node announces.",
    "delegations": "Show the delegations and how they stand.",
    "rejected": "Show the routes that policy refuses, and why.",
    "tunnels": "Show the tunnels with their counters.",
}


@click.group()
def alt() -> None:
    """Show the ALT, trace an EID over it, re-home its tunnels, switch a site's provider."""


def _instance_option(default: int | None) -> Callable[[Command], Command]:
    return click.option(
        "-i",
        "--instance-id",
        type=click.IntRange(0, 2**32 - 1),
        default=default,
        show_default=default is not None,
        help="Of this instance-ID.",
    )


def _list_command(what: str) -> click.Command:
    @click.command(what, help=SUMMARIES[what])
    @_instance_option(None)
    @api_options
    @output_option
    @watch_option
    def show(*, instance_id: int | None, state: Path | None, url: str | None, output: str) -> None:
        query = {} if instance_id is None else {"instance-id": str(instance_id)}
        found = api(state, url).items(f"/api/v1/alt/{what}", query)
        print_items(output, COLUMNS[what], found)

    return show


for _command in (*map(_list_command, COLUMNS), rehome, switch_provider, operation):
    alt.add_command(_command)


@alt.command()
@click.argument("eid")
@_instance_option(0)
@api_options
@output_option
@watch_option
def trace(*, eid: str, instance_id: int, state: Path | None, url: str | None, output: str) -> None:
    """Show every node that a Map-Request for EID passes, and its matching EID-Prefix.

    Exit code 4 when the end of the way was not found.
    """
    query = {"instance-id": str(instance_id)}
    answer = api(state, url).get(f"/api/v1/alt/trace/{quoted(eid)}", query)
    if output in ("table", "csv"):
        print_items(output, HOP_COLUMNS, answer["hops"])
    else:
        print_item(output, (), answer)
    if not answer["complete"]:
        raise SystemExit(ExitCode.UNREACHABLE)
