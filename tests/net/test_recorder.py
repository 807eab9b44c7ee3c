"""Recordings: what came in, in the form that scenarios are replayed from."""

from __future__ import annotations

import io
import json
import stat
from pathlib import Path

import pytest

from mapsys.core.effects import Datagram, Endpoint
from mapsys.net.log import open_log
from mapsys.net.recorder import Recorder
from tests.core.world import ITR, Etr, map_request_in_ecm, record
from tests.scenario import effect_lines

SERVER = Endpoint("192.0.2.10", 4342)

SETTINGS = """
node: ms1.example
control: {listen: [192.0.2.10:4342]}
authority: everything
map-server: {}
map-resolver: {}
sites:
  - {name: one, keys: [{id: 0, secret: the key of site one}], eids: [{prefix: 10.1.0.0/16}]}
"""


def test_a_recording_is_replayed_as_a_scenario(tmp_path: Path) -> None:
    file = tmp_path / "recorded.jsonl"
    recorder = Recorder.create(file, open_log(io.StringIO()))
    register = Etr().message(record("10.1.0.0/16", "192.0.2.1"))
    recorder.note(Datagram(register, Endpoint("192.0.2.1", 4342), SERVER), 1234.5)
    recorder.note(Datagram(map_request_in_ecm("10.1.2.3"), ITR, SERVER), 1236.0)
    recorder.close()
    (settings := tmp_path / "settings.yaml").write_text(SETTINGS, encoding="utf-8")
    effects = [json.loads(line) for line in effect_lines(settings, file)]
    assert [(e["at"], e["is"]) for e in effects] == [
        (0.0, "Registered"),
        (0.0, "Send"),
        (1.5, "Answered"),
        (1.5, "Send"),
    ]
    assert effects[1]["message"]["mac"] == "one/0"


def test_only_the_owner_reads_a_recording_and_none_is_written_over(tmp_path: Path) -> None:
    file = tmp_path / "recorded.jsonl"
    Recorder.create(file, open_log(io.StringIO())).close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        Recorder.create(file, open_log(io.StringIO()))


def test_a_full_recording_ends_and_says_so_once(tmp_path: Path) -> None:
    log = io.StringIO()
    file = tmp_path / "recorded.jsonl"
    recorder = Recorder(file.open("w", buffering=1), open_log(log), octets_limit=250)
    for now in range(5):
        recorder.note(Datagram(bytes(20), ITR, SERVER), float(now))
    recorder.close()
    ended = [line for line in log.getvalue().splitlines() if "recording-ended" in line]
    assert len(ended) == 1
    assert "limit" in ended[0]
    assert 0 < len(file.read_text("utf-8")) <= 250


def test_a_disk_that_fails_ends_the_recording_and_nothing_else() -> None:
    log = io.StringIO()
    with Path("/dev/full").open("w", buffering=1) as full:
        recorder = Recorder(full, open_log(log))
        for now in range(3):
            recorder.note(Datagram(bytes(20), ITR, SERVER), float(now))
        recorder.close()
    assert log.getvalue().count("No space left on device") == 1
