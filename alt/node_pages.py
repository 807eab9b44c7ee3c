"""Pages of an ALT node's state for the status interface: cursors, and the lists behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from alt.export import ExportPolicy
from alt.node_instance import AltInstance
from alt.node_rows import (
    aggregate_row,
    delegation_row,
    own_rejected_row,
    peer_row,
    rejected_row,
    route_rows,
    tunnel_rows,
)
from mapsys.eid import EidPrefix
from mapsys.query_alt_rows import AltList, AltPage, AltQuestion, AltRow

T = TypeVar("T")

INSTANCE_OCTETS: Final = 4
PAGE_ROWS_LIMIT: Final = 500

Clocks = tuple[float, float]
"""The loop's clock and Unix time, read together."""

Listed = tuple[bytes, list[AltRow]]
"""Rows that stay together, and the mark to go on behind them."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """after: the mark of an earlier page; empty at the beginning. around: as asked."""

    instance: AltInstance
    after: bytes
    clocks: Clocks
    around: EidPrefix | None = None


def alt_page(
    instances: Mapping[int, AltInstance], question: AltQuestion, clocks: Clocks
) -> AltPage:
    """A page of a list. Raises ValueError for a cursor that was not handed out.

    A route that stays while pages are turned is listed once; of refused routes, one
    that comes or goes meanwhile may cost the page (the cursor is then refused).
    """
    cursor = question.cursor or b""
    begin = int.from_bytes(cursor[:INSTANCE_OCTETS], "big")
    limit = max(1, min(question.limit, PAGE_ROWS_LIMIT))
    around = None if question.around is None else EidPrefix.unpack(question.around)[0]
    rows: list[AltRow] = []
    for number in sorted(instances):
        if number < begin or question.instance_id not in (None, number):
            continue
        after = cursor[INSTANCE_OCTETS:] if number == begin else b""
        last = cursor
        for mark, together in _LISTS[question.what](
            _Asked(instances[number], after, clocks, around)
        ):
            if rows and len(rows) + len(together) > limit:
                return AltPage(rows, last)
            rows += together
            last = number.to_bytes(INSTANCE_OCTETS, "big") + mark
    return AltPage(rows, None)


def _peers(asked: _Asked) -> Iterator[Listed]:
    instance = asked.instance
    for mark, peer in _by_name(instance.router.peers, asked.after):
        story = instance.stories.of(peer.tunnel.name)
        yield mark, [peer_row(instance.config, peer, story, asked.clocks)]


def _routes(asked: _Asked) -> Iterator[Listed]:
    instance = asked.instance
    exports = ExportPolicy(instance.config, instance.router.imports)
    if asked.around is not None:
        for length in range(asked.around.length, -1, -1):
            best = instance.router.loc_rib.best(asked.around.truncated(length))
            if best is not None:
                yield best.prefix.pack(), route_rows(best, instance.router, exports)
        return
    after = EidPrefix.unpack(asked.after)[0] if asked.after else None
    for route in instance.router.loc_rib.after(after):
        yield route.prefix.pack(), route_rows(route, instance.router, exports)


def _aggregates(asked: _Asked) -> Iterator[Listed]:
    router = asked.instance.router
    config = router.config
    kinds = {**dict.fromkeys(config.blocks, "own"), **dict.fromkeys(config.backup_blocks, "backup")}
    for mark, (block, kind) in _by_name({str(b): (b, k) for b, k in kinds.items()}, asked.after):
        yield mark, [aggregate_row(block, kind, router)]


def _delegations(asked: _Asked) -> Iterator[Listed]:
    router = asked.instance.router
    by_block = {str(one.block): one for one in router.imports.delegations.listed}
    for mark, delegation in _by_name(by_block, asked.after):
        yield mark, [delegation_row(delegation, router)]


def _rejected(asked: _Asked) -> Iterator[Listed]:
    """This node's own prefixes first, then each neighbour's in the order in which they came."""
    instance = asked.instance
    name_octets, _, packed = asked.after.partition(b"\0")
    name = name_octets.decode("utf-8", "replace")
    resume = EidPrefix.unpack(packed)[0] if packed else None
    if not name:
        for prefix in sorted(instance.wanted_sites):
            row = own_rejected_row(prefix, instance.router)
            if row is not None and (resume is None or prefix > resume):
                yield b"\0" + prefix.pack(), [row]
        resume = None
    for peer_name, peer in sorted(instance.router.peers.items()):
        if peer_name < name:
            continue
        routes = peer.adj_in.routes
        if peer_name == name and resume is not None and resume not in routes:
            raise ValueError("the route that the cursor stands at is gone; start again")
        is_behind = peer_name != name or resume is None
        for prefix, heard in routes.items():
            if is_behind and heard.reason is not None:
                yield (
                    peer_name.encode() + b"\0" + prefix.pack(),
                    [rejected_row(instance.config.instance_id, peer_name, prefix, heard)],
                )
            is_behind = is_behind or prefix == resume


def _tunnels(asked: _Asked) -> Iterator[Listed]:
    if not asked.instance.is_running:
        return
    rows = {row.name or "": row for row in tunnel_rows(asked.instance)}
    for mark, row in _by_name(rows, asked.after):
        yield mark, [row]


def _by_name(items: Mapping[str, T], after: bytes) -> Iterator[tuple[bytes, T]]:
    """Items in the order of their names; a mark is the name behind a full stop."""
    for name in sorted(items):
        mark = b"." + name.encode()
        if mark > after:
            yield mark, items[name]


_LISTS: Final[dict[AltList, Callable[[_Asked], Iterator[Listed]]]] = {
    "peers": _peers,
    "routes": _routes,
    "aggregates": _aggregates,
    "delegations": _delegations,
    "rejected": _rejected,
    "tunnels": _tunnels,
}
