"""The audit trail: lines are added, whole and for good."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mapsys.net.audit import NAME, AuditTrail


def test_lines_are_added_and_none_is_lost_or_torn(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text('{"what": "before"}\n', encoding="utf-8")
    trails = [AuditTrail(tmp_path) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        for number in range(100):
            threads.submit(trails[number % 4].append, what="order", number=number, xtr_id=None)
    lines = (tmp_path / NAME).read_text(encoding="utf-8").splitlines()
    first, *others = map(json.loads, lines)
    assert first == {"what": "before"}
    assert sorted(one["number"] for one in others) == list(range(100))


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    AuditTrail(tmp_path).append(what="order")
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600


def test_a_trail_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=NAME):
        AuditTrail(tmp_path / "nowhere").append(what="order")
