"""``--watch``, following events, exports and completion."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner

from mapsys.cli.main import COMMANDS, cli
from tests.http.node import Node
from tests.http.registered import register

PATIENCE_SECONDS = 60


def leaves(command: click.Command, *path: str) -> dict[str, click.Command]:
    """Commands without subcommands, by what is typed."""
    if not isinstance(command, click.Group):
        return {" ".join(path): command}
    found: dict[str, click.Command] = {}
    context = click.Context(command)
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None
        found |= leaves(inner, *path, name)
    return found


SHOWS_ONCE = {
    *("alt rehome", "alt switch-provider", "alt operation", "reload"),
    *("changes", "events", "export", "sites show", "bench"),
}
"""Orders, and what has a way of its own to go on or is made to be kept."""


def test_whatever_shows_state_can_be_watched() -> None:
    for name, command in leaves(cli).items():
        options = {flag for one in command.params for flag in one.opts}
        if {"--output", "--state"} <= options and name not in SHOWS_ONCE:
            assert "--watch" in options, name


def started(node: Node, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "mapsys.cli.main"]
    return subprocess.Popen(
        [*command, *arguments, "--state", str(node.state)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


@pytest.mark.usefixtures("web")
def test_watching_shows_it_again_until_it_is_interrupted(node: Node) -> None:
    watching = started(node, "status", "-o", "ndjson", "--watch", "0.1")
    assert watching.stdout is not None
    try:
        assert [json.loads(watching.stdout.readline())["node"] for _ in range(3)]
        watching.send_signal(signal.SIGINT)
        watching.stdout.read()
        assert watching.wait(PATIENCE_SECONDS) == 0
    finally:
        watching.kill()
        watching.stdout.close()


@pytest.mark.usefixtures("web")
def test_events_are_followed(node: Node) -> None:
    following = started(node, "events", "--follow", "--last", "1", "-o", "ndjson")
    assert following.stdout is not None
    try:
        json.loads(following.stdout.readline())  # the last one: it reads from here on
        node.on_its_thread(lambda: register(node, "198.18.1.128/25", rloc="127.0.0.3"))
        while "198.18.1.128/25" not in (line := following.stdout.readline()):
            assert line
        assert json.loads(line)["kind"] == "changed"
        following.send_signal(signal.SIGINT)
        following.stdout.read()
        assert following.wait(PATIENCE_SECONDS) == 0
    finally:
        following.kill()
        following.stdout.close()
        node.on_its_thread(lambda: register(node, "198.18.1.128/25"))


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize("what", ["registrations", "sites"])
def test_exports_are_sorted_and_say_nothing_that_changes_by_itself(node: Node, what: str) -> None:
    where = ["--state", str(node.state)]
    text = CliRunner().invoke(cli, ["export", what, *where]).stdout
    assert text.splitlines() == sorted(text.splitlines())
    assert text == CliRunner().invoke(cli, ["export", what, *where]).stdout
    assert not re.search(r"\d\d:\d\d:\d\d[.Z]", text)
    items = yaml.safe_load(CliRunner().invoke(cli, ["export", what, "-o", "yaml", *where]).stdout)
    assert len(items) == len(text.splitlines()) > 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_names_the_program(shell: str, tmp_path: Path) -> None:
    script = CliRunner().invoke(cli, ["completion", shell]).stdout
    assert "_MAPSYS_COMPLETE" in script
    environment = {
        **os.environ,
        "_MAPSYS_COMPLETE": "bash_complete",
        "COMP_WORDS": "mapsys re",
        "COMP_CWORD": "1",
    }
    command = [sys.executable, "-c", "from mapsys.cli.main import main; main()"]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    words = {line.partition(",")[2] for line in told.stdout.splitlines()}
    assert words == {name for name in COMMANDS if name.startswith("re")}
