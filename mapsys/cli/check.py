"""``mapsys check``: every fault of a configuration, with file, line and column."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from mapsys.cli.exits import ExitCode
from mapsys.cli.output import FORMATS, print_items
from mapsys.cli.review import COLUMNS
from mapsys.config.checks import Check, Finding, Severity
from mapsys.config.faults import ConfigError, Fault
from mapsys.config.load import load
from mapsys.config.model import Config
from mapsys.host_review import grantable_octets, host_findings
from mapsys.review_rows import finding_rows

EXIT_INVALID: Final = 6
"""The exit code of every command for a configuration that cannot be used."""


UNUSABLE: Final = Check(
    "invalid-configuration", Severity.ERROR, "Mend it: no node starts with this."
)
"""Stands for a check where a fault is listed among findings."""


@click.command("check", short_help="Check configuration files.")
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each file.")
@click.option("--lint", is_flag=True, help="Review what is good, too, and this host with it.")
@click.option(
    "--fail-at",
    type=click.Choice([severity.value for severity in Severity]),
    default=Severity.WARNING.value,
    show_default=True,
    help="With --lint: the least severity that exit code 1 is for.",
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(FORMATS),
    default="table",
    show_default=True,
    help="With --lint: form of the result.",
)
def check(files: tuple[Path, ...], as_json: bool, lint: bool, fail_at: str, output: str) -> None:
    """Check configuration files with everything that they include.

    Nothing is started and nothing is changed. Prints one line for a good file, or
    every fault at once; warnings change nothing about the outcome.

    With --lint it lists what is allowed and may not be wise; docs/review.md explains
    each check.

    Exit code: 0 when all are good, 6 when one is not; with --lint also 1 for a
    finding as severe as --fail-at says.
    """
    if lint:
        if as_json:
            raise click.UsageError("--lint prints JSON with -o json")
        _lint(files, Severity(fail_at), output)
        return
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


def _lint(files: tuple[Path, ...], fail_at: Severity, output: str) -> None:
    findings: list[Finding] = []
    asked: list[int] = []
    for file in files:
        try:
            config = load(file)
        except ConfigError as error:
            findings += [Finding(UNUSABLE, fault) for fault in error.faults]
        else:
            asked.append(config.control.receive_buffer_octets)
            findings += config.findings
    rows = finding_rows([*findings, *_of_host(asked)], time.time())
    print_items(output, COLUMNS, [msgspec.structs.asdict(row) for row in rows])
    if any(row.check == UNUSABLE.id for row in rows):
        sys.exit(ExitCode.INVALID_CONFIGURATION)
    if any(Severity(row.severity).rank >= fail_at.rank for row in rows):
        sys.exit(ExitCode.FAILED)


def _of_host(asked: list[int]) -> Iterator[Finding]:
    if asked:
        most = max(asked)
        yield from host_findings(most, [grantable_octets(most)])


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
