"""``mapsys run``: the daemon, in the foreground."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from mapsys.cli.exits import ExitCode, Failed
from mapsys.config.faults import ConfigError
from mapsys.config.scalars import EndpointText
from mapsys.config_source import ConfigSource
from mapsys.core.effects import Endpoint
from mapsys.daemon_run import run as run_daemon
from mapsys.net.journal_files import JournalError
from mapsys.start_error import StartError


def _endpoint(text: str) -> Endpoint:
    try:
        return EndpointText().parse(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} {error}") from error


@click.command("run", short_help="Run a node in the foreground.")
@click.option(
    "-c",
    "--config",
    "path",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The configuration file.",
)
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="State folder, in place of the configured one.",
)
@click.option(
    "--listen",
    multiple=True,
    type=_endpoint,
    metavar="ADDR:PORT",
    help="UDP address for control messages, in place of the configured ones; may be repeated.",
)
@click.option(
    "--http",
    type=_endpoint,
    metavar="ADDR:PORT",
    help="TCP address of the status interface, in place of the configured one.",
)
@click.option(
    "--record",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write every control message received to a new file, to look into a fault.",
)
@click.option(
    "--core-dumps",
    is_flag=True,
    help="Let a crash leave a core dump, which holds the secrets of all sites.",
)
def run(
    *,
    path: Path,
    state: Path | None,
    listen: tuple[Endpoint, ...],
    http: Endpoint | None,
    record: Path | None,
    core_dumps: bool,
) -> None:
    """Run a node with the roles whose sections the configuration has.

    SIGHUP reads the configuration again: registrations stay, a file with a fault
    changes nothing. SIGTERM or SIGINT ends it in order.

    Exit code: 0 after SIGTERM or SIGINT, 1 when it cannot start, 6 for a
    configuration with faults, all of which are printed.
    """
    try:
        run_daemon(ConfigSource(path, state, listen, http), record, core_dumps=core_dumps)
    except ConfigError as error:
        for fault in error.faults:
            click.echo(str(fault), err=True)
        sys.exit(ExitCode.INVALID_CONFIGURATION)
    except (StartError, JournalError) as error:
        raise Failed(str(error)) from error
