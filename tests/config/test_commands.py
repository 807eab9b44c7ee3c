"""``mapsys check`` and ``mapsys config`` as a person calls them."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from mapsys.cli.check import check
from mapsys.cli.config import config
from mapsys.config.load import load
from tests.config.files import GOOD, SITE, put
from tests.config.test_load import DEMO, EXAMPLE

BAD = GOOD.replace("listen", "lisen")


def test_a_good_file_is_one_line_and_exit_code_0(tmp_path: Path) -> None:
    path = put(tmp_path, GOOD + SITE)
    result = CliRunner().invoke(check, [str(path)])
    assert result.stdout == f"{path}: ok: 1 site, 1 EID-Prefix, Map-Server\n"
    assert result.exit_code == 0


def test_a_bad_file_has_every_fault_on_stderr_and_exit_code_6(tmp_path: Path) -> None:
    bad, good = put(tmp_path, BAD), put(tmp_path, GOOD + "map-resolver: {}\n", "good.yaml")
    result = CliRunner().invoke(check, [str(bad), str(good)])
    assert result.stderr == (
        f"{bad}:2:10: control: 'listen' is missing; give a list of addresses with ports,"
        " as in [127.0.0.1:4342]\n"
        f"{bad}:2:11: control: unknown key 'lisen'; did you mean 'listen'?\n"
        f"{bad}: 2 faults; not usable\n"
    )
    assert result.stdout == f"{good}: ok: 0 sites, 0 EID-Prefixes, Map-Server and Map-Resolver\n"
    assert result.exit_code == 6


def test_warnings_do_not_make_a_file_bad(tmp_path: Path) -> None:
    path = put(tmp_path, GOOD + "http: {listen: 0.0.0.0:8042, unprotected: true}\n")
    result = CliRunner().invoke(check, [str(path)])
    assert result.stderr.startswith(f"warning: {path}:4:16: http.listen: ")
    assert result.exit_code == 0


def test_json_has_one_object_a_file(tmp_path: Path) -> None:
    bad, good = put(tmp_path, BAD), put(tmp_path, GOOD + SITE, "good.yaml")
    result = CliRunner().invoke(check, ["--json", str(bad), str(good)])
    first, second = map(json.loads, result.stdout.splitlines())
    assert first["valid"] is False
    assert first["faults"][1] == {
        "file": str(bad),
        "line": 2,
        "column": 11,
        "path": "control",
        "message": "unknown key 'lisen'; did you mean 'listen'?",
    }
    assert second == {
        "file": str(good),
        "valid": True,
        "roles": ["Map-Server"],
        "sites": 1,
        "eid-prefixes": 1,
        "warnings": [],
    }
    assert result.exit_code == 6


def test_no_file_is_a_usage_error_and_a_missing_one_is_a_fault(tmp_path: Path) -> None:
    assert CliRunner().invoke(check, []).exit_code == 2
    result = CliRunner().invoke(check, [str(tmp_path / "no.yaml")])
    assert f"{tmp_path}/no.yaml: cannot be read: No such file or directory\n" in result.stderr
    assert result.exit_code == 6


def test_config_prints_what_is_in_effect(tmp_path: Path) -> None:
    result = CliRunner().invoke(config, [str(put(tmp_path, GOOD))])
    again = put(tmp_path, result.stdout, "again.yaml")
    assert "registration-lifetime: 3m\n" in result.stdout
    assert load(again) == load(tmp_path / "mapsys.yaml")
    assert result.exit_code == 0


def test_config_shows_no_secret_of_the_demo() -> None:
    result = CliRunner().invoke(config, [str(DEMO)])
    assert result.stdout.count("secret: '***'") == 4
    assert "laboratory" not in result.output


def test_config_tells_what_a_new_file_would_change(tmp_path: Path) -> None:
    old = put(tmp_path, EXAMPLE, "old.yaml")
    new = put(tmp_path, EXAMPLE.replace("restart-grace: 2h", "restart-grace: 3h"), "new.yaml")
    result = CliRunner().invoke(config, [str(new), "--against", str(old)])
    assert result.stdout == "map-server.restart-grace: 2h becomes 3h\n"
    result = CliRunner().invoke(config, [str(new), "--against", str(new)])
    assert result.stdout == "nothing changes\n"


def test_config_of_a_bad_file_tells_its_faults(tmp_path: Path) -> None:
    result = CliRunner().invoke(config, [str(put(tmp_path, BAD))])
    assert "unknown key 'lisen'" in result.stderr
    assert result.stdout == ""
    assert result.exit_code == 6
