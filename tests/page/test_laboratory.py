"""Long lists, the ALT, the poller and hostile names, at a node that has them all."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.http.process import http_process
from tests.page.conftest import OpenTab
from tests.page.laboratory import (
    BLOCK,
    CROWDED,
    HOSTILE,
    HOSTILE_NAME,
    MORE_SPECIFICS,
    PLACED,
    SITES,
    Laboratory,
)
from tests.page.tab import Tab

ROWS_IN_DOCUMENT_LIMIT = 60
"""Whatever the length of a list."""


POINTS_LIMIT = 60

SCROLL_AND_MEASURE = """async () => {
  const tasks = [];
  const observer = new PerformanceObserver((list) => {
    for (const task of list.getEntries()) tasks.push(task.duration);
  });
  observer.observe({ type: "longtask" });
  const scroller = document.querySelector(".scroller.long");
  const times = [];
  for (let step = 0; step <= 120; step += 1) {
    scroller.scrollTop = (step / 120) * scroller.scrollHeight;
    times.push(await new Promise(requestAnimationFrame));
  }
  observer.disconnect();
  const frames = times.slice(1).map((time, index) => time - times[index]).sort((a, b) => a - b);
  const at = (share) => Number(frames[Math.floor(share * (frames.length - 1))].toFixed(1));
  return {
    frames: frames.length,
    frame_milliseconds: { median: at(0.5), "95 %": at(0.95), longest: at(1) },
    long_tasks_milliseconds: tasks.map(Math.round),
  };
}"""
"""From the first of many rows to the last, frame by frame."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    state = tmp_path_factory.mktemp("laboratory")
    with Laboratory(state) as node, http_process(node.state) as web:
        yield f"http://127.0.0.1:{web.port}"


@pytest.fixture(scope="module")
def sites(browser: object, address: str) -> Iterator[Tab]:
    """The list of all sites, read once for the tests that look at it."""
    made = Tab(browser, address)  # type: ignore[arg-type]
    made.open("sites")
    expect(made.said()).to_have_text("10,000 of 10,000 sites", timeout=60_000)
    yield made
    made.close()


@pytest.fixture
def tab(sites: Tab) -> Tab:
    """The same: whoever has read ten thousand sites once need not do it again."""
    return sites


def test_ten_thousand_sites_take_few_rows_of_the_document(sites: Tab) -> None:
    expect(sites.page.get_by_role("table", name="Sites")).to_have_attribute(
        "aria-rowcount", "10001"
    )
    scroller = sites.page.locator(".scroller.long")
    for share in (0, 0.3, 0.7, 1):
        scroller.evaluate("(it, share) => { it.scrollTop = share * it.scrollHeight; }", share)
        expect(sites.rows("Sites").first).to_be_attached()
        assert 10 < sites.rows("Sites").count() < ROWS_IN_DOCUMENT_LIMIT
    expect(sites.row("Sites", "site-9997")).to_be_visible()
    sites.picture("ten-thousand-sites")


def test_keys_go_through_ten_thousand_sites(sites: Tab) -> None:
    sites.page.locator(".scroller.long").focus()
    focused = sites.page.locator("tr:focus-within a")
    sites.press("End")
    expect(focused).to_have_text("site-9997")
    sites.press("ArrowUp", "ArrowUp")
    expect(focused).to_have_text("site-9995")
    sites.press("Home")
    expect(focused).to_have_text(HOSTILE)
    sites.press("ArrowDown", "PageDown")
    expect(focused).to_have_text(re.compile("^site-"))
    name = focused.inner_text()
    sites.press("Enter")
    expect(sites.page.get_by_role("heading", level=1)).to_have_text(f"Site {name}")
    sites.page.go_back()
    expect(sites.said()).to_have_text("10,000 of 10,000 sites")


def test_sites_are_found_by_name_and_eid_prefix(sites: Tab) -> None:
    search = sites.page.get_by_label("Name or EID-Prefix")
    search.fill("SITE-4711")
    expect(sites.rows("Sites")).to_have_count(1)
    search.fill("10.3.77.")
    expect(sites.row("Sites", "site-845")).to_have_count(1)
    expect(sites.said()).to_have_text("1 of 10,000 sites")
    search.fill("nothing is called so")
    expect(sites.said()).to_have_text("0 of 10,000 sites")
    search.fill("")


def test_sites_are_chosen_by_state_and_the_address_keeps_it(
    sites: Tab, open_tab: OpenTab, address: str
) -> None:
    tab = open_tab(address)
    sites.page.get_by_label("State").select_option("registered")
    expect(sites.said()).to_have_text("2 of 10,000 sites")
    assert sites.page.url.endswith("#/sites?state=registered")
    sites.page.get_by_label("State").select_option("refused")
    expect(sites.row("Sites", "not-configured")).to_have_count(1)
    tab.open("sites?state=registered&text=crowded")
    expect(tab.row("Sites", CROWDED)).to_be_visible()
    expect(tab.rows("Sites")).to_have_count(1)
    sites.page.get_by_label("State").select_option("")


def test_headings_order_the_sites(sites: Tab) -> None:
    heading = sites.page.get_by_role("columnheader", name="Accepted")
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "ascending")
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "descending")
    sites.page.locator(".scroller.long").evaluate("it => { it.scrollTop = 0; }")
    expect(sites.rows("Sites").first).to_contain_text(CROWDED)
    by_name = sites.page.get_by_role("columnheader", name="Site", exact=True)
    by_name.get_by_role("button").click()
    by_name.get_by_role("button").click()
    expect(sites.rows("Sites").first).to_contain_text("site-9997")
    by_name.get_by_role("button").click()


def test_ten_thousand_sites_stay_smooth(sites: Tab) -> None:
    measured = sites.page.evaluate(SCROLL_AND_MEASURE)
    print(measured)  # pytest -s shows it: how smooth it is depends on the machine
    assert measured["frames"] > 100
    expect(sites.row("Sites", "site-9997")).to_be_visible()


def test_many_sites_are_few_points_of_the_map(tab: Tab) -> None:
    tab.open("map")
    everywhere = f"{PLACED:,} of {PLACED:,} sites in sight; {SITES - PLACED:,} have no place"
    expect(tab.said()).to_have_text(everywhere, timeout=60_000)
    points = tab.page.locator(".world-point")
    assert 6 < points.count() < POINTS_LIMIT
    expect(tab.page.get_by_role("button", name=f"{HOSTILE}, {HOSTILE}: registered")).to_be_visible()
    tab.picture("map")
    points.filter(has_text="1k").first.focus()
    tab.press("Enter")
    expect(tab.said()).not_to_have_text(everywhere)
    assert 1 < points.count() < POINTS_LIMIT
    tab.page.get_by_role("button", name="Whole world").click()
    expect(tab.said()).to_have_text(everywhere)
    tab.page.get_by_label("State").select_option("registered")
    expect(tab.rows("Sites in sight")).to_have_count(1)
    expect(points).to_have_count(1)


def test_registrations_are_read_as_far_as_one_scrolls(tab: Tab) -> None:
    tab.open(f"registrations?site={CROWDED}")
    expect(tab.said()).to_have_text("500 registrations so far; scroll on for more")
    tab.page.locator(".scroller.long").focus()
    tab.press("End")
    expect(tab.said()).to_have_text(f"{MORE_SPECIFICS + 1} registrations")
    tab.press("End")
    expect(tab.row("Registrations", "[100] 2001:db8:e001::/48")).to_be_visible()


def test_registrations_are_filtered_by_prefix_and_how_it_compares(tab: Tab) -> None:
    tab.open("registrations")
    tab.page.get_by_label("EID-Prefix", exact=True).fill("198.18.1.16/30")
    tab.page.get_by_role("button", name="Show").click()
    expect(tab.said()).to_have_text("4 registrations")
    expect(tab.row("Registrations", "198.18.1.17/32")).to_have_count(1)
    tab.page.get_by_label("How it compares").select_option("exact")
    tab.page.get_by_role("button", name="Show").click()
    expect(tab.said()).to_have_text("0 registrations")
    tab.page.get_by_label("EID-Prefix", exact=True).fill("198.18.1.17/24")
    tab.page.get_by_role("button", name="Show").click()
    expect(tab.page.get_by_role("alert")).to_contain_text("This is no EID or EID-Prefix")


def test_registrations_of_an_instance_are_chosen(tab: Tab) -> None:
    tab.open("registrations?instance-id=100")
    expect(tab.said()).to_have_text("1 registration")
    tab.rows("Registrations").get_by_role("link").first.click()
    expect(tab.fact("Instance-ID")).to_have_text("100")
    expect(tab.fact("Site")).to_have_text(CROWDED)


def test_hostile_names_stay_text(tab: Tab) -> None:
    tab.open("sites?text=onerror")
    tab.row("Sites", HOSTILE).get_by_role("link").click()
    expect(tab.page.get_by_role("heading", level=1)).to_have_text(f"Site {HOSTILE}")
    registration = tab.row("Registrations", HOSTILE_NAME)
    expect(registration).to_have_count(1)
    tab.picture("hostile-names")
    registration.get_by_role("link").click()
    expect(tab.page.get_by_role("heading", level=1)).to_have_text(re.compile("^EID"))
    expect(tab.fact("Site")).to_have_text(HOSTILE)
    tab.open("alt")
    expect(tab.row("Delegations", HOSTILE)).to_have_count(1)
    assert tab.page.locator("main img, main script").count() == 0
    expect(tab.page).to_have_title("ALT - ms1.example")


def test_the_alt_is_drawn_and_told_in_tables(tab: Tab) -> None:
    tab.open("alt")
    expect(tab.page.get_by_role("img", name="ms1.example with 3 ALT neighbours")).to_be_visible()
    assert tab.page.locator("svg line.session.up").count() == 2
    expect(tab.row("Sessions", "beside.example")).to_contain_text("hold timer expired")
    expect(tab.row("Aggregates", BLOCK)).to_contain_text("2 of 3")
    expect(tab.row("Refused routes", "too-long")).to_contain_text("longer than its level allows")
    expect(tab.row("Tunnels", "userspace")).to_contain_text("returned 3")
    expect(tab.row("Routes", BLOCK)).to_contain_text("beside: not-aggregated")
    tab.picture("alt")


def test_the_way_of_an_eid_over_the_alt_is_traced(tab: Tab) -> None:
    tab.open("eids/198.18.0.1")
    tab.page.get_by_role("button", name="Trace").click()
    expect(tab.row("Way over the ALT", "alt1.example")).to_contain_text("4.2 ms")


def test_flagged_eids_of_the_poller_are_shown(tab: Tab) -> None:
    tab.open("poller")
    expect(tab.fact("EIDs asked for")).to_have_text("3")
    expect(tab.row("Polled EIDs", "198.18.0.0")).to_contain_text("as it should be")
    expect(tab.row("Polled EIDs", "198.18.0.2")).to_contain_text("wrong")
    tab.picture("poller")
    tab.page.get_by_label("Flag").select_option("silent")
    expect(tab.rows("Polled EIDs")).to_have_count(1)
    expect(tab.row("Polled EIDs", "198.18.0.1")).to_have_count(1)


def test_the_review_gathers_what_somebody_should_look_at(tab: Tab) -> None:
    tab.open("review")
    findings = tab.page.locator(".findings li")
    expect(findings.filter(has_text="raise net.core.rmem_max")).to_have_count(1)
    expect(findings.filter(has_text="2 configurations refused")).to_have_count(1)
    expect(findings.filter(has_text="hold timer expired")).to_have_count(1)
    expect(findings.filter(has_text="9,998 sites not registered")).to_have_count(1)
    expect(findings.filter(has_text="1 polled EID")).to_have_count(3)
    tab.picture("review")


def test_the_head_tells_of_the_fleet(tab: Tab) -> None:
    head = tab.page.locator(".fleet-node")
    expect(head).to_contain_text("fleet up")
    expect(head).to_contain_text("2 members, silent: ms2.example, lag 4.2 ms, 3 records in the")
