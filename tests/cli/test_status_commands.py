"""status, sites, registrations and lookup, in every form and over both ways to the API."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

import mapsys
from mapsys.cli.main import cli
from mapsys.cli.output import FORMATS, Column, field, print_item, printable
from mapsys.eid import EidPrefix
from mapsys.query_fleet_rows import FleetMemberRow, FleetRow
from tests.cli.conftest import Run
from tests.http.node import Node
from tests.http.process import HttpProcess, http_process

COMMANDS = [
    ["status"],
    ["sites"],
    ["sites", "site-one"],
    ["registrations"],
    ["lookup", "198.18.1.1"],
    ["explain", "198.18.1.1"],
    ["history", "198.18.1.1"],
    ["key", "list", "site-one"],
    ["review"],
    ["events"],
    ["changes"],
    ["reload", "--dry-run"],
]


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli, [*arguments], prog_name="mapsys")


def read(form: str, text: str) -> list[Any]:
    """The items a command printed."""
    match form:
        case "json":
            found = json.loads(text)
            return found if isinstance(found, list) else [found]
        case "ndjson":
            return [json.loads(line) for line in text.splitlines()]
        case "yaml":
            found = yaml.safe_load(text)
            return found if isinstance(found, list) else [found]
        case "csv":
            return list(csv.DictReader(io.StringIO(text)))
    return text.splitlines()


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_in_every_form(node: Node, command: list[str], form: str) -> None:
    result = invoke(*command, "--state", str(node.state), "-o", form)
    assert result.exit_code == 0, result.output
    items = read(form, result.stdout)
    assert items
    assert "\x1b" not in result.stdout
    if command == ["registrations"] and form != "table":
        assert len(items) == 5
    if command == ["sites"] and form in ("json", "ndjson", "yaml"):
        assert [one["name"] for one in items] == ["site-one", "site-two"]


def test_the_same_over_tcp(web: HttpProcess) -> None:
    result = invoke("status", "--url", f"http://127.0.0.1:{web.port}", "-o", "json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["node"] == "ms1.example"


@pytest.mark.usefixtures("web")
def test_sites_says_why_a_register_was_refused(node: Node) -> None:
    result = invoke("sites", "--state", str(node.state))
    assert "not-configured" in result.stdout
    assert "198.18.5.0/24" in result.stdout
    assert "127.0.0.2:4342" in result.stdout


@pytest.mark.usefixtures("web")
def test_instance_ids_stand_in_tables_as_they_are(node: Node) -> None:
    result = invoke("sites", "site-one", "--state", str(node.state))
    assert "[100]2001:db8:e001::/48 (1 registered, more-specifics)" in result.stdout


@pytest.mark.usefixtures("web")
def test_registrations_are_filtered_and_cut(node: Node) -> None:
    where = ["--state", str(node.state), "-o", "ndjson"]
    inside = invoke("registrations", "--prefix", "198.18.0.0/15", "--match", "covered", *where)
    assert [one["eid_prefix"] for one in read("ndjson", inside.stdout)] == [
        "198.18.1.0/24",
        "198.18.1.128/25",
    ]
    cut = invoke("registrations", "--limit", "2", *where)
    assert len(read("ndjson", cut.stdout)) == 2
    assert "--all" in cut.stderr
    everything = invoke("registrations", "--limit", "2", "--all", *where)
    assert len(read("ndjson", everything.stdout)) == 5
    assert everything.stderr == ""
    one = invoke("registrations", "-i", "100", "--site", "site-one", *where)
    assert [one["eid_prefix"] for one in read("ndjson", one.stdout)] == ["2001:db8:e001::/48"]


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["sites", "nobody"], 3, "nobody"),
        (["registrations", "--prefix", "198.18.9.0/24"], 3, ""),
        (["registrations", "--prefix", "198.18.1.7/24"], 2, "host bits"),
        (["registrations", "--match", "like"], 2, "like"),
        (["registrations", "--limit", "0"], 2, "--limit"),
        (["lookup", "198.18.4.1"], 3, ""),
        (["lookup", "not-an-eid"], 2, "not-an-eid"),
        (["lookup"], 2, "EID"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_exit_codes(node: Node, arguments: list[str], code: int, message: str) -> None:
    where = ["--state", str(node.state)] if arguments[0] != "nonsense" else []
    result = invoke(*arguments, *where)
    assert result.exit_code == code, result.output
    assert message in result.stderr


@pytest.mark.usefixtures("web")
def test_status_fails_while_the_daemon_is_not_ready(node: Node) -> None:
    node.not_ready.append("the journal is still being read")
    try:
        result = invoke("status", "--state", str(node.state))
    finally:
        node.not_ready.clear()
    assert result.exit_code == 1
    assert "the journal is still being read" in result.stdout


@pytest.mark.usefixtures("web")
def test_status_tells_of_the_fleet(node: Node) -> None:
    here = FleetMemberRow("ms1.example", "0.1.0", 1_700_000_060, True, 17)
    there = FleetMemberRow("ms2.example", "0.1.0", 1_700_000_000, False, 12)
    node.fleet_row = FleetRow("Connection refused", 1_700_000_000, 0.25, 3, [here, there])
    try:
        table = invoke("status", "--state", str(node.state)).stdout
        answer = invoke("status", "--state", str(node.state), "-o", "json").stdout
    finally:
        node.fleet_row = None
    assert (
        "degraded: Connection refused, since 2023-11-14T22:13:20Z"
        " (lag 0.250 s, 3 records in the outbox)"
    ) in table
    assert (
        "ms1.example (0.1.0, 17 registrations),"
        " ms2.example (0.1.0, 12 registrations, silent since 2023-11-14T22:13:20Z)"
    ) in table
    fleet = json.loads(answer)["fleet"]
    assert (fleet["degraded"], fleet["outbox"], len(fleet["members"])) == (True, 3, 2)


@pytest.mark.usefixtures("web")
def test_what_a_fleet_serves_past_its_lifetime_is_marked(node: Node) -> None:
    node.stale.add(EidPrefix.parse("198.18.1.128/25"))
    try:
        answer = invoke("registrations", "--state", str(node.state), "-o", "json").stdout
    finally:
        node.stale.clear()
    stale = [one["eid_prefix"] for one in json.loads(answer) if "stale" in one["flags"]]
    assert stale == ["198.18.1.128/25"]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_nobody_there_is_exit_code_4(run: Run, command: list[str]) -> None:
    ended = run(*command, "--state", "nowhere")
    assert ended.returncode == 4
    assert ended.stdout == ""
    assert "nowhere/http.sock" in ended.stderr
    assert "mapsys run" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_daemon_gone_but_http_process_there_is_exit_code_4(tmp_path: Path) -> None:
    with http_process(tmp_path):
        result = invoke("status", "--state", str(tmp_path))
    assert result.exit_code == 4
    assert "query.sock" in result.stderr


@pytest.mark.parametrize("url", ["ftp://host", "http://", "http://host:99999", "host:80"])
def test_a_wrong_url_is_a_usage_error(url: str) -> None:
    result = invoke("status", "--url", url)
    assert result.exit_code == 2
    assert url in result.stderr


def test_nothing_found_names_the_usual_places(run: Run) -> None:
    ended = run("status", MAPSYS_STATE="", MAPSYS_URL="")
    assert ended.returncode == 4
    assert "run/demo" in ended.stderr
    assert "--state" in ended.stderr


@pytest.mark.usefixtures("web")
def test_environment_names_the_state_folder(run: Run, node: Node) -> None:
    ended = run("status", "-o", "json", MAPSYS_STATE=str(node.state))
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["sites"] == 2


def test_version(run: Run) -> None:
    ended = run("--version")
    assert ended.returncode == 0
    assert mapsys.__version__ in ended.stdout


def test_text_cannot_steer_a_terminal() -> None:
    assert printable("a\x1b[2Jb\nc") == "a\\x1b[2Jb\\nc"
    assert printable(None) == "-"
    assert printable([True, "x"]) == "yes, x"


def test_csv_holds_no_formula_and_nothing_for_what_there_is_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    item = {"name": "=HYPERLINK(1)", "gone": None, "none": [], "below": -3, "on": True}
    print_item("csv", [Column(name, field(name)) for name in item], item)
    assert capsys.readouterr().out.splitlines()[1] == "'=HYPERLINK(1),,,-3,yes"
