"""Rules and dashboards: read by the programs that will read them, and true to what is exported."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from mapsys.http.metrics_families import FAMILIES, series_names
from tests.programs import require_program

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
RULES = sorted((DEPLOY / "prometheus" / "rules").glob("*.yaml"))
RULE_TESTS = sorted((DEPLOY / "prometheus" / "tests").glob("*.yaml"))
DASHBOARDS = sorted((DEPLOY / "grafana").glob("*.json"))

NAME = re.compile(r"\b(?:[a-z_]+:)?mapsys_[a-zA-Z0-9_:]+")
LABEL = re.compile(r"\b([a-z_]+)(?:=~|!~|!=|=)\"")

OF_THE_SCRAPER = {"job", "instance", "le"}


def promtool(*arguments: str | Path) -> str:
    """What it said; fails where it finds something wrong."""
    command = [require_program("promtool", "prometheus"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rules() -> list[dict[str, Any]]:
    documents = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in RULES]
    return [rule for one in documents for group in one["groups"] for rule in group["rules"]]


def recorded() -> set[str]:
    return {rule["record"] for rule in rules() if "record" in rule}


def panels(path: Path) -> list[dict[str, Any]]:
    """The panels of a dashboard that show something."""
    dashboard = json.loads(path.read_text(encoding="utf-8"))
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def queries(path: Path) -> list[str]:
    """Every expression of a dashboard, with the variables of time filled in."""
    found = [target["expr"] for panel in panels(path) for target in panel["targets"]]
    return [one.replace("$__rate_interval", "5m") for one in found]


def asked_for(expression: str) -> None:
    """Fail where a query names what is not exported."""
    for name in NAME.findall(expression):
        assert name in series_names() | recorded(), f"{name} in {expression}"
    labels = {label for family in FAMILIES.values() for label in family.labels}
    for label in LABEL.findall(expression):
        assert label in labels | OF_THE_SCRAPER, f"label {label} in {expression}"


def test_rules_are_in_order() -> None:
    assert "SUCCESS" in promtool("check", "rules", *RULES)


def test_rules_do_what_their_tests_say() -> None:
    assert promtool("test", "rules", *RULE_TESTS).count("SUCCESS") == len(RULE_TESTS)


def test_every_alert_has_a_test_in_which_it_is_raised() -> None:
    raised = {
        case["alertname"]
        for path in RULE_TESTS
        for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]
        for case in test.get("alert_rule_test", [])
        if case["exp_alerts"]
    }
    assert raised == {rule["alert"] for rule in rules() if "alert" in rule}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_asks_for_what_is_exported(rule: dict[str, Any]) -> None:
    asked_for(rule["expr"])
    assert NAME.search(rule["expr"])
    if "alert" in rule:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"].keys() == {"summary", "description"}
        for name in NAME.findall(rule["annotations"]["description"]):
            assert name in series_names()


def test_the_scraper_loads_the_rules() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus.yml").read_text(encoding="utf-8"))
    found = {path for pattern in config["rule_files"] for path in DEPLOY.glob(pattern)}
    assert found == set(RULES)


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_asks_for_what_is_exported(path: Path, tmp_path: Path) -> None:
    dashboard = json.loads(path.read_text(encoding="utf-8"))
    assert dashboard["uid"] == path.stem
    identifiers = [panel["id"] for panel in dashboard["panels"]]
    assert len(identifiers) == len(set(identifiers))
    assert all(panel["targets"] for panel in panels(path))
    for query in queries(path):
        asked_for(query)
    as_rules = [{"record": "a:panel:query", "expr": query} for query in queries(path)]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": as_rules}]}))
    promtool("check", "rules", "--lint=none", file)


def test_panels_do_not_lie_over_each_other() -> None:
    for path in DASHBOARDS:
        taken: set[tuple[int, int]] = set()
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            place = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert not cells & taken, f"{path.name}: {panel['title']}"
            assert place["x"] + place["w"] <= 24
            taken |= cells
