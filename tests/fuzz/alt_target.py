"""Lines as ExaBGP prints them, and lines as it never should."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from alt.bgp.parse import LINE_COUNTS, EventReader
from tests.alt.control import lines
from tests.alt.control.pilot import arin
from tests.fuzz.target import Target

_PEER: Final = "10.255.0.13"
_READER: Final = EventReader(arin())


def _lines() -> Iterator[bytes]:
    withdrawn = {"ipv4 unicast": [{"nlri": "198.18.0.0/21"}]}
    for line in (
        lines.up(_PEER),
        lines.down(_PEER, "closing connection"),
        lines.opened(_PEER),
        lines.announcing(_PEER, "198.18.0.0/21", "198.18.1.0/24"),
        lines.update(_PEER, {"update": {"withdraw": withdrawn}}),
        lines.update(_PEER, {"eor": {"afi": "ipv4", "safi": "unicast"}}),
    ):
        yield line.encode()


def _line(octets: bytes) -> None:
    before = _READER.counts.total()
    _READER.read(octets)
    assert set(_READER.counts) <= set(LINE_COUNTS)
    assert _READER.counts.total() > before, "a line that was not counted"


TARGETS: Final = (Target("exabgp-line", _line, _lines, 4_096),)
