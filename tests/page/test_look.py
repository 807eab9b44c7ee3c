"""How the page looks and is used: themes, narrow screens, keys, names of controls, contrast."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from playwright.sync_api import expect

from tests.page.conftest import OpenTab
from tests.page.tab import NARROW, WIDE, Tab
from tests.page.watched import WatchedNode

VIEWS = {
    "": "Overview",
    "sites": "Sites",
    "map": "Map",
    "sites/site-one": "Site site-one",
    "registrations": "Registrations",
    "eids/198.18.1.7": "EID 198.18.1.7",
    "alt": "ALT",
    "events": "Events",
    "lig": "lig",
    "poller": "Poller",
    "subscriptions": "Subscriptions",
    "review": "Review",
    "audit": "Audit",
}
"""Each view's heading."""

NAMES_AND_LEVELS = """() => [
  [...document.querySelectorAll("button, a, input, select, [tabindex='0'], svg[role]")].map((it) =>
    it.getAttribute("aria-label") || it.labels?.[0]?.textContent || it.textContent),
  [...document.querySelectorAll("h1, h2, h3")].map((it) => Number(it.tagName[1])),
]"""

PAPER = {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 28)"}

PICTURED = ((WIDE[0], "light"), (NARROW[0], "dark"))
"""Of each view a picture in both sizes and both colours is kept; all four are measured."""

READABLE = 4.5
"""The least contrast of text (WCAG 2.2, 1.4.3)."""

CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const light = (colour) => {
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((octet) => {
      const share = octet / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = (element) => {
    const own = getComputedStyle(element).backgroundColor;
    const above = element.parentElement;
    return own !== "rgba(0, 0, 0, 0)" || !above ? own : paper(above);
  };
  const hasText = (element) =>
    [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  const texts = [...document.querySelectorAll("body *")].filter(
    (element) => element.checkVisibility() && hasText(element));
  return texts.map((element) => {
    const [one, other] = [light(getComputedStyle(element).color), light(paper(element))];
    return [element.textContent, (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05)];
  });
}"""


def paper(tab: Tab) -> str:
    return str(tab.page.evaluate("getComputedStyle(document.body).backgroundColor"))


@pytest.mark.parametrize("scheme", PAPER)
def test_the_system_chooses_light_or_dark(
    open_tab: OpenTab, daemon: WatchedNode, scheme: str
) -> None:
    tab = open_tab(daemon.page, scheme=scheme)
    tab.open()
    assert paper(tab) == PAPER[scheme]
    tab.picture(f"overview-{scheme}")


def test_the_switch_chooses_and_is_remembered(tab: Tab) -> None:
    tab.open()
    switch = tab.page.get_by_role("button", name=re.compile("Theme"))
    expect(switch).to_have_text("Theme: auto")
    switch.click()
    switch.click()
    expect(switch).to_have_text("Theme: dark")
    assert paper(tab) == PAPER["dark"]
    tab.page.reload()
    expect(switch).to_have_text("Theme: dark")
    assert paper(tab) == PAPER["dark"]


def test_every_view_fits_is_readable_and_has_names_on_any_screen_in_light_and_dark(
    open_tab: OpenTab, daemon: WatchedNode
) -> None:
    tab = open_tab(daemon.page)
    seen = 0
    for view, heading in VIEWS.items():
        tab.open(view)
        expect(tab.page.get_by_role("heading", level=1)).to_have_text(heading)
        expect(tab.page.locator("main .body *, main .problem:visible").first).to_be_attached()
        has_names_and_an_order(tab, view)
        for width, height in (WIDE, NARROW):
            tab.page.set_viewport_size({"width": width, "height": height})
            assert tab.page.evaluate("document.documentElement.scrollWidth") <= width, view
            for scheme, colour in PAPER.items():
                tab.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
                assert paper(tab) == colour
                for text, contrast in tab.page.evaluate(CONTRASTS):
                    assert contrast >= READABLE, (view, width, scheme, text)
                    seen += 1
                if (width, scheme) in PICTURED:
                    name = view.partition("/")[0] or "overview"
                    single = "-one" if view.startswith("sites/") else ""
                    tab.picture(f"{name}{single}-{width}-{scheme}")
    assert seen > 1000


def has_names_and_an_order(tab: Tab, view: str) -> None:
    """Every control has a name, headings have an order, and the list of views says where it is."""
    names, levels = tab.page.evaluate(NAMES_AND_LEVELS)
    assert len(names) > 10
    assert all(name.strip() for name in names), view
    assert levels.count(1) == 1, view
    assert levels[0] == 1, view
    assert all(after - before <= 1 for before, after in pairwise(levels)), view
    expect(tab.page.locator("#views a[aria-current]")).to_have_count(1)


def test_the_page_is_used_with_keys_only(tab: Tab) -> None:
    tab.open()
    focused = tab.page.locator(":focus")
    tab.press("Tab")
    expect(focused).to_have_text("Skip to the content")
    expect(focused).to_be_in_viewport()
    tab.press("Enter")
    expect(focused).to_have_attribute("id", "main")
    tab.page.get_by_role("button", name=re.compile("Theme")).focus()
    tab.press("Tab", "Tab")
    expect(focused).to_have_text("Sites")
    outline = focused.evaluate("it => getComputedStyle(it).outlineStyle")
    assert outline == "solid"
    tab.press("Enter")
    expect(tab.page.get_by_role("heading", level=1)).to_have_text("Sites")
    expect(focused).to_have_attribute("id", "main")
    tab.press("Tab")
    tab.page.keyboard.type("site-four")
    expect(tab.rows("Sites")).to_have_count(1)
    for _ in range(12):
        tab.press("Tab")
        if focused.inner_text() == "site-four":
            break
    tab.press("Enter")
    expect(tab.page.get_by_role("heading", level=1)).to_have_text("Site site-four")


def test_an_address_without_a_view_says_so(tab: Tab) -> None:
    tab.open("no/such/view")
    expect(tab.page.get_by_role("main")).to_contain_text("This page has no view at #/no/such/view")
    tab.page.get_by_role("link", name="Events").click()
    expect(tab.page.get_by_role("heading", level=1)).to_have_text("Events")
    tab.page.go_back()
    expect(tab.page.get_by_role("heading", level=1)).to_have_text("Nothing here")
