"""The configuration of the tunnel router, and the page that describes it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from mapsys.cli.exits import ExitCode
from mapsys.cli.main import cli
from mapsys.config.faults import ConfigError
from mapsys.config.schema import REQUIRED
from mapsys.eid import EidPrefix
from mapsys.xtr.effects import Event, Uncarried
from mapsys.xtr.schema import XTR, load
from tests.config.test_documentation import ROW, keys_of, written_default

PAGE = (Path(__file__).parents[2] / "docs" / "xtr.md").read_text(encoding="utf-8")
SCHEMA = dict(keys_of(XTR))
DOCUMENTED = {key: default for key, default, _ in ROW.findall(PAGE)}

SMALLEST = """
name: alpha
state: nonce
status-socket: alpha.sock
locators: [{address: 192.0.2.11}]
map-resolvers: [192.0.2.1]
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "xtr.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_key_is_documented_and_nothing_else() -> None:
    assert sorted(DOCUMENTED) == sorted(SCHEMA)


@pytest.mark.parametrize("key", sorted(SCHEMA))
def test_the_documented_default_is_the_real_one(key: str) -> None:
    field = SCHEMA[key]
    if key.endswith(".secret"):
        assert DOCUMENTED[key] == "none"
    elif field.default is REQUIRED:
        assert DOCUMENTED[key] == "required"
    elif (default := written_default(field)) is not None:
        assert DOCUMENTED[key] == f"`{default}`"
    else:
        assert DOCUMENTED[key] == "none"


@pytest.mark.parametrize("word", sorted({*Event, *Uncarried}))
def test_event_or_reason_is_explained(word: str) -> None:
    assert f"`{word}`" in PAGE


def test_documented_example_is_in_order(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    (tmp_path / "alpha.key").write_text("a secret\n", encoding="utf-8")
    (tmp_path / "alpha.key").chmod(0o600)
    settings = load(written(tmp_path, example[1]))
    assert settings.eids[1] == EidPrefix.parse("192.168.1.0/24", 100)
    assert settings.map_servers[0].key.secret.reveal() == b"a secret"
    assert settings.local_host_of("2001:db8::1") == "2001:db8:f::11"


def test_defaults_are_those_of_a_router_that_only_asks(tmp_path: Path) -> None:
    settings = load(written(tmp_path, SMALLEST))
    assert (settings.eids, settings.map_servers, settings.devices) == ((), (), ())
    assert settings.state == tmp_path / "nonce"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("locator: []", "did you mean 'locators'?"),
        ("eids: [{prefix: 198.18.1.0/24}]", "no Map-Server to register them with"),
        ("subscribe: {secret: abc}", "takes an xTR-ID"),
        ("devices: [{name: a}, {name: b}]", "two devices have one instance-ID"),
        ("devices: [{name: a-name-of-16-char}]", "at most 15"),
        ("path-mtu: 100", "outside 1280 to 65535"),
        ("xtr-id: 12", "32 hexadecimal digits"),
    ],
)
def test_fault_is_told_with_its_place(tmp_path: Path, more: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)) as caught:
        load(written(tmp_path, SMALLEST + more))
    assert caught.value.faults[0].line == 7


def test_router_without_an_own_locator_is_refused(tmp_path: Path) -> None:
    text = SMALLEST.replace("192.0.2.11}", "192.0.2.11, local: false}")
    with pytest.raises(ConfigError, match="none of them is local"):
        load(written(tmp_path, text))


def test_command_checks_a_file_and_needs_a_router_for_orders(tmp_path: Path) -> None:
    path = str(written(tmp_path, SMALLEST))
    runner = CliRunner()
    assert runner.invoke(cli, ["xtr", "-c", path, "--check"]).output == f"{path}: ok\n"
    asked = runner.invoke(cli, ["xtr", "-c", path, "--status"])
    assert asked.exit_code == ExitCode.UNREACHABLE
    assert runner.invoke(cli, ["xtr", "-c", path, "--left", "x"]).exit_code == ExitCode.USAGE
    bad = str(written(tmp_path, SMALLEST + "pitr: yes\n"))
    assert runner.invoke(cli, ["xtr", "-c", bad]).exit_code == ExitCode.INVALID_CONFIGURATION


def test_help_says_what_it_is_not() -> None:
    said = CliRunner().invoke(cli, ["xtr", "--help"]).output
    assert "no production" in said
