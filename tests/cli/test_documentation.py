"""docs/cli.md says what the commands have."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from mapsys.cli.exits import ExitCode
from mapsys.cli.main import COMMANDS, cli

TEXT = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## mapsys (\S+)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))


def command(name: str) -> click.Command:
    found = cli.get_command(click.Context(cli), name)
    assert found is not None
    return found


def options_of(found: click.Command) -> list[click.Option]:
    """Its own, and those of its subcommands."""
    own = [parameter for parameter in found.params if isinstance(parameter, click.Option)]
    inner = found.commands.values() if isinstance(found, click.Group) else ()
    return [*own, *(option for one in inner for option in options_of(one))]


def test_every_command_has_a_section_and_every_section_a_command() -> None:
    assert list(SECTIONS) == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_section_names_every_option_and_no_other(name: str) -> None:
    options = {flag for option in options_of(command(name)) for flag in option.opts}
    named = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", SECTIONS[name]))
    assert named - {"--help", "-h"} == options - {"--help", "-h"}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_does(name: str) -> None:
    for option in options_of(command(name)):
        assert option.help, option.name


def test_exit_codes_are_listed() -> None:
    for code in ExitCode:
        assert f"| {code.value} |" in TEXT
