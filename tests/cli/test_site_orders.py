"""``mapsys sites``, ``key`` and ``audit`` on sites of the database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from mapsys.cli.main import cli
from tests.http.node import Node
from tests.http.process import http_process

SECRET = "canary-1d90-of-a-customer"
SITE = f"""\
name: customer
keys: [{{id: 1, secret: {SECRET}}}]
eids: [{{prefix: 198.18.3.0/24, accept-more-specifics: true}}]
"""

Order = Callable[..., Result]


@pytest.fixture(scope="module")
def order(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Order]:
    """Runs a command against a node."""
    with Node(tmp_path_factory.mktemp("state")) as node, http_process(node.state):
        place = ["--state", str(node.state)]

        def run(*arguments: str | Path, said: str | None = None) -> Result:
            return CliRunner().invoke(cli, [*map(str, arguments), *place], input=said)

        yield run


def done(result: Result) -> str:
    assert result.exit_code == 0, result.output
    assert SECRET not in result.output
    return result.stdout


def test_a_site_is_added_shown_set_and_removed(order: Order, tmp_path: Path) -> None:
    assert done(order("sites", "add", "-", "--once", "a-1", said=SITE)) == "added: customer\n"
    assert done(order("sites", "add", "-", "--once", "a-1", said=SITE)) == "added: customer\n"
    taken = order("sites", "add", "-", said=SITE)
    assert (taken.exit_code, "site 'customer' in the database" in taken.stderr) == (5, True)
    shown = done(order("sites", "show", "customer", "-o", "yaml"))
    assert done(order("sites", "set", "-", said=shown)) == "set: customer\n"
    assert done(order("sites", "show", "customer")) == shown
    whole: dict[str, Any] = yaml.safe_load(shown)
    assert json.loads(done(order("sites", "show", "customer", "-o", "json"))) == whole
    file = tmp_path / "customer.yaml"
    file.write_text(yaml.safe_dump({**whole, "deny": "drop"}))
    stale = order("sites", "set", file, "--if-match", '"0"')
    assert (stale.exit_code, "was changed since" in stale.stderr) == (5, True)
    done(order("sites", "set", file))
    assert "deny: drop" in done(order("sites", "show", "customer"))
    assert done(order("sites", "remove", "customer")) == "removed: customer\n"
    assert order("sites", "remove", "customer").exit_code == 3
    assert order("sites", "show", "customer").exit_code == 3


def test_what_is_wrong_with_a_site_is_told(order: Order, tmp_path: Path) -> None:
    wrong = order("sites", "add", "-", said=SITE.replace("198.18.3.0/24", "198.18.3.1/24"))
    assert wrong.exit_code == 2
    assert "/eids/0/prefix" in wrong.stderr
    assert "did you mean 198.18.3.0/24?" in wrong.stderr
    for said in ("{", "[]", f"secret: {SECRET}: x", " " * 300_000, "\x00"):
        refused = order("sites", "add", "-", said=said)
        assert refused.exit_code == 2, said[:20]
        assert SECRET not in refused.output
        assert refused.exception is None or isinstance(refused.exception, SystemExit)
    assert order("sites", "add", tmp_path / "none.yaml").exit_code == 2
    of_no_database = order("sites", "show", "site-one")
    assert of_no_database.exit_code == 5


def test_the_sites_of_a_file_are_imported_once(order: Order, tmp_path: Path) -> None:
    secret = tmp_path / "customer.key"
    secret.write_text(f"{SECRET}\n")
    secret.chmod(0o600)
    file = tmp_path / "sites.yaml"
    entries = [
        {
            "name": f"imported-{number}",
            "keys": [{"id": 1, "secret-file": secret.name}],
            "eids": [{"prefix": f"198.18.{number}.0/24"}],
        }
        for number in (4, 5)
    ]
    file.write_text(yaml.safe_dump({"sites": entries}))
    told = done(order("sites", "import", file, "--dry-run"))
    assert told == "imported-4: would be added\nimported-5: would be added\n"
    assert order("sites", "show", "imported-4").exit_code == 3
    told = done(order("sites", "import", file))
    assert told == "imported-4: added\nimported-5: added\n"
    told = done(order("sites", "import", file))
    assert told.count("is there already, left as it is") == 2
    assert "secret: '***'" in done(order("sites", "show", "imported-4"))
    file.write_text("sites: [{}]")
    faulty = order("sites", "import", file)
    assert (faulty.exit_code, "'name' is missing" in faulty.stderr) == (2, True)
    for number in (4, 5):
        done(order("sites", "remove", f"imported-{number}"))


def test_a_key_is_rotated_and_who_did_it_stands_in_the_audit_trail(
    order: Order, tmp_path: Path
) -> None:
    done(order("sites", "add", "-", said=SITE))
    key = ("customer", "1")
    generated = done(order("key", "rotate", *key)).strip()
    assert len(generated) > 40
    under_way = order("key", "rotate", *key)
    assert (under_way.exit_code, "finish or abort" in under_way.stderr) == (5, True)
    assert done(order("key", "abort", *key)) == "aborted: customer, key-id 1\n"
    given = tmp_path / "next.key"
    given.write_text("the next secret\n")
    moments = ("--valid-from", "2027-01-31T18:00:00Z", "--valid-until", "2027-02-28T18:00:00Z")
    assert done(order("key", "rotate", *key, "--secret-file", given, *moments)) == ""
    (shown,) = yaml.safe_load(done(order("sites", "show", "customer")))["keys"]
    assert shown["next-secret"] == "***"
    assert (shown["next-not-before"], shown["current-not-after"]) == moments[1::2]
    assert done(order("key", "finish", *key)) == "finished: customer, key-id 1\n"
    nothing = order("key", "finish", *key)
    assert (nothing.exit_code, "has no next secret" in nothing.stderr) == (5, True)
    assert order("key", "rotate", "customer", "7").exit_code == 3
    assert order("key", "rotate", *key, "--valid-from", "tomorrow").exit_code == 2
    done(order("sites", "remove", "customer"))
    newest = json.loads(done(order("audit", "--limit", "9", "-o", "json")))
    kinds = [(line["what"], line["result"].partition(":")[0]) for line in newest]
    assert kinds == [
        ("site-delete", "done"),
        ("key-rotate", "refused"),
        ("key-rotate", "refused"),
        ("key-finish", "refused"),
        ("key-finish", "done"),
        ("key-rotate", "done"),
        ("key-abort", "done"),
        ("key-rotate", "refused"),
        ("key-rotate", "done"),
    ]
    assert {line["about"]["key_id"] for line in newest if line["what"] == "key-rotate"} == {1, 7}
    assert "key-finish" in done(order("audit"))
    assert generated not in done(order("audit", "-o", "json"))
