"""The audit trail: lines are added, whole and for good."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mapsys.net.audit import NAME, OLDER_NAME, AuditTrail


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


def test_it_stays_within_its_bound_and_is_read_back_over_both_files(tmp_path: Path) -> None:
    trails = [AuditTrail(tmp_path, limit_octets=2_000) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        for number in range(200):
            threads.submit(trails[number % 4].append, what="order", number=number)
    for name in (NAME, OLDER_NAME):
        assert 0 < (tmp_path / name).stat().st_size <= 2_000
    trails[0].append(what="order", number=200)
    newest, before = [], None
    while True:
        lines, before = trails[0].read_back(before, 7)
        newest += [line["number"] for line in lines]
        if before is None:
            break
    assert newest[0] == 200
    assert len(newest) == len(set(newest)) > 40
    kept = [
        json.loads(line)["number"]
        for name in (OLDER_NAME, NAME)
        for line in (tmp_path / name).read_text(encoding="utf-8").splitlines()
    ]
    assert newest == kept[::-1]
    for place in (-1, 1, 10_000):
        with pytest.raises(ValueError, match=str(place)):
            trails[0].read_back(place, 7)
