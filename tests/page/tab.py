"""A tab of the browser on the live page, which notes everything that it should not do."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Locator, Page, expect

PICTURES = Path(__file__).parents[2] / "artifacts" / "page"

PATIENCE_MILLISECONDS = 60_000

WIDE = (1280, 800)
NARROW = (400, 800)

ANSWERED_WITH_AN_ERROR = re.compile(r"Failed to load resource: (the server responded|net::ERR_)")
"""What the browser itself says of an answer that is an error; the page shows those."""

expect.set_options(timeout=PATIENCE_MILLISECONDS)


class Tab:
    """One tab.

    complaints: errors of scripts and of the console, violations of the security policy
    among them. elsewhere: addresses asked for that are not the server's.
    """

    def __init__(
        self, browser: Browser, base: str, size: tuple[int, int] = WIDE, scheme: str = "light"
    ) -> None:
        self.base = base
        self.complaints: list[str] = []
        self.elsewhere: list[str] = []
        self._context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        self.page: Page = self._context.new_page()
        self.page.set_default_timeout(PATIENCE_MILLISECONDS)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda said: self._heard(said.type, said.text))
        self.page.on("request", lambda request: self._asked(request.url))

    def open(self, view: str = "") -> None:
        """Go to a view, ``sites`` as example, and wait until the page knows its node."""
        self.page.goto(f"{self.base}/#/{view}")
        expect(self.page.locator("#node strong")).to_be_visible()

    def rows(self, table: str) -> Locator:
        """The rows that are in the document of a table with this label."""
        return self.page.get_by_role("table", name=table, exact=True).locator(
            "tbody tr:not(.spacer)"
        )

    def row(self, table: str, text: str) -> Locator:
        """The row that holds a text."""
        return self.rows(table).filter(has_text=text)

    def fact(self, name: str) -> Locator:
        """What stands beside a name."""
        return self.page.locator("dt", has_text=re.compile(f"^{re.escape(name)}$")).locator("+ dd")

    def part(self, title: str) -> Locator:
        """A titled part of a view."""
        return self.page.get_by_role("region", name=title, exact=True)

    def said(self) -> Locator:
        """The line that says how many rows there are."""
        return self.page.locator(".said")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def picture(self, name: str) -> None:
        """Keep how it looks now."""
        self.page.screenshot(path=PICTURES / f"{name}.png")

    def close(self) -> None:
        self._context.close()
        assert self.complaints == []
        assert self.elsewhere == []

    def _heard(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not ANSWERED_WITH_AN_ERROR.match(text):
            self.complaints.append(text)

    def _asked(self, url: str) -> None:
        if urlsplit(url).netloc != urlsplit(self.base).netloc:
            self.elsewhere.append(url)
