"""What the page does while its daemon is away, and that it comes back by itself."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.daemon.node import xtr
from tests.http.node import Node
from tests.http.process import http_process
from tests.page.conftest import OpenTab
from tests.page.watched import WatchedNode


@pytest.fixture(scope="module")
def restless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedNode]:
    """A daemon that is stopped and started, and keeps registrations for 3 s."""
    node = WatchedNode(tmp_path_factory.mktemp("restless"), lifetime="3s")
    try:
        node.start()
        yield node
        assert node.stop() == 0
    finally:
        node.close()


def test_an_expired_registration_goes(open_tab: OpenTab, restless: WatchedNode) -> None:
    tab = open_tab(restless.page)
    tab.open("sites")
    with xtr(restless.address) as etr:
        etr.registers("198.18.1.0/24")
    state = tab.row("Sites", "site-one").locator(".badge")
    expect(state).to_have_text("registered")
    expect(state).to_have_text("unregistered")
    tab.open("events")
    expect(tab.rows("Events").first).to_contain_text("expired")


def test_a_lost_connection_is_said_and_heals(open_tab: OpenTab, restless: WatchedNode) -> None:
    tab = open_tab(restless.page)
    tab.open("sites")
    expect(tab.said()).to_have_text("6 of 6 sites")
    restless.stop()
    banner = tab.page.locator(".banner")
    expect(banner).to_contain_text("Connection lost at")
    expect(banner).to_contain_text("the server does not answer")
    expect(tab.row("Sites", "site-six")).to_be_visible()
    tab.picture("lost")
    restless.start()
    expect(banner).to_have_count(0)
    with xtr(restless.address) as etr:
        etr.nonce = 9000
        etr.registers("198.18.6.0/24")
    expect(tab.row("Sites", "site-six").locator(".badge")).to_have_text("registered")


def test_a_killed_http_process_is_not_missed(open_tab: OpenTab, restless: WatchedNode) -> None:
    tab = open_tab(restless.page)
    tab.open("events")
    expect(tab.said()).to_contain_text("live")
    os.kill(restless.child_pid("http"), signal.SIGKILL)
    expect(tab.said()).to_contain_text("not live at present")
    with xtr(restless.address) as etr:
        etr.nonce = 19_000
        etr.registers("198.18.5.1/32")
    expect(tab.row("Events", "198.18.5.1/32").first).to_be_visible()
    expect(tab.page.locator(".banner")).to_have_count(0)


def test_a_page_opened_before_the_daemon_waits_for_it(open_tab: OpenTab, tmp_path: Path) -> None:
    with http_process(tmp_path) as web:
        tab = open_tab(f"http://127.0.0.1:{web.port}")
        tab.page.goto(f"{tab.base}/#/sites")
        expect(tab.page.locator(".banner")).to_contain_text("The mapsys daemon does not answer")
        with Node(tmp_path):
            expect(tab.page.locator(".banner")).to_have_count(0)
            expect(tab.row("Sites", "site-one")).to_be_visible()
            expect(tab.page.locator("#node strong")).to_have_text("ms1.example")
