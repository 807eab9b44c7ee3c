"""docs/alt.md says what can be seen and ordered."""

from __future__ import annotations

from pathlib import Path

from alt.plane_reasons import DATAGRAM_REASONS, FORWARDING_REASONS
from alt.plane_trace import TRACE_MARK
from alt.switch_provider import Part
from alt.tunnel.base import TUNNEL_REASONS

PAGE = (Path(__file__).parents[3] / "docs" / "alt.md").read_text(encoding="utf-8")


def test_every_reason_to_drop_a_packet_is_listed() -> None:
    reasons = DATAGRAM_REASONS | FORWARDING_REASONS | TUNNEL_REASONS
    named = {reason for reason in reasons if f"`{reason}`" in PAGE or reason.startswith("gre-")}
    assert reasons - named == set()


def test_the_mark_of_a_trace_is_named() -> None:
    assert f"the name `{TRACE_MARK.name.decode()}`" in PAGE


def test_every_part_in_a_switch_has_its_steps() -> None:
    table = PAGE.partition("| node | steps | verified |")[2]
    assert [line.split("|")[1].strip() for line in table.splitlines()[2:5]] == [
        Part.NEW.value,
        "those above both",
        Part.OLD.value,
    ]
