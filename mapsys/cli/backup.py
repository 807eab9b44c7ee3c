"""``mapsys backup`` and ``mapsys restore``: a state folder in one file, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from mapsys.backup import BackupError, Manifest, back_up
from mapsys.backup import restore as put_back
from mapsys.cli.exits import Failed
from mapsys.net.journal_files import JournalError

_STATE: Final = click.option(
    "--state",
    envvar="MAPSYS_STATE",
    show_envvar=True,
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="The state folder.",
)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_STATE
def backup(*, file: Path, state: Path) -> None:
    """Copy a state folder into a new FILE, while a daemon uses it or not.

    FILE holds secrets where the folder does; its mode is 0600.
    """
    try:
        manifest = back_up(state, file)
    except BackupError as error:
        raise Failed(str(error)) from error
    click.echo(f"{file}: {_told(manifest)}")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@_STATE
@click.option("--force", is_flag=True, help="Move what the folder holds aside, into itself.")
def restore(*, file: Path, state: Path, force: bool) -> None:
    """Put a backup FILE into a state folder that no daemon uses.

    Nothing is changed unless every checksum is right.
    """
    try:
        manifest = put_back(file, state, force=force)
    except (BackupError, JournalError) as error:
        raise Failed(str(error)) from error
    click.echo(f"{state}: {_told(manifest)}")


def _told(manifest: Manifest) -> str:
    octets = sum(row.octets for row in manifest.files)
    return f"{len(manifest.files)} files, {octets} octets, by mapsys {manifest.version}"
