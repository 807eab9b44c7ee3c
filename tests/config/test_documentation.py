"""docs/configuration.md names every key with its default, and no key that is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mapsys.config.blocks import Block
from mapsys.config.schema import REQUIRED, Field, Kind, ListOf, Record, Words
from mapsys.config.top import TOP, Later

REFERENCE = Path(__file__).parents[2] / "docs" / "configuration.md"
ROW = re.compile(r"^\| `([a-z0-9.\[\]-]+)` \| (.+?) \| (.+) \|$", re.MULTILINE)


def keys_of(kind: Kind[Any] | None, path: str = "") -> Iterator[tuple[str, Field]]:
    """Every key below a kind with its path; those of ``alt:`` have a page of their own."""
    match kind:
        case Record(fields=fields):
            for field in fields:
                key = f"{path}.{field.key}" if path else field.key
                yield key, field
                if key != "alt":
                    yield from keys_of(field.kind, key)
        case ListOf(item=item):
            yield from keys_of(item, f"{path}[]")
        case Words(other=other):
            yield from keys_of(other, path)
        case Later(becomes=becomes):
            yield from keys_of(becomes, path)
        case Block(parts=parts):
            yield from keys_of(parts, path)


SCHEMA = dict(keys_of(TOP))
DOCUMENTED = {key: default for key, default, _ in ROW.findall(REFERENCE.read_text("utf-8"))}


def test_every_key_is_documented_and_nothing_else() -> None:
    assert sorted(DOCUMENTED) == sorted(SCHEMA)
    assert len(SCHEMA) > 50


def written_default(field: Field) -> str | None:
    """The default as a file would hold it, where it is one word."""
    means_none = isinstance(field.kind, Words) and None in field.kind.words.values()
    if field.default is None and not means_none:
        return None
    written = field.kind.write(field.default)
    return written if isinstance(written, str) else None


@pytest.mark.parametrize("key", sorted(SCHEMA))
def test_the_documented_default_is_the_real_one(key: str) -> None:
    field = SCHEMA[key]
    section = key.rpartition(".")[0]
    first_of_group = next(
        other
        for path, other in SCHEMA.items()
        if path.rpartition(".")[0] == section and other.name == field.name
    )
    if first_of_group.default is REQUIRED:
        assert DOCUMENTED[key] == "required"
    elif field is not first_of_group:
        assert DOCUMENTED[key] == "none"
    elif (written := written_default(field)) is not None:
        assert DOCUMENTED[key] == f"`{written}`"
    else:
        assert DOCUMENTED[key] != "required"
