"""A drawing of a network that runs, as SVG: what is up is drawn, what is down is drawn in red."""

from __future__ import annotations

from html import escape
from typing import Final, NamedTuple

from mapsys.lab.whole import WholeLab

_COLUMN: Final = 150
_ROW: Final = 110
_MARGIN: Final = 70
_HEAD: Final = 90
"""Room above the first row, for the bows between its nodes."""
_LEVELS: Final = ("region", "msp", "edge", "site")
_COLOURS: Final = {"up": "#3a7d44", "down": "#c1292e", "registered": "#888888"}


class Box(NamedTuple):
    """A node. kind: what runs there."""

    name: str
    kind: str
    row: int


class Line(NamedTuple):
    """What joins two nodes. state: "up", "down" or "registered"."""

    first: str
    second: str
    state: str


def boxes(lab: WholeLab) -> list[Box]:
    """Regions on top, then providers, then what hangs below them, tunnel routers, hosts."""
    nodes = lab.topology.alt.nodes
    found = [
        Box(node.name, node.kind, min(row, 2))
        for row, level in enumerate(_LEVELS)
        for node in nodes
        if node.level == level
    ]
    found += [Box(name, "mapsys xtr", 3) for name in (*lab.routers, lab.topology.proxy.name)]
    return found + [Box(place.name, "host", 4) for place in lab.topology.hosts]


def lines(lab: WholeLab) -> list[Line]:
    """Tunnels with the state of their sessions, registrations, and who is behind whom."""
    down = set(lab.alt.sessions_down())
    found = []
    for tunnel in lab.topology.alt.tunnels:
        names = {f"{tunnel.first}-{tunnel.second}", f"{tunnel.second}-{tunnel.first}"}
        found.append(Line(tunnel.first, tunnel.second, "down" if names & down else "up"))
    for router in lab.topology.routers:
        site = lab.topology.site_of(router)
        is_registered = bool(lab.routers[router.name].status()["registered"])
        found.append(Line(router.name, site.at, "registered" if is_registered else "down"))
    return found + [Line(place.name, place.router, "up") for place in lab.topology.hosts]


def svg(drawn: list[Box], joined: list[Line]) -> str:
    """The picture; its size follows from what is in it."""
    rows = [[box for box in drawn if box.row == row] for row in range(5)]
    width = _COLUMN * max(map(len, rows)) + 2 * _MARGIN
    place = {}
    for number, row in enumerate(rows):
        for column, box in enumerate(row):
            x = width * (column + 1) / (len(row) + 1)
            place[box.name] = (round(x), _HEAD + number * _ROW)
    height = _HEAD + 4 * _ROW + _MARGIN // 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        ' font-family="sans-serif" font-size="13" text-anchor="middle" role="img"'
        ' aria-label="The network: nodes, tunnels and registrations">'
    ]
    for line in joined:
        (x1, y1), (x2, y2) = place[line.first], place[line.second]
        dashes = ' stroke-dasharray="4 4"' if line.state == "registered" else ""
        # Two nodes of one row are joined by a bow, lest it run through those between them.
        bow = -0.2 * abs(x2 - x1) if y1 == y2 else 0
        parts.append(
            f'<path d="M{x1},{y1} Q{(x1 + x2) / 2:.0f},{(y1 + y2) / 2 + bow:.0f} {x2},{y2}"'
            f' fill="none" stroke="{_COLOURS[line.state]}" stroke-width="2"{dashes}/>'
        )
    for box in drawn:
        x, y = place[box.name]
        parts += [
            f'<rect x="{x - 48}" y="{y - 18}" width="96" height="36" rx="6"'
            ' fill="#ffffff" stroke="#333333"/>',
            f'<text x="{x}" y="{y - 2}">{escape(box.name)}</text>',
            f'<text x="{x}" y="{y + 12}" font-size="10" fill="#555555">{escape(box.kind)}</text>',
        ]
    return "\n".join([*parts, "</svg>"])


def drawing(lab: WholeLab) -> str:
    """A running network as SVG. Raises CheckFailed where a node does not say how it is."""
    return svg(boxes(lab), lines(lab))
