"""What ``mapsys register`` signs with; a secret never stands on a command line."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final, NamedTuple

import click

from mapsys.cli.output import Command
from mapsys.config.faults import ConfigError
from mapsys.config.load import load
from mapsys.eid import EidPrefix

ALGORITHM_DEFAULT: Final = "hmac-sha-256-128"
KEY_ID_DEFAULT: Final = 0

SECRET_OCTETS_LIMIT: Final = 4096
"""As in a Map-Server's configuration."""


def secret_options(command: Command) -> Command:
    """Adds ``--secret-file`` and ``--secret-env``."""
    command = click.option(
        "--secret-env", metavar="NAME", help="Environment variable that holds the shared secret."
    )(command)
    return click.option(
        "--secret-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="File that holds the shared secret.",
    )(command)


class Credentials(NamedTuple):
    """A key-id with its algorithm (of wire.auth.ALGORITHM_IDS) and secret; shows no secret."""

    key_id: int
    algorithm: str
    secret: bytes

    def __repr__(self) -> str:
        return f"Credentials(key_id={self.key_id}, algorithm={self.algorithm!r}, secret=***)"


class Sources(NamedTuple):
    """Where the options say that the secret is; at most one of them."""

    file: Path | None
    variable: str | None
    config: Path | None


def credentials(
    sources: Sources, key_id: int | None, algorithm: str | None, eid: EidPrefix
) -> Credentials:
    """Credentials from the source that is given, else asked for at the terminal.

    eid: what is to be registered; finds the site in a configuration. Options that
    are not None win over the configuration. Raises click.UsageError with what to do.
    """
    if sum(one is not None for one in sources) > 1:
        raise click.UsageError("give one of --secret-file, --secret-env and --config")
    if sources.config is not None:
        found = _of_site(sources.config, eid, key_id)
        return found if algorithm is None else found._replace(algorithm=algorithm)
    return Credentials(
        KEY_ID_DEFAULT if key_id is None else key_id,
        algorithm or ALGORITHM_DEFAULT,
        _secret(sources),
    )


def _of_site(config: Path, eid: EidPrefix, key_id: int | None) -> Credentials:
    try:
        sites = load(config).sites
    except ConfigError as error:
        raise click.BadParameter(
            f"{config} has faults; 'mapsys check {config}' lists them", param_hint="--config"
        ) from error
    holders = [
        (one.prefix.length, site) for site in sites for one in site.eids if one.prefix.covers(eid)
    ]
    if not holders:
        raise click.BadParameter(f"no site in {config} holds {eid}", param_hint="--config")
    _, site = max(holders, key=lambda holder: holder[0])
    for key in site.keys:
        if key_id in (None, key.id):
            return Credentials(key.id, key.algorithms[0], key.secret.reveal())
    raise click.BadParameter(f"{site.name} has no key-id {key_id}", param_hint="--key-id")


def _secret(sources: Sources) -> bytes:
    if sources.file is not None:
        where = str(sources.file)
        with sources.file.open("rb") as opened:
            octets = opened.read(SECRET_OCTETS_LIMIT + 2)
        secret = octets.removesuffix(b"\n").removesuffix(b"\r")
    elif sources.variable is not None:
        where = f"the environment variable {sources.variable}"
        secret = os.environ.get(sources.variable, "").encode()
    elif sys.stdin.isatty():
        where = "what was typed"
        secret = click.prompt("Shared secret", hide_input=True, err=True).encode()
    else:
        raise click.UsageError(
            "the shared secret is missing: give --secret-file, --secret-env or --config"
        )
    if not 0 < len(secret) <= SECRET_OCTETS_LIMIT:
        raise click.UsageError(f"{where} holds no secret of 1 to {SECRET_OCTETS_LIMIT} octets")
    return secret
