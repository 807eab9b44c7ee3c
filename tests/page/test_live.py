"""What happens at a running daemon is seen on its page without reloading it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from mapsys.wire.auth import Key
from tests.daemon.node import SECRET, Xtr, free_port, xtr
from tests.daemon.subscriber import XTR_ID, subscriber
from tests.page.tab import Tab
from tests.page.watched import WatchedNode


@pytest.fixture
def etr(daemon: WatchedNode) -> Iterator[Xtr]:
    with xtr(daemon.address) as made:
        yield made


def test_a_register_appears_in_the_list_of_sites(tab: Tab, daemon: WatchedNode) -> None:
    tab.open("sites")
    row = tab.row("Sites", "site-one")
    expect(row).to_contain_text("unregistered")
    expect(row).to_contain_text("never")
    options = {
        "--map-server": str(daemon.address),
        "--bind": f"127.0.0.1:{free_port()}",
        "--rloc": "192.0.2.1,1,60",
        "--key-id": "1",
        "--secret-env": "SECRET",
        "--nonce-file": str(daemon.folder / "nonce"),
    }
    command = [sys.executable, "-m", "mapsys.cli.main", "register", "198.18.1.0/24", "--once"]
    subprocess.run(
        [*command, *(word for option in options.items() for word in option)],
        env={**os.environ, "SECRET": SECRET},
        check=True,
        timeout=60,
    )
    expect(row.locator(".badge")).to_have_text("registered")
    expect(row).to_contain_text("s ago")
    expect(row.get_by_role("img", name="last hour: 1 accepted, 0 refused")).to_have_count(1)
    tab.picture("sites")


def test_a_register_appears_on_the_site_s_own_view(tab: Tab, etr: Xtr) -> None:
    tab.open("sites/site-two")
    expect(tab.part("Registrations")).to_contain_text("None at present.")
    etr.registers("198.18.2.0/24")
    row = tab.row("Registrations", "198.18.2.0/24")
    expect(row).to_contain_text("192.0.2.9 1/100")
    expect(row).to_contain_text(f"127.0.0.1:{etr.socket.getsockname()[1]}")
    expect(tab.fact("xTRs")).to_have_text("1")
    expect(tab.fact("State")).to_have_text("registered")
    expect(tab.row("Keys", "hmac-sha-256-128")).to_contain_text("(current secret)")


def test_a_withdrawn_registration_goes(tab: Tab, etr: Xtr) -> None:
    etr.registers("198.18.2.128/25")
    tab.open("sites/site-two")
    expect(tab.row("Registrations", "198.18.2.128/25")).to_have_count(1)
    etr.register("198.18.2.128/25", ttl=0)
    expect(tab.row("Registrations", "198.18.2.128/25")).to_have_count(0)


def test_a_refusal_is_shown_with_its_reason_and_what_to_do(tab: Tab, etr: Xtr) -> None:
    tab.open("sites/site-three")
    expect(tab.part("Last refusal")).to_contain_text("None since the start.")
    etr.register("198.18.3.0/24", key=Key(b"not the secret of the site"))
    expect(tab.fact("Reason")).to_have_text("authentication-failed")
    expect(tab.fact("What to do")).to_contain_text("compare the secrets")
    expect(tab.fact("From")).to_have_text(f"127.0.0.1:{etr.socket.getsockname()[1]}")
    tab.picture("site-refused")
    tab.open("review")
    findings = tab.page.locator(".findings li")
    expect(findings.filter(has_text="compare the secrets")).to_contain_text("site-three")
    warned = findings.filter(has_text="sites[1].keys[0]").filter(has_text="key-shared")
    expect(warned).to_contain_text("the secret is that of site 'site-one' as well")


def test_events_appear_as_they_take_place(tab: Tab, etr: Xtr) -> None:
    tab.open("events")
    expect(tab.said()).to_contain_text("live")
    etr.registers("198.18.4.1/32")
    first = tab.rows("Events").first
    expect(first).to_contain_text("registered")
    expect(first).to_contain_text("198.18.4.1/32")
    expect(first).to_contain_text("site-four")
    tab.picture("events")


def test_events_can_be_held(tab: Tab, etr: Xtr) -> None:
    tab.open("events")
    expect(tab.said()).to_contain_text("live")
    hold = tab.page.get_by_role("button", name="Hold")
    hold.click()
    expect(hold).to_have_attribute("aria-pressed", "true")
    etr.registers("198.18.4.2/32")
    tab.page.wait_for_event("response")  # the page looks at the node after the event
    expect(tab.row("Events", "198.18.4.2/32")).to_have_count(0)
    hold.click()
    expect(tab.row("Events", "198.18.4.2/32")).to_have_count(1)


def test_events_are_chosen_by_kind(tab: Tab, etr: Xtr) -> None:
    etr.registers("198.18.4.3/32")
    etr.register("198.18.4.0/24", key=Key(b"not the secret of the site"))
    tab.open("events")
    expect(tab.row("Events", "198.18.4.3/32")).to_have_count(1)
    tab.page.get_by_label("What", exact=True).select_option("dropped")
    expect(tab.row("Events", "authentication-failed").first).to_be_visible()
    expect(tab.row("Events", "198.18.4.3/32")).to_have_count(0)
    assert tab.page.url.endswith("#/events?kind=dropped")


def test_a_move_is_told_in_the_history_of_the_eid(tab: Tab, etr: Xtr) -> None:
    etr.register("198.18.5.7/32", xtr_id=bytes(15) + b"\x01")
    assert etr.hears() is not None
    tab.open("eids/198.18.5.7")
    expect(tab.rows("History")).to_have_count(1)
    expect(tab.row("History", "registered")).to_have_count(1)
    etr.register("198.18.5.7/32", xtr_id=bytes(15) + b"\x02", rloc="192.0.2.10")
    row = tab.row("History", "moved")
    expect(row).to_have_count(1)
    expect(row.locator("td").nth(3)).to_contain_text("00000001")
    expect(row.locator("td").nth(4)).to_contain_text("00000002")
    expect(tab.row("Who registered it", "192.0.2.10")).to_have_count(1)
    tab.picture("eid-moved")
    tab.page.get_by_role("link", name="Events").click()
    move = tab.row("Events", "moved").first
    expect(move).to_contain_text("…000001 at 127.0.0.1 → …000002 at 127.0.0.1")


def test_who_subscribed_to_an_eid_is_seen(tab: Tab, daemon: WatchedNode, etr: Xtr) -> None:
    etr.registers("198.18.5.0/24")
    with subscriber(daemon) as itr:
        itr.asks("198.18.5.0/24", nonce=70)
        assert itr.hears().nonce == 70
        tab.open("eids/198.18.5.200")
        row = tab.row("Who hears of changes", XTR_ID.hex())
        expect(row).to_contain_text("active")
        expect(row).to_contain_text("198.18.5.0/24")
        tab.open("subscriptions")
        expect(tab.said()).to_have_text("1 subscription")
        expect(tab.row("Subscriptions", XTR_ID.hex())).to_contain_text("127.94.")
        tab.picture("subscriptions")


def test_a_negative_eid_says_what_is_free_and_why(tab: Tab) -> None:
    tab.open("eids/198.18.200.9")
    expect(tab.page.locator(".verdict")).to_have_text(
        "negative no site holds it: a hole in what this server has authority for"
    )
    answer = tab.part("What a Map-Reply would hold")
    expect(answer).to_contain_text("negative: natively-forward")
    expect(answer).to_contain_text("15 min")
    expect(tab.part("Who registered it")).to_contain_text("Nobody at present.")
    expect(tab.row("Why", "authority")).not_to_have_count(0)
    tab.picture("eid-negative")


def test_the_head_leads_to_an_eid(tab: Tab, etr: Xtr) -> None:
    etr.registers("198.18.6.0/24")
    tab.open()
    tab.page.get_by_label("EID", exact=True).fill(" 198.18.6.77 ")
    tab.page.get_by_role("button", name="Explain").click()
    expect(tab.page.get_by_role("heading", level=1)).to_have_text("EID 198.18.6.77")
    expect(tab.fact("Site")).to_have_text("site-six")
    expect(tab.row("Locators of 198.18.6.0/24", "192.0.2.9")).to_contain_text("1/100")
    expect(tab.page).to_have_title("EID 198.18.6.77 - test.example")


def test_a_site_is_on_the_map_where_the_configuration_says(tab: Tab) -> None:
    tab.open("map")
    expect(tab.said()).to_have_text("1 of 1 sites in sight; 5 have no place")
    expect(tab.page.get_by_role("button", name="site-six, Zurich: ")).to_be_visible()
    expect(tab.row("Sites in sight", "Zurich")).to_contain_text("47.38° N")
    tab.row("Sites in sight", "Zurich").get_by_role("link").click()
    expect(tab.fact("Place")).to_have_text("Zurich, 47.38, 8.54 (by the configuration)")


def test_what_is_no_eid_is_said(tab: Tab) -> None:
    tab.open("eids/198.18.1.1%2F24")
    expect(tab.page.get_by_role("alert")).to_contain_text("This is no EID or EID-Prefix")


def test_lig_shows_a_mapping(tab: Tab, etr: Xtr) -> None:
    etr.registers("198.18.6.0/24")
    tab.open("lig")
    tab.page.get_by_role("main").get_by_label("EID", exact=True).fill("198.18.6.9")
    tab.page.get_by_role("button", name="Ask").click()
    expect(tab.row("Locators of 198.18.6.0/24", "192.0.2.9")).to_contain_text("up")
    expect(tab.fact("Map-Resolver asked")).to_have_text("127.0.0.1")
    expect(tab.fact("Map-Replier")).to_have_text("127.0.0.1")
    expect(tab.fact("Map-Requests sent")).to_have_text("1")
    assert tab.page.url.endswith("#/lig?eid=198.18.6.9")
    tab.picture("lig")


def test_lig_shows_that_there_is_none(tab: Tab) -> None:
    tab.open("lig?eid=198.18.200.1")
    tab.page.get_by_role("button", name="Ask").click()
    expect(tab.page.get_by_role("main")).to_contain_text("negative: natively-forward")


def test_lig_says_what_is_no_eid(tab: Tab) -> None:
    tab.open("lig?eid=198.18.1.1%2F24")
    tab.page.get_by_role("button", name="Ask").click()
    expect(tab.page.get_by_role("alert")).to_contain_text("This is no EID or EID-Prefix")
    expect(tab.page.get_by_role("button", name="Ask")).to_be_enabled()


def test_the_overview_counts(tab: Tab, daemon: WatchedNode, etr: Xtr) -> None:
    etr.registers("198.18.6.0/24")
    tab.open()
    expect(tab.part("Sites").locator(".figure")).to_have_text("6")
    expect(tab.part("Registrations").locator(".figure")).not_to_have_text("0")
    expect(tab.row("Sockets", "127.0.0.1 port")).to_have_count(1)
    expect(tab.page.locator("#node")).to_contain_text("ready")
    engine = json.loads(daemon.command("status", "-o", "json").stdout)["engine"]
    expect(tab.page.locator("#node")).to_contain_text(f"engine {engine}, map-server, map-resolver")
    expect(tab.fact("Engine")).to_have_text(re.compile(f"^{engine}: .+"))
    tab.picture("overview")
    tab.part("Sites").get_by_role("link", name=re.compile("unregistered")).click()
    expect(tab.page.get_by_label("State")).to_have_value("unregistered")


def test_a_configuration_on_trial_is_seen_until_it_is_confirmed(
    tab: Tab, daemon: WatchedNode
) -> None:
    tab.open()
    head = tab.page.locator("#node")
    assert daemon.command("reload", "--confirm-within", "3600").exit_code == 0
    expect(head).to_contain_text(re.compile(r"unconfirmed.*rolls back in 3[56]\d\d s; reloaded 20"))
    tab.picture("unconfirmed")
    assert daemon.command("reload", "confirm").exit_code == 0
    expect(head).not_to_contain_text("unconfirmed")


def test_an_unknown_site_is_said(tab: Tab) -> None:
    tab.open("sites/nobody")
    expect(tab.page.get_by_role("alert")).to_contain_text("No site has this name")


def test_without_a_poller_or_an_alt_their_views_say_so(tab: Tab) -> None:
    tab.open("poller")
    expect(tab.page.get_by_role("alert")).to_contain_text("The poller has found nothing yet")
    tab.open("alt")
    expect(tab.page.get_by_role("alert")).to_contain_text("There is no ALT")
