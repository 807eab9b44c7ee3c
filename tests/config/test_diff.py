"""A reload is told in lines; no secret among them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mapsys.config.diff import changes
from mapsys.config.load import load
from tests.config.files import put
from tests.config.test_load import EXAMPLE


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ("node: ms1", "node: ms2", ["node: ms1.example becomes ms2.example"]),
        (
            '"[::1]:4342"',
            '"[::1]:4343"',
            ["control.listen: [127.0.0.1:4342, [::1]:4342] becomes [127.0.0.1:4342, [::1]:4343]"],
        ),
        (
            "http: {listen: 127.0.0.1:8042}",
            "",
            [
                "http: {listen: 127.0.0.1:8042, tokens: [], names: [], unprotected: false}"
                " becomes not set"
            ],
        ),
        (
            "registration-lifetime: 5m",
            "registration-lifetime: 6m",
            ["map-server.registration-lifetime: 5m becomes 6m"],
        ),
        ("  path-mtu: 1400\n", "", ["map-server.path-mtu: 1400 becomes not set"]),
        (
            "notify-port: source",
            "notify-port: 4342",
            ["site site-one: notify-port: source becomes 4342"],
        ),
        (
            "2001:db8:e001::/48",
            "2001:db8:e002::/48",
            [
                "site site-one: EID-Prefix [100]2001:db8:e001::/48 removed",
                "site site-one: EID-Prefix [100]2001:db8:e002::/48 added",
            ],
        ),
        (
            "more-specifics-limit: 50",
            "more-specifics-limit: 60",
            [
                "site site-one: EID-Prefix 198.18.1.0/24 changed:"
                " more-specifics-limit, more-specifics-warning"
            ],
        ),
        (
            "a-laboratory-secret-1",
            "a-laboratory-secret-9",
            ["site site-one: key-id 1 changed: secret"],
        ),
        (
            "{id: 2,",
            "{id: 3,",
            [
                "site site-one: key-id 2 removed",
                "site site-one: key-id 3 added",
            ],
        ),
        (
            "name: site-one",
            "name: site-two",
            [
                "site site-one: removed",
                "site site-two: added with 198.18.1.0/24, [100]2001:db8:e001::/48",
            ],
        ),
        ("", "", []),
    ],
)
def test_each_change_is_one_line(before: str, after: str, lines: list[str], tmp_path: Path) -> None:
    assert before in EXAMPLE
    old = load(put(tmp_path, EXAMPLE))
    new = load(put(tmp_path, EXAMPLE.replace(before, after) if before else EXAMPLE))
    assert changes(old, new) == lines


def test_the_same_in_another_order_is_said(tmp_path: Path) -> None:
    head, _, sites = EXAMPLE.partition("    eids:\n")
    first, second, *rest = sites.splitlines(keepends=True)
    turned = head + "    eids:\n" + second + first + "".join(rest)
    old, new = load(put(tmp_path, EXAMPLE)), load(put(tmp_path, turned))
    assert changes(old, new) == ["site site-one: listed in another order"]
