"""Where the API asks who it is, the page asks for a token, and shows what that may see."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from playwright.sync_api import expect

from mapsys.cli.main import cli
from mapsys.config.load import load
from mapsys.http_access import hand_over
from mapsys.net.audit import AuditTrail
from tests.http.node import Node
from tests.http.process import http_process
from tests.http.registered import register
from tests.page.conftest import OpenTab
from tests.page.laboratory import HOSTILE
from tests.page.tab import Tab

CONFIG = """\
node: ms1.example
control: {listen: [127.0.0.1:4342]}
map-server: {}
http:
  listen: 127.0.0.1:8042
  tokens:
"""

HOLDERS = {
    "reader": (),
    "tenant": ("--site", "site-one"),
    "administrator": ("--role", "admin"),
}


@pytest.fixture(scope="module")
def tokens() -> dict[str, dict[str, str]]:
    made = {}
    for name, options in HOLDERS.items():
        result = CliRunner().invoke(cli, ["token", name, *options, "-o", "json"])
        assert result.exit_code == 0, result.output
        made[name] = json.loads(result.stdout)
    return made


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with Node(tmp_path_factory.mktemp("state")) as running:
        register(running, "198.18.1.0/24")
        yield running


@pytest.fixture(scope="module")
def address(node: Node, tokens: dict[str, dict[str, str]]) -> Iterator[str]:
    file: Path = node.state / "mapsys.yaml"
    file.write_text(CONFIG + "".join(f"    {one['entry']}\n" for one in tokens.values()))
    settings = load(file).http
    assert settings is not None
    access = hand_over(settings, node.state)
    with http_process(node.state, "--access", str(access)) as web:
        yield f"http://127.0.0.1:{web.port}"


@pytest.fixture
def tab(open_tab: OpenTab, address: str) -> Tab:
    return open_tab(address)


def use(tab: Tab, token: str) -> None:
    tab.page.get_by_label("Token").fill(token)
    tab.page.get_by_role("button", name="Use it").click()


def test_a_token_opens_the_page_until_the_tab_is_closed(
    tab: Tab, tokens: dict[str, dict[str, str]]
) -> None:
    tab.page.goto(f"{tab.base}/#/sites")
    expect(tab.page.locator(".banner")).to_contain_text("say who you are")
    use(tab, "no token of this server")
    expect(tab.page.locator(".banner")).to_contain_text("this token is not known")
    use(tab, tokens["reader"]["token"])
    expect(tab.page.locator(".banner")).to_have_count(0)
    expect(tab.page.locator("#node strong")).to_have_text("ms1.example")
    expect(tab.row("Sites", "site-two")).to_be_visible()
    tab.page.reload()
    expect(tab.row("Sites", "site-two")).to_be_visible()


def test_a_tenant_sees_its_own_sites_and_events(
    tab: Tab, node: Node, tokens: dict[str, dict[str, str]]
) -> None:
    tab.page.goto(f"{tab.base}/#/sites")
    use(tab, tokens["tenant"]["token"])
    expect(tab.said()).to_have_text("1 of 1 sites")
    expect(tab.page.locator("#node")).to_contain_text("some sites, by this token")
    tab.row("Sites", "site-one").get_by_role("link").click()
    expect(tab.row("Registrations", "198.18.1.0/24")).to_be_visible()
    expect(tab.part("Keys")).to_have_count(0)
    tab.page.get_by_role("link", name="Events").click()
    expect(tab.said()).to_contain_text("live")
    node.on_its_thread(lambda: register(node, "198.18.1.128/25"))
    expect(tab.row("Events", "198.18.1.128/25")).to_be_visible()
    tab.page.get_by_role("link", name="Overview").click()
    expect(tab.page.get_by_role("alert")).to_contain_text("may see its own sites")


def test_the_audit_trail_is_for_admins_and_others_see_why_not(
    tab: Tab, node: Node, tokens: dict[str, dict[str, str]]
) -> None:
    trail = AuditTrail(node.state)
    trail.append(at=time.time(), what="reload", who=HOSTILE, result="done", confirm_within=60)
    tab.page.goto(f"{tab.base}/#/audit")
    use(tab, tokens["reader"]["token"])
    expect(tab.page.get_by_role("main").get_by_role("alert")).to_contain_text(
        "this takes the role admin"
    )
    tab.page.evaluate("sessionStorage.clear()")
    tab.page.reload()
    use(tab, tokens["administrator"]["token"])
    row = tab.row("Audit", HOSTILE)
    expect(row).to_contain_text("reload")
    expect(row).to_contain_text("confirm_within 60")
    expect(tab.said()).to_have_text("1 order")
    assert tab.page.locator("main img").count() == 0
    tab.picture("audit")


def test_an_admin_sees_who_tries_a_configuration(
    tab: Tab, node: Node, tokens: dict[str, dict[str, str]]
) -> None:
    AuditTrail(node.state).append(
        at=time.time(), what="reload", who="somebody", result="done", confirm_within=60
    )
    node.unconfirmed_seconds = 57
    node.not_ready = ["shutting down: it was told to end, and answers for 9 s more"]
    tab.page.goto(f"{tab.base}/#/")
    use(tab, tokens["administrator"]["token"])
    head = tab.page.locator("#node")
    expect(head).to_contain_text("rolls back in 57 s")
    expect(head).to_contain_text("by somebody")
    expect(head).to_contain_text("not ready")
    expect(head).to_contain_text("answers for 9 s more")
    tab.picture("on-trial-and-ending")
