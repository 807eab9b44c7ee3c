"""``mapsys export``: registrations or sites as sorted text without times, made to be compared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click
import yaml

from mapsys.cli.api import Api, api, api_options
from mapsys.cli.locators import locators
from mapsys.cli.output import printable

WIDTH: Final = 10_000

_REGISTRATION: Final = (
    "instance_id",
    "eid_prefix",
    "site",
    "xtr_id",
    "key_id",
    "record_ttl_minutes",
    "action",
    "locators",
)
_SITE: Final = ("name", "eids", "key_ids")
"""What is not there changes by itself: times, counts, sources."""


@click.command()
@click.argument("what", type=click.Choice(["registrations", "sites"]))
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "yaml"]),
    default="text",
    show_default=True,
    help="A line for each, or YAML.",
)
@api_options
def export(*, what: str, output: str, state: Path | None, url: str | None) -> None:
    """Print registrations or sites, sorted, without anything that changes by itself.

    Two exports differ where what is registered or configured does.
    """
    daemon = api(state, url)
    items = sorted(
        _registrations(daemon) if what == "registrations" else _sites(daemon),
        key=lambda item: str(list(item.values())),
    )
    if output == "yaml":
        click.echo(yaml.safe_dump(items, sort_keys=False, width=WIDTH), nl=False)
        return
    for item in items:
        click.echo(_line(item))


def _registrations(daemon: Api) -> Iterator[dict[str, Any]]:
    for item in daemon.items("/api/v1/registrations", {}):
        yield {key: item[key] for key in _REGISTRATION}


def _sites(daemon: Api) -> Iterator[dict[str, Any]]:
    for item in daemon.items("/api/v1/sites", {}):
        kept = {key: item[key] for key in _SITE}
        kept["eids"] = [
            {key: one[key] for key in ("instance_id", "eid_prefix", "accept_more_specifics")}
            for one in item["eids"]
        ]
        yield kept


def _line(item: dict[str, Any]) -> str:
    if "locators" in item:
        return printable(
            f"[{item['instance_id']}]{item['eid_prefix']} site={item['site']}"
            f" xtr={item['xtr_id'] or '-'} key={item['key_id']}"
            f" ttl={item['record_ttl_minutes']} action={item['action'] or '-'}"
            f" locators={printable(locators(item))}"
        )
    eids = ",".join(
        f"[{one['instance_id']}]{one['eid_prefix']}{'+' * one['accept_more_specifics']}"
        for one in item["eids"]
    )
    keys = ",".join(map(str, item["key_ids"]))
    return printable(f"{item['name']} eids={eids} key-ids={keys}")
