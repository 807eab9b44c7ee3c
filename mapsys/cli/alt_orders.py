"""``mapsys alt rehome`` and ``switch-provider``: begin an operation and follow it to its end."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

import click

from mapsys.cli.api import Api, api, api_options
from mapsys.cli.exits import Failed
from mapsys.cli.output import Command, Item, printable

POLL_SECONDS: Final = 0.3
UNDER_WAY: Final = "under-way"
SUCCESS: Final = ("planned", "done")


def order_options(command: Command) -> Command:
    """Adds ``--dry-run``, ``--wait`` and ``-i``."""
    command = click.option(
        "--wait",
        type=click.IntRange(1, 3_600),
        default=90,
        show_default=True,
        metavar="SECONDS",
        help="Wait so long for each thing that others have to do.",
    )(command)
    command = click.option(
        "-i",
        "--instance-id",
        type=click.IntRange(0, 2**32 - 1),
        default=0,
        show_default=True,
        help="Of this instance-ID.",
    )(command)
    return click.option("--dry-run", is_flag=True, help="Say what would be done, do nothing.")(
        command
    )


@click.command()
@click.argument("old")
@click.argument("new")
@click.option(
    "--probe",
    metavar="EID",
    help="Ask the new neighbour for this EID.  [default: one that it announces]",
)
@order_options
@api_options
def rehome(
    *,
    old: str,
    new: str,
    probe: str | None,
    wait: int,
    dry_run: bool,
    instance_id: int,
    state: Path | None,
    url: str | None,
) -> None:
    """Have tunnel NEW take the place of tunnel OLD, without an interruption.

    The configuration file already has NEW in place of OLD. NEW is opened beside OLD;
    once it has a session, its routes and an answered Map-Request, OLD is closed. Where
    one of that fails, NEW is closed again: exit code 1.
    """
    body = {"old": old, "new": new, "eid": probe, **_common(instance_id, wait, dry_run)}
    _follow(api(state, url), "/api/v1/alt/rehome", body)


@click.command("switch-provider")
@click.argument("site")
@order_options
@api_options
def switch_provider(
    *,
    site: str,
    wait: int,
    dry_run: bool,
    instance_id: int,
    state: Path | None,
    url: str | None,
) -> None:
    """Do this node's part where SITE goes to another provider.

    The configuration file already has the delegations as they are to be. First at the
    new provider, where SITE has to register; then at those above; last at the old
    provider. Each sees to it that SITE is reached; where it is not, its delegations
    stay as they were: exit code 1.
    """
    body = {"site": site, **_common(instance_id, wait, dry_run)}
    _follow(api(state, url), "/api/v1/alt/switch-provider", body)


@click.command()
@api_options
def operation(*, state: Path | None, url: str | None) -> None:
    """Show how the last operation stands."""
    found = api(state, url).get("/api/v1/alt/operation")
    _print_head(found)
    for step in found["steps"]:
        _print_step(step)
    click.echo(found["outcome"] or found["state"])


def _common(instance_id: int, wait: int, dry_run: bool) -> dict[str, Any]:
    return {"instance_id": instance_id, "wait_seconds": wait, "dry_run": dry_run}


def _follow(daemon: Api, path: str, body: dict[str, Any]) -> None:
    found = daemon.post(path, body)
    _print_head(found)
    told = 0
    while True:
        steps = found["steps"]
        # A step is told once it has ended; of a plan, at once.
        while told < len(steps) and steps[told]["state"] != UNDER_WAY:
            if steps[told]["state"] == "planned" and found["state"] == UNDER_WAY:
                break
            _print_step(steps[told])
            told += 1
        if found["state"] != UNDER_WAY:
            break
        time.sleep(POLL_SECONDS)
        found = daemon.get("/api/v1/alt/operation")
    if found["state"] not in SUCCESS:
        raise Failed(f"{found['outcome']}")
    click.echo("nothing was done" if found["state"] == "planned" else "done")


def _print_head(found: Item) -> None:
    click.echo(f"{printable(found['kind'])} {printable(found['subject'])}:")


def _print_step(step: Item) -> None:
    outcome = f": {printable(step['outcome'])}" if step["outcome"] else ""
    click.echo(f"  {step['name']:<10} {step['state']:<9} {printable(step['purpose'])}{outcome}")
