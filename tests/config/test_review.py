"""The review: each check finds what it is for, where it stands, and is explained."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from mapsys.cli.check import check
from mapsys.config.checks import CHECKS
from mapsys.config.load import load
from mapsys.host_review import grantable_octets, host_findings
from tests.config.files import GOOD, SITE, put

DOCUMENT = (Path(__file__).parents[2] / "docs" / "review.md").read_text(encoding="utf-8")

KEYS = "    keys: [{id: 1, secret: a-laboratory-secret-2}]\n"

ALT = """\
alt:
  - as: 65101
    router-id: 10.254.0.11
    level: msp
    blocks: [198.18.0.0/21]
    tunnels:
      - {name: arin, remote: 192.0.2.1, inner: 10.255.0.13/31, role: parent, peer-as: 65100,
         mtu: 1390}
"""

CASES = {
    "http-open": "http: {listen: 0.0.0.0:8042, unprotected: true}\n",
    "metrics-open": "http: {listen: 0.0.0.0:8042, unprotected: true}\n",
    "secret-readable": SITE,
    "rate-limit-off": "map-resolver: {}\n" + SITE + "    rate-limits: {registers-per-site: off}\n",
    "proxy-reply-without-lisp-sec": "",
    "site-outside-authority": "authority: [{prefix: 203.0.113.0/24}]\n" + SITE,
    "block-without-site": "authority: [{prefix: 203.0.113.0/24}]\n" + SITE,
    "site-outside-alt": ALT + SITE.replace("198.18.1.0", "203.0.113.0"),
    "prefix-overlap": SITE + f"  - name: site-two\n{KEYS}    eids: [{{prefix: 198.18.1.64/26}}]\n",
    "prefix-not-canonical": SITE.replace("198.18.1.0/24", "2001:DB8:E001::/48"),
    "more-specifics-unlimited": SITE.replace("24}", "24, accept-more-specifics: true}"),
    "key-short": SITE.replace("a-laboratory-secret-1", "short"),
    "key-shared": SITE
    + "  - name: site-two\n"
    + KEYS.replace("-2", "-1")
    + "    eids: [{prefix: 198.18.2.0/24}]\n",
    "key-sha1-only": SITE.replace("id: 1,", "id: 1, algorithm: hmac-sha-1-96,"),
    "bgp-without-md5": ALT,
    "bgp-without-ttl-security": ALT,
    "bgp-without-max-prefix": ALT,
    "tunnel-mtu": ALT,
}


@pytest.mark.parametrize("check_id", CASES)
def test_check_finds_what_it_is_for_and_says_where(check_id: str, tmp_path: Path) -> None:
    path = put(tmp_path, GOOD + CASES[check_id])
    found = [one for one in load(path).findings if one.check.id == check_id]
    assert found
    for finding in found:
        assert finding.fault.file == str(path)
        assert finding.fault.line > 0
        assert finding.fault.column > 0


def test_small_receive_buffer_is_found(tmp_path: Path) -> None:
    text = GOOD.replace("4342]}", "4342], receive-buffer: 1MiB}")
    assert "receive-buffer-small" in [one.check.id for one in load(put(tmp_path, text)).findings]


def test_a_sound_file_has_nothing_to_say(tmp_path: Path) -> None:
    text = GOOD.replace("map-server: {}", "map-server: {proxy-reply: never}") + SITE
    assert load(put(tmp_path, text, mode=0o600)).findings == ()


def test_rotation_is_found_once_it_is_old(tmp_path: Path) -> None:
    secret = SITE.replace(
        "secret: a-laboratory-secret-1", "secret-file: now, next-secret-file: next"
    )
    for name in ("now", "next"):
        put(tmp_path, f"a-laboratory-secret-{name}", name, mode=0o600)
    path = put(tmp_path, GOOD + secret)
    (finding,) = [one for one in load(path).findings if one.check.id == "rotation-open"]
    assert finding.since > time.time() + 29 * 86_400
    month_ago = time.time() - 31 * 86_400
    os.utime(tmp_path / "next", (month_ago, month_ago))
    (finding,) = [one for one in load(path).findings if one.check.id == "rotation-open"]
    assert finding.since < time.time()


def test_host_says_how_much_it_grants() -> None:
    asked = 1 << 30
    granted = grantable_octets(asked)
    told = [one.check.id for one in host_findings(asked, [granted])]
    assert ("receive-buffer-not-granted" in told) == (granted < asked)
    assert "receive-buffer-not-granted" not in [one.check.id for one in host_findings(1, [1])]


def test_lint_prints_findings_and_ends_by_the_worst_of_them(tmp_path: Path) -> None:
    path = put(tmp_path, GOOD + SITE)
    result = CliRunner().invoke(check, ["--lint", "-o", "json", str(path)])
    items = json.loads(result.stdout)
    assert result.exit_code == 1
    assert items[0]["check"] == "secret-readable"
    assert items[0]["severity"] == "error"
    assert (items[0]["file"], items[0]["line"], items[0]["column"]) == (str(path), 6, 12)
    os.chmod(path, 0o600)
    assert CliRunner().invoke(check, ["--lint", "--fail-at", "error", str(path)]).exit_code == 0
    assert CliRunner().invoke(check, ["--lint", "--fail-at", "note", str(path)]).exit_code == 1
    bad = put(tmp_path, GOOD + "nonsense: 1\n", "bad.yaml")
    result = CliRunner().invoke(check, ["--lint", "-o", "ndjson", str(bad)])
    assert json.loads(result.stdout.splitlines()[0])["check"] == "invalid-configuration"
    assert result.exit_code == 6


def test_every_check_is_explained_and_nothing_else() -> None:
    sections = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL))
    assert list(sections) == list(CHECKS)
    for check_id, text in sections.items():
        one = CHECKS[check_id]
        assert f"Severity: `{one.severity.value}`{'*' if one.told else ''}\n" in text
        assert one.what_to_do in " ".join(text.split())
