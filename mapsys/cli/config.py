"""``mapsys config``: the configuration in effect, and what a new one would change."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from mapsys.cli.api import api, api_options
from mapsys.cli.check import EXIT_INVALID
from mapsys.cli.reload import PATH, RELOAD_SECONDS
from mapsys.config.diff import changes
from mapsys.config.dump import dump
from mapsys.config.faults import ConfigError
from mapsys.config.load import load

NOTHING = "nothing changes"


class _ShowByDefault(click.Group):
    """``mapsys config FILE`` is short for ``mapsys config show FILE``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_ShowByDefault, short_help="Show the configuration in effect.")
def config() -> None:
    """Show a configuration in effect, or what a reload would change of the running one.

    \b
    mapsys config FILE    is short for mapsys config show FILE
    """


@config.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--against",
    metavar="OLD",
    type=click.Path(path_type=Path),
    help="Print what FILE changes of the configuration OLD instead.",
)
def show(file: Path, against: Path | None) -> None:
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
    _tell(changes(old, new))


@config.command()
@api_options
def diff(*, state: Path | None, url: str | None) -> None:
    """Print what a reload would change of the running node's configuration.

    Exit code 6 where the node's file has faults, which are printed.
    """
    answer = api(state, url).post(PATH, {"dry_run": True}, RELOAD_SECONDS)
    _tell([str(line) for line in answer["changes"]])
    if answer["changes_in_all"] > len(answer["changes"]):
        click.echo(f"and {answer['changes_in_all'] - len(answer['changes'])} more", err=True)


def _tell(lines: list[str]) -> None:
    for line in lines or [NOTHING]:
        click.echo(line)
