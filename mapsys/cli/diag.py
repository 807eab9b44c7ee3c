"""``mapsys diag``: what whoever helps needs to know, in one file, and no secret."""

from __future__ import annotations

import importlib.metadata
import io
import json
import os
import platform
import resource
import shutil
import subprocess
import tarfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Final

import click

import mapsys
from mapsys.cli.api import Api, api, api_options
from mapsys.cli.exits import Failed

LOG_OCTETS: Final = 1024 * 1024
LOG_LINES: Final = 2_000
ROWS_LIMIT: Final = 10_000
"""Of sites, and of registrations."""

UNIT: Final = "mapsys.service"

_SETTINGS: Final = ("core/rmem_max", "core/rmem_default", "core/netdev_max_backlog")
_LIMITS: Final = ("RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_AS", "RLIMIT_CORE", "RLIMIT_MEMLOCK")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option(
    "--log",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="The daemon's log, of which the end is added.  [default: the journal of mapsys.service]",
)
@api_options
def diag(*, file: Path | None, log: Path | None, state: Path | None, url: str | None) -> None:
    """Collect status, configuration in effect, sites, counters, review and log into FILE.

    A tar.gz of mode 0600, without secrets. What cannot be had is named in it, a daemon
    that does not answer as well. Look into it before you hand it on: it names your sites.
    """
    target = file or Path(time.strftime("mapsys-diag-%Y%m%dT%H%M%SZ.tar.gz", time.gmtime()))
    parts, problems = _collected(api(state, url), log)
    parts["problems.txt"] = "".join(f"{line}\n" for line in problems).encode()
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Failed(f"{target} cannot be made: {error.strerror}; name a new file") from error
    with open(descriptor, "wb") as out, tarfile.open(fileobj=out, mode="w:gz") as bundle:
        for name, octets in parts.items():
            member = tarfile.TarInfo(f"mapsys-diag/{name}")
            member.size, member.mode, member.mtime = len(octets), 0o600, int(time.time())
            bundle.addfile(member, io.BytesIO(octets))
    for line in problems:
        click.echo(line, err=True)
    click.echo(f"{target}: {len(parts)} parts")


def _collected(daemon: Api, log: Path | None) -> tuple[dict[str, bytes], list[str]]:
    wanted: dict[str, Callable[[], bytes]] = {
        "status.json": lambda: _json(daemon.get("/api/v1/status")),
        "config.json": lambda: _json(daemon.get("/api/v1/config")),
        "review.json": lambda: _rows(daemon, "/api/v1/review"),
        "sites.json": lambda: _rows(daemon, "/api/v1/sites"),
        "registrations.json": lambda: _rows(daemon, "/api/v1/registrations"),
        "changes.json": lambda: _json(daemon.get("/api/v1/changes")),
        "metrics.txt": lambda: daemon.text("/metrics"),
        "versions.json": lambda: _json(_versions()),
        "limits.json": lambda: _json(_limits()),
        "log.txt": lambda: _log(log),
    }
    parts, problems = {}, []
    for name, collect in wanted.items():
        try:
            parts[name] = collect()
        except (click.ClickException, OSError, subprocess.SubprocessError) as error:
            said = error.message if isinstance(error, click.ClickException) else str(error)
            problems.append(f"{name}: {said}")
    return parts, problems


def _json(value: object) -> bytes:
    return json.dumps(value, indent=2).encode() + b"\n"


def _rows(daemon: Api, path: str) -> bytes:
    return _json(list(islice(daemon.items(path, {}), ROWS_LIMIT)))


def _versions() -> dict[str, object]:
    installed = {one.metadata["Name"]: one.version for one in importlib.metadata.distributions()}
    return {
        "mapsys": mapsys.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": dict(sorted(installed.items())),
    }


def _limits() -> dict[str, object]:
    network = Path("/proc/sys/net")
    settings = {
        name: (network / name).read_text().strip()
        for name in _SETTINGS
        if (network / name).is_file()
    }
    limits = {name: resource.getrlimit(getattr(resource, name)) for name in _LIMITS}
    return {"of this process": limits, "sysctl": settings, "processors": os.cpu_count()}


def _log(path: Path | None) -> bytes:
    if path is not None:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LOG_OCTETS))
            return file.read(LOG_OCTETS)
    program = shutil.which("journalctl")
    if program is None:
        raise OSError("there is no journalctl; name the log with --log")
    command = [program, "--no-pager", "-o", "cat", "-n", str(LOG_LINES), "-u", UNIT]
    return subprocess.run(command, capture_output=True, check=True, timeout=20).stdout
