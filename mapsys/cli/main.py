"""The ``mapsys`` command: finds the subcommand and imports only that one."""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

import mapsys

COMMANDS: Final = {
    "run": "mapsys.cli.run",
    "check": "mapsys.cli.check",
    "config": "mapsys.cli.config",
    "schema": "mapsys.cli.schema",
    "reload": "mapsys.cli.reload",
    "stop": "mapsys.cli.stop",
    "status": "mapsys.cli.status",
    "review": "mapsys.cli.review",
    "sites": "mapsys.cli.sites",
    "registrations": "mapsys.cli.registrations",
    "lookup": "mapsys.cli.lookup",
    "explain": "mapsys.cli.explain",
    "history": "mapsys.cli.history",
    "subscriptions": "mapsys.cli.subscriptions",
    "pitr-prefixes": "mapsys.cli.pitr_prefixes",
    "key": "mapsys.cli.key",
    "audit": "mapsys.cli.audit",
    "events": "mapsys.cli.events",
    "changes": "mapsys.cli.events",
    "poller": "mapsys.cli.poller",
    "alt": "mapsys.cli.alt",
    "token": "mapsys.cli.token",
    "export": "mapsys.cli.export",
    "backup": "mapsys.cli.backup",
    "restore": "mapsys.cli.backup",
    "diag": "mapsys.cli.diag",
    "completion": "mapsys.cli.completion",
    "lig": "mapsys.cli.lig",
    "register": "mapsys.cli.register",
    "xtr": "mapsys.cli.xtr",
    "bench": "mapsys.cli.bench",
    "scale": "mapsys.cli.scale",
    "lab": "mapsys.cli.lab",
}
"""Each module defines a click command of the subcommand's name, with _ for -."""


class _Commands(click.Group):
    """Subcommands by module, so that ``lig`` does not wait for the daemon's imports."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(COMMANDS[cmd_name]), cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(mapsys.__version__, prog_name="mapsys")
def cli() -> None:
    """A LISP mapping system: Map-Server, Map-Resolver and ALT node.

    Exit codes: 0 ok, 1 failed, 2 usage, 3 not found or not registered,
    4 unreachable or timed out, 5 refused, 6 invalid configuration.
    """


def main() -> None:
    """Entry point of the ``mapsys`` program."""
    cli(prog_name="mapsys")


if __name__ == "__main__":
    main()
