"""The JSON Schema that editors are given allows what is read, and little else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from click.testing import CliRunner

from mapsys.cli.main import cli
from mapsys.config.json_schema import json_schema, patch_of
from mapsys.config.sites import SITE

ROOT = Path(__file__).parents[2]
GOOD = (
    "deploy/demo/mapsys.yaml",
    "deploy/demo/sites.d/10-sites.yaml",
    "deploy/compose/mapsys.yaml",
)
BAD = (
    "unknown-keys",
    "wrong-shapes",
    "fleet",
)
OF_A_SITE = {
    "name": "site-one",
    "keys": [{"id": 1, "secret": "any"}],
    "eids": [{"prefix": "198.18.1.0/24", "accept-more-specifics": True}],
    "notify-port": 4342,
    "rlocs": "any",
    "rate-limits": {"registers-per-site": "100/s"},
    "place": {"latitude": 47.4, "longitude": "8.5"},
}


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    printed = CliRunner().invoke(cli, ["schema"])
    assert printed.exit_code == 0, printed.output
    schema: dict[str, Any] = json.loads(printed.output)
    return schema


def is_valid(schema: dict[str, Any], instance: object) -> bool:
    return jsonschema_rs.validator_for(schema).is_valid(instance)


@pytest.mark.parametrize("name", GOOD)
def test_a_file_that_is_used_is_allowed(whole: dict[str, Any], name: str) -> None:
    document = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    if set(document) == {"sites"}:  # an included file
        document |= {"node": "any", "control": {"listen": ["127.0.0.1:4342"]}}
    found = jsonschema_rs.validator_for(whole).iter_errors(document)
    assert [f"{list(error.instance_path)}: {error.message}" for error in found] == []


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_is_refused_is_not(whole: dict[str, Any], name: str) -> None:
    text = (ROOT / "tests/config/faulty" / f"{name}.yaml").read_text(encoding="utf-8")
    assert not is_valid(whole, yaml.safe_load(text))


@pytest.mark.parametrize(
    ("change", "allowed"),
    [
        ({}, True),
        ({"colour": "red"}, False),
        ({"keys": []}, False),
        ({"keys": [{"id": "256"}]}, False),
        ({"keys": [{"id": 256, "secret": "any"}]}, False),
        ({"keys": [{"id": "1", "secret": "any"}]}, True),
        ({"keys": [{"id": 1, "secret-file": "/etc/hostname"}]}, False),
        ({"keys": [{"id": 1, "secret": "any", "algorithm": "hmac-sha-1-96"}]}, True),
        ({"keys": [{"id": 1, "secret": "any", "algorithm": "md5"}]}, False),
        ({"notify-port": "source"}, True),
        ({"notify-port": 4343}, False),
        ({"enabled": "false"}, True),
        ({"enabled": "no"}, False),
        ({"lisp-sec": "protected-link"}, True),
        ({"place": {"latitude": 91, "longitude": 0}}, False),
    ],
)
def test_a_site_of_the_api(change: dict[str, Any], allowed: bool) -> None:
    assert is_valid(json_schema(SITE, files=False), {**OF_A_SITE, **change}) is allowed


def test_a_patch_has_any_part_of_a_site_and_null_for_what_is_to_go() -> None:
    patch = patch_of(json_schema(SITE, files=False))
    for allowed in ({}, {"deny": None}, {"place": {"latitude": 1}}, {"enabled": False}):
        assert is_valid(patch, allowed), allowed
    refusals: tuple[object, ...] = ({"colour": None}, {"keys": [{"id": 1}]}, {"enabled": 7}, [])
    for refused in refusals:
        assert not is_valid(patch, refused), refused
