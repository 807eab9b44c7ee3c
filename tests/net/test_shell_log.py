"""What packets make the daemon log, and how often."""

from __future__ import annotations

import errno
import io
import json
from typing import Any

from mapsys.core.effects import (
    Answered,
    Dropped,
    Effect,
    Endpoint,
    Expired,
    Moved,
    Refreshed,
    Refused,
    Registered,
    Send,
    Withdrawn,
)
from mapsys.eid import EidPrefix
from mapsys.net.effect_log import EffectLog
from mapsys.net.log import Event, open_log
from mapsys.net.log_limit import LogLimit

EID = EidPrefix.parse("198.18.1.0/24")
FROM = Endpoint("192.0.2.1", 4342)


class Journalist:
    """An EffectLog whose lines can be read back."""

    def __init__(self, limit: LogLimit | None = None) -> None:
        self.out = io.StringIO()
        self.log = EffectLog(open_log(self.out), limit or LogLimit(interval_seconds=10.0))

    def lines(self) -> list[dict[str, Any]]:
        written = [json.loads(line) for line in self.out.getvalue().splitlines()]
        self.out.seek(0)
        self.out.truncate()
        return written


def dropped(host: str, reason: str = "truncated") -> Effect:
    return Dropped(Endpoint(host, 4342), "MapRequest", reason)


def test_each_effect_worth_a_line_gets_one_with_its_facts() -> None:
    journalist = Journalist()
    journalist.log.observe(
        [
            Dropped(FROM, "MapRegister", "authentication-failed", "site-one"),
            Refused(FROM, "site-one", EID, "not-configured", "no site holds it"),
            Registered(EID, "site-one", FROM, first=True),
            Withdrawn(EID, "site-one", FROM),
            Moved(EID, "site-one", FROM, (b"a",), b"b", previous_hosts=("192.0.2.7",)),
            Expired(EID, "site-one"),
        ],
        0.0,
    )
    lines = journalist.lines()
    assert [(line["event"], line["level"]) for line in lines] == [
        ("message-dropped", "warning"),
        ("register-refused", "warning"),
        ("registered", "info"),
        ("withdrawn", "info"),
        ("moved", "info"),
        ("expired", "info"),
    ]
    assert {line["event"] for line in lines} <= set(Event)
    assert all(line["site"] == "site-one" for line in lines)
    assert lines[0]["source"] == "192.0.2.1"
    assert lines[0]["reason"] == "authentication-failed"
    assert lines[1]["detail"] == "no site holds it"
    assert lines[2]["eid"] == "198.18.1.0/24"


def test_everyday_effects_get_no_line() -> None:
    journalist = Journalist()
    journalist.log.observe(
        [Send(b"\x20", FROM), Refreshed("site-one", 1), Answered(EID, "negative")], 0.0
    )
    assert journalist.lines() == []


def test_one_line_an_interval_for_each_source_and_reason() -> None:
    journalist = Journalist()
    for now in (0.0, 1.0, 9.9):
        journalist.log.observe([dropped("192.0.2.1"), dropped("192.0.2.2")], now)
    journalist.log.observe([dropped("192.0.2.1", "bad-checksum")], 9.9)
    told = [(line["source"], line["reason"]) for line in journalist.lines()]
    assert told == [
        ("192.0.2.1", "truncated"),
        ("192.0.2.2", "truncated"),
        ("192.0.2.1", "bad-checksum"),
    ]


def test_lines_held_back_are_told_when_the_interval_is_over() -> None:
    journalist = Journalist()
    for _ in range(5):
        journalist.log.observe([dropped("192.0.2.1")], 0.0)
    journalist.log.flush(9.9)
    assert len(journalist.lines()) == 1
    journalist.log.flush(10.0)
    [line] = journalist.lines()
    assert line["event"] == "suppressed"
    assert line["of"] == "message-dropped"
    assert line["about"] == "truncated 192.0.2.1"
    assert line["suppressed"] == 4
    journalist.log.observe([dropped("192.0.2.1")], 11.0)
    assert journalist.lines() == [], "the summary was this interval's line"
    journalist.log.flush(20.0)
    assert [line["suppressed"] for line in journalist.lines()] == [1]
    journalist.log.flush(30.0)
    journalist.log.observe([dropped("192.0.2.1")], 30.0)
    assert [line["event"] for line in journalist.lines()] == ["message-dropped"]


def test_many_sources_share_what_is_remembered() -> None:
    journalist = Journalist(LogLimit(interval_seconds=10.0, keys=3))
    journalist.log.observe([dropped(f"192.0.2.{n}") for n in range(100)], 0.0)
    assert len(journalist.lines()) == 4, "three sources, and one line for all others"
    journalist.log.flush(10.0)
    [line] = journalist.lines()
    assert line["suppressed"] == 96


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_person_at_a_terminal_reads_text() -> None:
    out = Terminal()
    open_log(out).warning(Event.RELOAD_REFUSED, why="a reason")
    assert "reload-refused" in out.getvalue()
    assert "a reason" in out.getvalue()
    assert not out.getvalue().startswith("{")


class FullDisk(io.StringIO):
    """A stream that refuses everything while it is full."""

    full = True

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


def test_a_log_that_cannot_be_written_stops_nothing() -> None:
    out = FullDisk()
    log = open_log(out)
    log.info(Event.READY)
    out.full = False
    log.info(Event.STOPPED)
    assert [json.loads(line)["event"] for line in out.getvalue().splitlines()] == ["stopped"]
