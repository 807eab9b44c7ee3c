"""What the poller found, as the API, the metrics and the command line show it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from prometheus_client.parser import text_string_to_metric_families

from mapsys.cli.main import cli
from mapsys.eid import EidPrefix
from mapsys.http.problem import Problem
from mapsys.poller.dumps import Dumps
from mapsys.poller.results import (
    FOLDER_NAME,
    Flag,
    HeardRow,
    PolledRow,
    PollResults,
    ResultsFile,
)
from mapsys.poller.results import Result as Ending
from mapsys.query_measures_rows import HistogramRow, PollerRow
from tests.http.node import Node
from tests.http.process import HttpProcess, http_process

RESOLVER = "127.0.0.1:4342"
SETTINGS = PollerRow([("127.0.0.1", 4342)], None, 60, 2, 200, 30, [])
NOON = 1_790_000_000 // 86_400 * 86_400 + 43_200


def heard(answer: str, *flags: Flag) -> HeardRow:
    ending = Ending.SILENT if Flag.SILENT in flags else Ending.MAPPING
    seconds = None if ending is Ending.SILENT else 0.0125
    return HeardRow(RESOLVER, ending, answer, "198.18.0.0/24", RESOLVER, seconds, 1, [*flags])


def found(at: float, changed: str = "192.0.2.1 1/100 255/0") -> PollResults:
    """Five EIDs, of which one is silent and one is slow and wrong."""
    rows = []
    for number in range(5):
        answer = heard("192.0.2.1 1/100 255/0")
        if number == 1:
            answer = heard("silent", Flag.SILENT)
        if number == 3:
            answer = heard(changed, Flag.WRONG, Flag.SLOW)
        eid = EidPrefix.parse(f"[7]198.18.{number}.0")
        rows.append(PolledRow(eid.pack(), f"site-{number}", None, answer.flags, [answer]))
    endings = {Ending.MAPPING: 8, Ending.NEGATIVE: 0, Ending.SILENT: 2}
    round_trips = {RESOLVER: HistogramRow([0.01, 0.1], [3, 5, 0], 0.4)}
    return PollResults(at, at + 5, 60, [RESOLVER], [], rows, 2, {RESOLVER: endings}, round_trips)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    state = tmp_path_factory.mktemp("state")
    (state / FOLDER_NAME).mkdir()
    with Node(state) as running:
        running.poller_row = SETTINGS
        yield running


@pytest.fixture(scope="module")
def web(node: Node) -> Iterator[HttpProcess]:
    with http_process(node.state) as running:
        waiting = running.get("/api/v1/poller")
        assert (waiting.status, waiting.json()["type"]) == (404, Problem.NO_POLL_RESULTS.uri)
        assert running.get("/api/v1/poller/dumps/latest").status == 404
        for results in (found(NOON), found(NOON + 86_400, changed="192.0.2.9 1/100 255/0")):
            Dumps(node.state).keep(results, 30)
            ResultsFile(node.state).write(results)
        yield running


def test_the_last_cycle_is_shown_with_its_counts(web: HttpProcess) -> None:
    body = web.get("/api/v1/poller").json()
    assert body["eids"] == 5
    assert body["flagged"] == {"silent": 1, "wrong": 1, "slow": 1, "disagreeing": 0}
    assert (body["finished_at"], body["interval_seconds"]) == ("2026-09-22T12:00:05Z", 60)
    assert [one["eid"] for one in body["items"]] == [f"198.18.{n}.0" for n in range(5)]
    assert body["items"][3]["flags"] == ["wrong", "slow"]
    assert body["items"][3]["heard"][0]["rtt_seconds"] == 0.0125
    assert body["items"][0]["instance_id"] == 7


@pytest.mark.parametrize(
    ("flag", "sites"),
    [
        ("silent", ["site-1"]),
        ("slow", ["site-3"]),
        ("disagreeing", []),
        ("any", ["site-1", "site-3"]),
    ],
)
def test_eids_are_chosen_by_flag(web: HttpProcess, flag: str, sites: list[str]) -> None:
    items = web.get(f"/api/v1/poller?flag={flag}").json()["items"]
    assert [one["site"] for one in items] == sites


def test_eids_come_page_by_page(web: HttpProcess) -> None:
    sites = []
    target = "/api/v1/poller?limit=2"
    for _ in range(3):
        page = web.get(target)
        sites += [one["site"] for one in page.json()["items"]]
        link = page.headers["Link"]
        if link is not None:
            target = link[1 : link.index(">")]
    assert sites == [f"site-{number}" for number in range(5)]
    assert page.json()["next"] is None


def test_dumps_and_what_they_have_different(web: HttpProcess) -> None:
    assert web.get("/api/v1/poller/dumps").json() == {"days": ["2026-09-21", "2026-09-22"]}
    latest = web.get("/api/v1/poller/dumps/latest").json()
    assert latest["day"] == "2026-09-22"
    assert latest["lines"][1] == "[7]198.18.1.0  site-1  198.18.0.0/24  silent"
    assert web.get("/api/v1/poller/dumps/2026-09-22/diff").json()["lines"] == [
        "- [7]198.18.3.0  site-3  198.18.0.0/24  192.0.2.1 1/100 255/0",
        "+ [7]198.18.3.0  site-3  198.18.0.0/24  192.0.2.9 1/100 255/0",
    ]


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("/api/v1/poller?flag=loud", Problem.INVALID_PARAMETER),
        ("/api/v1/poller?cursor=AA", Problem.BAD_CURSOR),
        ("/api/v1/poller/dumps/2026-09-20", Problem.NO_POLL_RESULTS),
        ("/api/v1/poller/dumps/%2e%2e%2fresults/diff", Problem.NO_POLL_RESULTS),
    ],
)
def test_what_cannot_be_shown_is_a_problem(web: HttpProcess, target: str, problem: Problem) -> None:
    reply = web.get(target)
    assert (reply.status, reply.json()["type"]) == (problem.status, problem.uri)


def test_metrics_tell_of_the_last_cycle(web: HttpProcess) -> None:
    samples = {
        (sample.name.removeprefix("mapsys_poller_"), *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(web.get("/metrics").body.decode())
        for sample in family.samples
    }
    assert samples["eids",] == 5
    assert samples["flagged", "silent"] == 1
    assert samples["flagged", "disagreeing"] == 0
    assert samples["cycles_total",] == 2
    assert samples["cycle_duration_seconds",] == 5
    assert samples["last_cycle_timestamp_seconds",] == NOON + 86_400 + 5
    assert samples["queries_total", RESOLVER, "silent"] == 2
    assert samples["round_trip_seconds_bucket", "0.1", RESOLVER] == 8
    assert samples["round_trip_seconds_count", RESOLVER] == 8


def invoke(node: Node, *arguments: str) -> Result:
    return CliRunner().invoke(
        cli, ["poller", *arguments, "--state", str(node.state)], prog_name="mapsys"
    )


@pytest.mark.usefixtures("web")
def test_the_command_shows_what_is_flagged_and_what_changed(node: Node) -> None:
    status = invoke(node)
    assert status.exit_code == 0, status.output
    assert "1 silent, 1 wrong, 1 slow, 0 disagreeing" in status.stdout
    assert "[7]198.18.3.0" in status.stdout
    assert "192.0.2.9 1/100 255/0 (12.5 ms)" in status.stdout
    assert "site-2" not in status.stdout
    assert "site-2" in invoke(node, "--all").stdout
    assert [one["site"] for one in json.loads(invoke(node, "-o", "json").stdout)] == [
        "site-1",
        "site-3",
    ]
    assert len(invoke(node, "dump").stdout.splitlines()) == 5
    assert invoke(node, "diff").stdout.startswith("- [7]198.18.3.0  site-3")
    assert json.loads(invoke(node, "diff", "--day", "2026-09-21", "-o", "json").stdout) == {
        "day": "2026-09-21",
        "lines": [],
    }
    assert invoke(node, "dump", "--day", "2026-01-01").exit_code == 3


def test_without_a_poller_there_is_nothing_to_show(tmp_path: Path) -> None:
    with Node(tmp_path) as node, http_process(node.state) as web:
        reply = web.get("/api/v1/poller")
        assert (reply.status, reply.json()["type"]) == (404, Problem.NO_POLL_RESULTS.uri)
        assert b"mapsys_poller" not in web.get("/metrics").body
        assert invoke(node).exit_code == 3
