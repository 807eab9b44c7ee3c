"""What every test run does around the tests: who may stay out, how long, what is left.

- A test whose kernel ability or privilege is missing is deselected, listed under
  "not run here", and has to stand in ``not-run-allowed.txt``: else the run fails.
- Seconds by area are printed against their budgets, figures against what is wanted.
- A process or network namespace left behind fails the run.
- Worker processes (``-n 2``) hand over what they know; one process judges and prints.
- No clock decides a property: Hypothesis neither times an example nor minds slow ones.
"""

from __future__ import annotations

import fnmatch
import os
import secrets
import signal
from collections import defaultdict
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

import pytest
from coverage import Coverage
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.workermanage import WorkerController

from tests.abilities import missing
from tests.areas import BUDGET_SECONDS, area_of
from tests.figures.record import FILE, MEASURED, Figure, keep
from tests.leftovers import SESSION_VARIABLE, leftovers, namespaces
from tests.sharing import UnitScheduling, Worker

settings.register_profile("no-clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no-clock")

_ALLOWED_FILE: Final = Path(__file__).with_name("not-run-allowed.txt")


def allowed_reasons(text: str) -> list[tuple[str, str]]:
    """(ability, node-ID glob) of each line that is not empty and no comment."""
    lines = (line.partition("#")[0].split() for line in text.splitlines())
    return [(words[0], words[1]) for words in lines if len(words) == 2]


def needed_abilities(item: pytest.Item) -> Iterator[str]:
    """What a test asks for by its markers, the most general first."""
    if item.get_closest_marker("needs_root") or item.get_closest_marker("netns"):
        yield "root"
    if item.get_closest_marker("netns"):
        yield "netns"
    for marker in item.iter_markers("ability"):
        yield from marker.args


class Selection:
    """Leaves out what cannot run here, and knows what that was: (node ID, ability, reason)."""

    def __init__(self) -> None:
        self.not_run: list[tuple[str, str, str]] = []

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        staying = []
        for item in items:
            for ability in needed_abilities(item):
                reason = missing(ability)
                if reason is not None:
                    self.not_run.append((item.nodeid, ability, reason))
                    break
            else:
                staying.append(item)
        if len(staying) < len(items):
            config.hook.pytest_deselected(items=[i for i in items if i not in staying])
            items[:] = staying


class HandOver:
    """At the end of a worker: what it left out and measured, for the report of the run."""

    def __init__(self, config: pytest.Config, selection: Selection) -> None:
        self.output: dict[str, object] = config.workeroutput  # type: ignore[attr-defined]
        self.selection = selection

    def pytest_sessionfinish(self) -> None:
        self.output["not_run"] = self.selection.not_run
        self.output["figures"] = [tuple(figure) for figure in MEASURED]


class RunReport:
    """Gathers during the run what is printed, and judged, at its end."""

    def __init__(self, selection: Selection) -> None:
        self.session = f"{os.getpid()}-{secrets.token_hex(4)}"
        self.outer_session = os.environ.get(SESSION_VARIABLE)
        self.namespaces_before = namespaces()
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.not_run = selection.not_run
        self.left_behind: list[str] = []
        os.environ[SESSION_VARIABLE] = self.session

    @property
    def not_allowed(self) -> list[tuple[str, str, str]]:
        """(node ID, ability, reason) of what stayed out without being listed."""
        allowed = allowed_reasons(_ALLOWED_FILE.read_text(encoding="utf-8"))
        return [
            entry
            for entry in self.not_run
            if not any(
                ability == entry[1] and fnmatch.fnmatchcase(entry[0], glob)
                for ability, glob in allowed
            )
        ]

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Producer) -> UnitScheduling:
        return UnitScheduling(config, log)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: WorkerController) -> None:
        measuring = Coverage.current()
        node.workerinput["coverage_file"] = measuring and measuring.get_option("run:data_file")

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: WorkerController) -> None:
        output = getattr(node, "workeroutput", {})  # a worker that crashed has none
        MEASURED.extend(Figure(*figure) for figure in output.get("figures", ()))
        self.not_run += [one for one in output.get("not_run", ()) if one not in self.not_run]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[area_of(report.nodeid)] += report.duration

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, None, None]:
        yield  # until fixtures and workers are gone
        if MEASURED:
            keep(session.config.rootpath / FILE)
        self.left_behind = leftovers(self.session, self.namespaces_before)
        if (self.left_behind or self.not_allowed) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        write = terminalreporter.write_line
        if self.seconds:
            terminalreporter.section("seconds by area")
            for area, budget in BUDGET_SECONDS.items():
                if area in self.seconds:
                    note = "  over its budget" if self.seconds[area] > budget else ""
                    write(f"{area:14}{self.seconds[area]:8.1f} of {budget}{note}")
        if MEASURED:
            terminalreporter.section("figures")
            for figure in MEASURED:
                write(str(figure))
        if self.not_run:
            terminalreporter.section("not run here")
            by_reason: defaultdict[str, list[str]] = defaultdict(list)
            for node_id, _, reason in self.not_run:
                by_reason[reason].append(node_id)
            for reason, node_ids in by_reason.items():
                write(f"{reason} ({len(node_ids)} tests):")
                for node_id in node_ids:
                    write(f"  {node_id}")
        for node_id, ability, _ in self.not_allowed:
            write(
                f"FAILED {node_id}: left out for want of {ability!r}, "
                f"which tests/{_ALLOWED_FILE.name} does not allow",
                red=True,
            )
        if self.left_behind:
            terminalreporter.section("left behind")
            for line in self.left_behind:
                write(f"FAILED {line}", red=True)

    def pytest_unconfigure(self) -> None:
        if self.outer_session is None:
            os.environ.pop(SESSION_VARIABLE, None)
        else:
            os.environ[SESSION_VARIABLE] = self.outer_session


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        # A shell's background job ignores it, and so would every process of a test.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    selection = Selection()
    config.pluginmanager.register(selection, "mapsys-selection")
    if hasattr(config, "workerinput"):
        config.pluginmanager.register(Worker(config), "mapsys-worker")
        config.pluginmanager.register(HandOver(config, selection), "mapsys-hand-over")
    else:
        config.pluginmanager.register(RunReport(selection), "mapsys-run-report")
