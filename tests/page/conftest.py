"""One browser and one daemon for all that is tried here; a tab for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.page.tab import WIDE, Tab
from tests.page.watched import WatchedNode
from tests.programs import require_program

ARGUMENTS = (
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)

OpenTab = Callable[..., Tab]
"""Makes a tab on a server's address; ``size`` and ``scheme`` as :class:`Tab` has them."""


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    program = require_program("chromium", "chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=[*ARGUMENTS])
        yield running
        running.close()


@pytest.fixture(scope="package")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedNode]:
    node = WatchedNode(tmp_path_factory.mktemp("daemon"))
    try:
        node.start()
        yield node
        assert node.stop() == 0
    finally:
        node.close()


@pytest.fixture
def open_tab(browser: Browser) -> Iterator[OpenTab]:
    opened: list[Tab] = []

    def open_one(base: str, size: tuple[int, int] = WIDE, scheme: str = "light") -> Tab:
        opened.append(Tab(browser, base, size, scheme))
        return opened[-1]

    yield open_one
    for tab in opened:
        tab.close()


@pytest.fixture
def tab(open_tab: OpenTab, daemon: WatchedNode) -> Tab:
    """A tab on the daemon's page."""
    return open_tab(daemon.page)
