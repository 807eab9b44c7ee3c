"""What a person who started the daemon by hand is told once it serves."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import mapsys
from mapsys.config.model import Config, SiteConfig
from mapsys.daemon_view import roles_of
from mapsys.datapath.contract import Listening
from mapsys.eid import EidPrefix, Family
from mapsys.engine_choice import EngineChoice

_MEBIBYTE = 1024 * 1024


def banner(
    config: Config,
    choice: EngineChoice,
    listening: Sequence[Listening],
    registrations: int,
    file: Path,
) -> str:
    """A few lines: what listens where, what is held, what to type next.

    listening: at least one. file: that of the configuration.
    """
    return "\n".join(_lines(config, choice, listening, registrations, file))


def _lines(
    config: Config,
    choice: EngineChoice,
    listening: Sequence[Listening],
    registrations: int,
    file: Path,
) -> Iterator[str]:
    yield f"mapsys {mapsys.__version__}: {config.node}, {' and '.join(roles_of(config))}"
    asked = config.control.receive_buffer_octets / _MEBIBYTE
    for each in listening:
        granted = each.receive_buffer_octets / _MEBIBYTE
        yield (
            f"  control   UDP {each.address},"
            f" receive buffer {granted:.1f} MiB of {asked:.1f} MiB asked for"
        )
    if config.http is not None:
        scheme = "http" if config.http.tls is None else "https"
        yield f"  status    {scheme}://{config.http.listen}/"
    yield f"  engine    {choice.engine}: {choice.reason}"
    yield f"  state     {config.state}, {registrations} registrations restored"
    yield f"  sites     {len(config.sites)}"
    yield ""
    yield "What to type next, in another terminal:"
    for line in _commands(config, listening, file):
        yield f"  {line}"


def _commands(config: Config, listening: Sequence[Listening], file: Path) -> Iterator[str]:
    program = _program()
    to = ["-m", str(listening[0].address)]
    chosen = next(_simple_prefixes(config.sites), None)
    if chosen is not None and config.map_server is not None:
        # It signs as the site that holds the prefix: no secret is shown or asked for.
        signed = ["--config", _as_typed(file)]
        yield shlex.join([program, "register", str(chosen), *to, *signed])
    if chosen is not None and config.map_resolver is not None:
        yield shlex.join([program, "lig", _a_host_in(chosen), *to])
    yield shlex.join([program, "sites", "--state", _as_typed(config.state)])


def _simple_prefixes(sites: Sequence[SiteConfig]) -> Iterator[EidPrefix]:
    """IP prefixes of sites that need no further options."""
    for site in sites:
        for eid in site.eids:
            if eid.prefix.family in (Family.IPV4, Family.IPV6) and eid.instance_id == 0:
                yield eid.prefix


def _a_host_in(prefix: EidPrefix) -> str:
    address = prefix.network if prefix.is_host else prefix.network + 1
    host = EidPrefix(prefix.instance_id, prefix.family, address, prefix.width)
    return str(host).partition("/")[0]


def _program() -> str:
    """This program as one would type it."""
    here = Path(sys.argv[0])
    found = shutil.which("mapsys")
    if found is not None and here.exists() and os.path.samefile(found, here):
        return "mapsys"
    return _as_typed(here.absolute())


def _as_typed(path: Path) -> str:
    """The path as one would type it from the current folder."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
