"""``mapsys xtr``: the reference tunnel router in the foreground, and orders to one that runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from mapsys.cli.exits import ExitCode, Failed, Unreachable
from mapsys.cli.nonces import NonceFile
from mapsys.cli.output import printable
from mapsys.config.faults import ConfigError
from mapsys.eid import EidPrefix
from mapsys.start_error import StartError
from mapsys.xtr.orders import ordered
from mapsys.xtr.runner import XtrRunner
from mapsys.xtr.schema import load
from mapsys.xtr.settings import XtrSettings


@click.command("xtr", short_help="Run a small tunnel router, to try a mapping system with.")
@click.option(
    "-c",
    "--config",
    "path",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The router's configuration file.",
)
@click.option("--check", is_flag=True, help="Read the configuration, print its faults, and end.")
@click.option("--status", is_flag=True, help="Print how the running router is, as JSON, and end.")
@click.option("--arrived", metavar="EID", help="Tell the running router that a host is here.")
@click.option("--left", metavar="EID", help="Tell the running router that a host has gone.")
def xtr(*, path: Path, check: bool, status: bool, arrived: str | None, left: str | None) -> None:
    """Run a tunnel router: ITR, ETR, PITR or PETR, as FILE says.

    It exists to prove the mapping system with real packets, and is no production
    router: it is one Python process that handles each packet by itself.

    SIGHUP reads the locators, EID-Prefixes and keys of FILE again; SIGTERM or SIGINT
    ends it. It takes root, or CAP_NET_ADMIN and CAP_NET_RAW. Exit code 6 for a
    configuration with faults, 4 where no router runs to take an order.
    """
    settings = _loaded(path)
    if check:
        click.echo(f"{path}: ok")
        return
    orders: list[dict[str, Any]] = [
        _moved(what, eid) for what, eid in (("arrived", arrived), ("left", left)) if eid
    ]
    if status:
        orders.append({"order": "status"})
    if orders:
        for order in orders:
            _print_answer(settings.status_socket, order)
        return
    runner = XtrRunner(
        path, settings, NonceFile(settings.state).next, lambda line: click.echo(printable(line))
    )
    try:
        runner.run()
    except StartError as error:
        raise Failed(str(error)) from error


def _loaded(path: Path) -> XtrSettings:
    try:
        return load(path)
    except ConfigError as error:
        for fault in error.faults:
            click.echo(str(fault), err=True)
        sys.exit(ExitCode.INVALID_CONFIGURATION)


def _moved(what: str, text: str) -> dict[str, Any]:
    try:
        eid = EidPrefix.parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=f"--{what}") from error
    return {"order": what, "eid": str(eid)}


def _print_answer(socket_path: Path, order: dict[str, Any]) -> None:
    try:
        said = ordered(socket_path, order)
    except (OSError, ValueError) as error:
        raise Unreachable(f"no router answers at {socket_path}: {error}") from error
    if "error" in said:
        raise Failed(said["error"])
    click.echo(json.dumps(said, indent=1))
