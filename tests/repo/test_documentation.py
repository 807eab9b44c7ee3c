"""The pages as a whole: they build, and what they tell to type and to write is understood."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import click
import pytest
import yaml

from mapsys.cli.main import cli
from mapsys.config.load import load
from scripts import reference
from tests.repo.pages import DOCS, typed_in

PAGES = sorted(DOCS.rglob("*.md"))

YAML = re.compile(r"^( *)```yaml\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
MENTIONED = re.compile(r"`(mapsys [^`]+)`")


def test_sphinx_finds_nothing_to_say_about_the_pages(tmp_path: Path) -> None:
    # "dummy" reads and resolves everything, and writes nothing.
    arguments = ["--fail-on-warning", "--keep-going", "--quiet", "-b", "dummy"]
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", *arguments, str(DOCS), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert (built.returncode, built.stderr) == (0, "")


def test_the_reference_has_every_command_and_its_options() -> None:
    text = reference.commands()
    for name in cli.list_commands(click.Context(cli)):
        assert f"\n## mapsys {name}\n" in text
    assert "`--confirm-within SECONDS`" in text


def test_the_reference_has_what_is_read_and_what_is_served() -> None:
    assert "| `sites[].eids[].prefix` |" in reference.settings()
    assert "`PATCH /api/v1/sites/{name}`" in reference.interface()


def understood(line: str) -> None:
    """Fail where a command line names a command or an option that there is not."""
    words = shlex.split(line.partition("<<")[0].partition(" > ")[0])[1:]
    command: click.Command = cli
    context = click.Context(cli, info_name="mapsys")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        inner = command.get_command(context, words[0])
        if inner is None:
            assert not words[0].islower(), f"{line}: no command {words[0]}"
            return
        command, context = inner, click.Context(inner, context, words.pop(0))
    known = {flag for one in command.get_params(context) for flag in one.opts}
    for word in words:
        if word.startswith("-") and word != "-":
            assert word.partition("=")[0] in known, f"{line}: no option {word}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_commands_on_the_page_are_understood(page: Path) -> None:
    lines = [typed.command.partition("\n")[0] for typed in typed_in(page)]
    lines += MENTIONED.findall(page.read_text(encoding="utf-8"))
    for line in lines:
        if line.startswith("mapsys ") and "..." not in line:
            understood(line.partition(" && ")[0])


def test_whole_configurations_on_the_pages_are_accepted(tmp_path: Path) -> None:
    accepted = 0
    for page in PAGES:
        for _, block in YAML.findall(page.read_text(encoding="utf-8")):
            text = dedent(block)
            if {"node", "state", "control"} <= set(yaml.safe_load(text) or ()):
                file = tmp_path / "mapsys.yaml"
                file.write_text(text, encoding="utf-8")
                load(file)
                accepted += 1
    assert accepted
