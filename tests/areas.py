"""Which area of the work a test file belongs to, and the seconds that area may take."""

from __future__ import annotations

from typing import Final

BUDGET_SECONDS: Final[dict[str, int]] = {
    "core": 130,
    "protocol": 60,
    "ALT": 130,
    "operators": 90,
    "speed": 40,
    "reliability": 100,
    "pilot network": 70,
    "fleet": 60,
}
"""For the whole suite; printed beside what was measured, never a reason to fail."""

_AREA_OF_FOLDER: Final[dict[str, str]] = {
    "scenarios": "protocol",
    "interop": "protocol",
    "alt": "ALT",
    "alt/lab": "pilot network",
    "cli": "operators",
    "http": "operators",
    "page": "operators",
    "poller": "operators",
    "config": "operators",
    "provision": "operators",
    "speed": "speed",
    "native": "speed",
    "reliability": "reliability",
    "fuzz": "reliability",
    "simulation": "reliability",
    "figures": "reliability",
    "pilot": "pilot network",
    "lab": "pilot network",
    "xtr": "pilot network",
    "fleet": "fleet",
}
"""By folder under ``tests/``, the innermost that is listed; everything else is the core's."""


def area_of(node_id: str) -> str:
    """The area of a test, by its node ID (``tests/wire/test_x.py::test_y``)."""
    folders = node_id.partition("::")[0].split("/")[1:-1]
    for depth in range(len(folders), 0, -1):
        area = _AREA_OF_FOLDER.get("/".join(folders[:depth]))
        if area is not None:
            return area
    return "core"
