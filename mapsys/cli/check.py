"""``mapsys check``: every fault of a configuration, with file, line and column."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

import click

from mapsys.config.faults import ConfigError, Fault
from mapsys.config.load import load
from mapsys.config.model import Config

EXIT_INVALID: Final = 6
"""The exit code of every command for a configuration that cannot be used."""


@click.command("check", short_help="Check configuration files.")
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each file.")
def check(files: tuple[Path, ...], as_json: bool) -> None:
    """Check configuration files with everything that they include.

    Nothing is started and nothing is changed. Prints one line for a good file, or
    every fault at once; warnings change nothing about the outcome.

    Exit code: 0 when all are good, 6 when one is not.
    """
    good = True
    for file in files:
        try:
            config = load(file)
        except ConfigError as error:
            good = False
            _tell_faults(file, error, as_json)
        else:
            _tell_good(file, config, as_json)
    if not good:
        sys.exit(EXIT_INVALID)


def _tell_good(file: Path, config: Config, as_json: bool) -> None:
    prefixes = sum(len(site.eids) for site in config.sites)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "file": str(file),
                    "valid": True,
                    "roles": _roles(config),
                    "sites": len(config.sites),
                    "eid-prefixes": prefixes,
                    "warnings": [_row(fault) for fault in config.warnings],
                }
            )
        )
        return
    for warning in config.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(
        f"{file}: ok: {_counted(len(config.sites), 'site')},"
        f" {_counted(prefixes, 'EID-Prefix')}, {' and '.join(_roles(config))}"
    )


def _tell_faults(file: Path, error: ConfigError, as_json: bool) -> None:
    if as_json:
        faults = [_row(fault) for fault in error.faults]
        click.echo(json.dumps({"file": str(file), "valid": False, "faults": faults}))
        return
    for fault in error.faults:
        click.echo(str(fault), err=True)
    click.echo(f"{file}: {_counted(len(error.faults), 'fault')}; not usable", err=True)


def _roles(config: Config) -> list[str]:
    roles = {
        "Map-Server": config.map_server is not None,
        "Map-Resolver": config.map_resolver is not None,
        "ALT router": bool(config.alt),
    }
    return [role for role, is_on in roles.items() if is_on]


def _counted(count: int, noun: str) -> str:
    plural = "es" if noun.endswith("x") else "s"
    return f"{count} {noun}" if count == 1 else f"{count} {noun}{plural}"


def _row(fault: Fault) -> dict[str, Any]:
    return dict(zip(Fault._fields, fault, strict=True))
