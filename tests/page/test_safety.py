"""The page runs and loads its own files alone, whatever a script or an answer tries."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Error, expect

from mapsys.http.page import MEDIA_TYPES, PageFile, page_files
from mapsys.http.page_routes import SECURITY_POLICY
from tests.page.tab import Tab


def test_every_file_is_sent_under_the_policy(tab: Tab) -> None:
    for path, file in page_files().items():
        answer = tab.page.request.get(f"{tab.base}/page/{path}")
        assert answer.status == 200
        assert answer.body() == file.octets
        assert answer.headers["content-type"].startswith(file.media_type)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == SECURITY_POLICY


@pytest.mark.parametrize(
    "path", ["__init__.py", "../page_routes.py", "%2e%2e/guard.py", "views", ""]
)
def test_what_is_no_file_of_the_page_is_not_sent(tab: Tab, path: str) -> None:
    assert tab.page.request.get(f"{tab.base}/page/{path}").status == 404


def test_nothing_from_elsewhere_and_nothing_inline_runs(tab: Tab) -> None:
    tab.open()
    refused = tab.page.evaluate(
        """() => new Promise((done) => {
          const refused = [];
          document.addEventListener("securitypolicyviolation", (event) => {
            refused.push(event.effectiveDirective);
            if (refused.length === 3) done(refused);
          });
          const script = document.createElement("script");
          script.append("document.title = 'taken'");
          document.head.append(script);
          const image = document.createElement("img");
          image.src = "http://192.0.2.1/x.png";
          fetch("http://192.0.2.1/").catch(() => {});
        })"""
    )
    assert {"img-src", "connect-src"} < {*refused}
    assert tab.page.title() != "taken"
    assert tab.complaints
    tab.complaints.clear()
    tab.elsewhere.clear()  # what was refused counts as asked for


def test_no_text_becomes_markup(tab: Tab) -> None:
    tab.open()
    with pytest.raises(Error, match="TrustedHTML"):
        tab.page.evaluate("document.body.innerHTML = '<b>x</b>'")
    tab.complaints.clear()
    expect(tab.page.locator("#node strong")).to_be_visible()


def imports_of(path: str, file: PageFile) -> set[str]:
    """Paths of the modules that one imports."""
    folders = path.split("/")[:-1]
    found = set()
    for target in re.findall(r'^import .*"(.+)";$', file.octets.decode(), re.MULTILINE):
        parts = [*folders]
        for part in target.removeprefix("./").split("/"):
            parts = parts[:-1] if part == ".." else [*parts, part]
        found.add("/".join(parts))
    return found


def test_every_module_is_used_and_none_is_missing() -> None:
    files = page_files()
    modules = {path for path in files if path.endswith(".js")}
    imported = {one for path in modules for one in imports_of(path, files[path])}
    assert imported | {"main.js"} == modules


def test_no_file_names_another_server() -> None:
    allowed = {b"http://www.w3.org/2000/svg"}
    for file in page_files().values():
        assert {*re.findall(rb"https?://[^\s\"'`]+", file.octets)} <= allowed
        assert file.media_type in MEDIA_TYPES.values()
