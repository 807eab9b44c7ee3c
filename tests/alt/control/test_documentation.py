"""docs/alt.md names every key, every reason and every kind of hole, and no other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from alt.config import ALT, DELEGATION, TUNNEL, Instance
from alt.effects import LocalKind
from alt.reasons import IMPORT_REASONS
from mapsys.config.schema import Record

PAGE = (Path(__file__).parents[3] / "docs" / "alt.md").read_text(encoding="utf-8")


def first_column(heading: str) -> set[str]:
    """The code words in the first column of the table under a line."""
    _, _, rest = PAGE.partition(heading + "\n")
    table = re.match(r"\n*((?:\|.*\n)+)", rest)
    assert table is not None, heading
    rows = table[1].splitlines()[2:]
    return {word for row in rows for word in re.findall(r"`([^`]+)`", row.split("|")[1])}


def keys(record: Record[object]) -> set[str]:
    return {field.key for field in record.fields}


def test_every_key_is_described() -> None:
    assert isinstance(ALT.item, Instance)
    assert first_column("Each entry of `alt:` is one instance.") == keys(ALT.item.record)
    assert first_column("A delegation:") == keys(DELEGATION)
    assert first_column("A tunnel:") == keys(TUNNEL)


def test_every_reason_and_hole_is_described() -> None:
    assert first_column("## Why a route is refused") == set(IMPORT_REASONS)
    assert first_column("primary wherever both are heard.") == set(get_args(LocalKind)) - {"site"}
