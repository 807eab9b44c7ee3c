"""``mapsys lab``: a whole network on this machine, and scenarios on it."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import click

from mapsys.cli.exits import Failed, NotFound
from mapsys.cli.output import printable
from mapsys.lab import running
from mapsys.lab.drawing import drawing
from mapsys.lab.errors import CheckFailed, LabError
from mapsys.lab.programs import program
from mapsys.lab.report_pages import summary, write_report
from mapsys.lab.scenario import Outcome, Scenario, scenario, scenarios, tried
from mapsys.lab.whole import WholeLab, whole
from mapsys.lab.whole_topology import FILE, WholeTopology, load_whole

topology_option = click.option(
    "--topology",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=FILE,
    show_default="deploy/lab/topology.yaml of the source tree",
    metavar="FILE",
    help="What to build.",
)


@click.group("lab")
def lab() -> None:
    """Run a whole LISP network in network namespaces of this machine.

    It takes root, and BIRD, FRR, GoBGP, tcpdump and tshark. What a network that was
    killed left behind, the next one removes, and so does "down".
    """


@lab.command("up")
@topology_option
def up(path: Path) -> None:
    """Build the network, and keep it until interrupted."""
    try:
        with whole(_loaded(path)) as built, _interrupted_by_sigterm():
            click.echo(f"up: {', '.join([*built.alt.own, *built.alt.foreign, *built.routers])}")
            click.echo("look around with: mapsys lab shell NODE; end it with Ctrl-C")
            signal.pause()
    except KeyboardInterrupt:
        click.echo("down")
    except (LabError, CheckFailed) as error:
        raise Failed(str(error)) from error


@lab.command("down")
@click.argument("tag", required=False)
def down(tag: str | None) -> None:
    """End the network that runs, or TAG where several do, and remove what is left of dead ones."""
    try:
        gone = running.end(tag)
    except LabError as error:
        raise Failed(str(error)) from error
    click.echo(f"gone: {', '.join(gone) or 'nothing was there'}")


@lab.command("shell", context_settings={"ignore_unknown_options": True})
@click.argument("node")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def shell(node: str, command: tuple[str, ...]) -> None:
    """Run a shell, or COMMAND, in the network namespace of NODE."""
    try:
        namespace = running.namespace_of(node)
        enter = program("nsenter")
    except LabError as error:
        raise NotFound(str(error)) from error
    words = command or (os.environ.get("SHELL", "/bin/sh"),)
    os.execv(enter, [enter, f"--net=/run/netns/{namespace}", *words])


@lab.command("run")
@click.argument("names", nargs=-1, metavar="[SCENARIO]...")
@topology_option
def run(names: tuple[str, ...], path: Path) -> None:
    """Build the network, run scenarios, all without a name, and take it down again.

    Exit code 1 when one of them failed.
    """
    outcomes, _ = _run(_wanted(names), path)
    _judge(outcomes)


@lab.command("report")
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("artifacts/lab"),
    show_default=True,
    metavar="DIR",
    help="Where the report goes: report.html, report.md and network.svg.",
)
@topology_option
def report(folder: Path, path: Path) -> None:
    """Run all scenarios, and write a report with a drawing of the network as it was."""
    outcomes, picture = _run(scenarios(), path)
    write_report(folder, picture, outcomes)
    click.echo(f"the report is in {folder}")
    _judge(outcomes)


@contextlib.contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    """SIGTERM takes the network down in order, as Ctrl-C does.

    Not while it is built: the netlink library ends helpers of its own by that signal.
    """
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(wanted: list[Scenario], path: Path) -> tuple[list[Outcome], str]:
    """Outcomes, printed as they come, and the drawing."""
    try:
        with whole(_loaded(path)) as built, _interrupted_by_sigterm():
            picture = drawing(built)
            outcomes = _told(built, wanted)
    except (LabError, CheckFailed) as error:
        raise Failed(str(error)) from error
    if built.alt.left_behind:
        raise Failed(f"left behind: {', '.join(built.alt.left_behind)}")
    return outcomes, picture


def _told(built: WholeLab, wanted: list[Scenario]) -> list[Outcome]:
    outcomes = []
    for outcome in tried(built, wanted):
        for line in str(outcome).splitlines():
            click.echo(printable(line))
        outcomes.append(outcome)
    return outcomes


def _judge(outcomes: list[Outcome]) -> None:
    click.echo(summary(outcomes))
    if not all(outcome.passed for outcome in outcomes):
        raise Failed("a scenario failed")


def _wanted(names: tuple[str, ...]) -> list[Scenario]:
    try:
        return [scenario(name) for name in names] or scenarios()
    except KeyError as error:
        known = ", ".join(one.name for one in scenarios())
        raise click.BadParameter(f"{error} is none of {known}", param_hint="SCENARIO") from error


def _loaded(path: Path) -> WholeTopology:
    try:
        return load_whole(path)
    except (ValueError, KeyError) as error:
        raise Failed(f"{path}: {error}") from error
