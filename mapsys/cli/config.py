"""``mapsys config``: the configuration in effect, and what a new one would change."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from mapsys.cli.check import EXIT_INVALID
from mapsys.config.diff import changes
from mapsys.config.dump import dump
from mapsys.config.faults import ConfigError
from mapsys.config.load import load


@click.command("config", short_help="Show the configuration in effect.")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--against",
    metavar="OLD",
    type=click.Path(path_type=Path),
    help="Print what FILE changes of the configuration OLD instead.",
)
def config(file: Path, against: Path | None) -> None:
    """Print the configuration of FILE with every default and every included site.

    The YAML printed reads back equal. Secrets are never shown: a secret with a
    file of its own appears by the file's name, any other one as ***.

    Exit code: 0, or 6 for a configuration that cannot be used.
    """
    try:
        new = load(file)
        old = None if against is None else load(against)
    except ConfigError as error:
        for fault in error.faults:
            click.echo(str(fault), err=True)
        sys.exit(EXIT_INVALID)
    if old is None:
        click.echo(dump(new), nl=False)
        return
    for line in changes(old, new) or ["nothing changes"]:
        click.echo(line)
