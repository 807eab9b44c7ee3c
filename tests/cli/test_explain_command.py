"""explain and key, as an operator types them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

from mapsys.cli.main import cli
from mapsys.cli.output import FORMATS
from tests.http.node import Node
from tests.http.process import HttpProcess, http_process
from tests.http.registered import register

XTR_ID = bytes(range(16))
MARK = bytes((1,)) + XTR_ID + b"site-one"


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node where a host moved, and a refusal stands beside its site."""
    with Node(tmp_path_factory.mktemp("state")) as running:
        register(running, "198.18.1.0/24")
        register(running, "198.18.1.7/32", xtr_id=XTR_ID)
        register(running, "198.18.1.7/32", xtr_id=bytes(15) + b"\1", rloc="127.0.0.3")
        register(running, "198.18.5.0/24", "198.18.1.0/24")
        yield running


@pytest.fixture(scope="module")
def served(moved: Node) -> Iterator[HttpProcess]:
    with http_process(moved.state) as running:
        yield running


def invoke(node: Node, *arguments: str) -> Result:
    return CliRunner().invoke(cli, [*arguments, "--state", str(node.state)], prog_name="mapsys")


@pytest.mark.usefixtures("served")
def test_an_explanation_reads_from_the_site_to_the_moves(moved: Node) -> None:
    result = invoke(moved, "explain", "198.18.1.7")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "EID           198.18.1.7/32"
    assert "Map-Reply     198.18.1.7/32 127.0.0.3 1/100" in lines
    because = lines.index("because")
    assert lines[because + 1].startswith("  site: site-one holds it by 198.18.1.0/24")
    assert any(line.startswith("  key: ") for line in lines)
    assert lines[-2] == "moves"
    assert f"from 127.0.0.2 (xTR {XTR_ID.hex()}) to 127.0.0.2 (xTR 00" in lines[-1]


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("form", FORMATS)
def test_an_explanation_comes_in_every_form(moved: Node, form: str) -> None:
    result = invoke(moved, "explain", "198.18.1.7", "-o", form)
    assert result.exit_code == 0
    assert "site-one" in result.stdout
    if form in ("json", "ndjson"):
        assert json.loads(result.stdout)["moves"][0]["to"]["host"] == "127.0.0.2"


@pytest.mark.usefixtures("served")
def test_what_is_not_registered_is_explained_with_exit_code_3(moved: Node) -> None:
    result = invoke(moved, "explain", "198.18.7.7")
    assert result.exit_code == 3
    assert "the largest prefix around the EID" in result.stdout
    assert "moves" not in result.stdout


@pytest.mark.usefixtures("served")
def test_the_last_refusal_comes_with_what_to_do(moved: Node) -> None:
    result = invoke(moved, "explain", "--last-refused", "site-one")
    assert result.exit_code == 0, result.output
    for part in ("198.18.5.0/24", "not-configured", "127.0.0.2:4342", "eids"):
        assert part in result.stdout
    assert "what to do" in result.stdout
    nothing = invoke(moved, "explain", "--last-refused", "site-two")
    assert nothing.exit_code == 3
    assert "nothing of site-two was refused" in nothing.stderr
    assert invoke(moved, "explain", "--last-refused", "nobody").exit_code == 3


def test_an_eid_or_a_site_and_not_both(moved: Node) -> None:
    assert invoke(moved, "explain").exit_code == 2
    assert invoke(moved, "explain", "198.18.1.7", "--last-refused", "site-one").exit_code == 2


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("form", FORMATS)
def test_keys_are_listed_without_their_secrets(moved: Node, form: str) -> None:
    result = invoke(moved, "key", "list", "site-one", "-o", form)
    assert result.exit_code == 0, result.output
    assert "hmac-sha-256-128" in result.stdout
    assert "current" in result.stdout
    assert "the secret of" not in result.stdout
    assert invoke(moved, "key", "list", "nobody").exit_code == 3


@pytest.mark.usefixtures("served")
def test_a_nonce_is_forgotten_once(moved: Node) -> None:
    moved.store.raise_nonce(MARK, 0x1234)
    arguments = ("key", "forget-nonce", "site-one", "1", "--xtr-id", XTR_ID.hex())
    result = invoke(moved, *arguments)
    assert result.exit_code == 0, result.output
    assert result.stdout == "forgotten: nonce 0x0000000000001234 of site-one, key-id 1\n"
    assert moved.store.nonce_mark(MARK) is None
    again = invoke(moved, *arguments)
    assert again.exit_code == 3
    assert "any is accepted" in again.stderr
    assert invoke(moved, "key", "forget-nonce", "site-one", "9").exit_code == 3
    assert invoke(moved, "key", "forget-nonce", "nobody", "1").exit_code == 3
    for wrong in ("12", "zz"):
        assert invoke(moved, *arguments[:-1], wrong).exit_code == 2


def test_a_nonce_is_not_forgotten_over_tcp(moved: Node, served: HttpProcess) -> None:
    moved.store.raise_nonce(MARK, 0x1234)
    url = f"http://127.0.0.1:{served.port}"
    result = CliRunner().invoke(
        cli, ["key", "forget-nonce", "site-one", "1", "--url", url], prog_name="mapsys"
    )
    assert result.exit_code == 5
    assert "http.sock" in result.stderr
    assert moved.store.nonce_mark(MARK) == 0x1234
