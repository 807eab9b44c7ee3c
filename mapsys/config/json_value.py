"""JSON to the tree of nodes that the schema reads, so that it is checked like a file.

A number or a truth is the text that YAML would have for it. There are no lines to
point at: a fault's key path becomes a JSON pointer (RFC 6901).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

from mapsys.config.document import DEPTH_LIMIT, Mapping, Node, Scalar, Sequence
from mapsys.config.faults import Fault, Faults
from mapsys.config.schema import Origin, Value

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_STEPS: Final = re.compile(r"[^.\[\]]+")
_NO_FOLDER: Final = Path("/")


def json_value(plain: Any, name: str, faults: Faults) -> Value:
    """What ``json.loads`` gave, as a value. Raises ValueError where it is nested too deep.

    name: of where it comes from, for faults. No file is read for it.
    """
    return Value(_node(plain, 0), Origin(name, _NO_FOLDER, faults, reads_files=False))


def pointer_of(fault: Fault) -> str:
    """The place of a fault as a JSON pointer; empty for the whole."""
    return "".join(f"/{step}" for step in _STEPS.findall(fault.path))


def load_json(octets: bytes) -> Any:
    """The JSON in some octets. Raises ValueError, in words, for everything else."""
    try:
        # As json.loads reads octets, which would make a decoder each time.
        return _DECODER.decode(octets.decode(json.detect_encoding(octets), "surrogatepass"))
    except RecursionError as error:
        raise ValueError(f"nested more than {DEPTH_LIMIT} levels deep") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, member in pairs:
        if key in found:
            raise ValueError(f"member {key[:60]!r} stands there twice")
        found[key] = member
    return found


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse_constant)


def _node(plain: Any, depth: int) -> Node:
    if depth > DEPTH_LIMIT:
        raise ValueError(f"nested more than {DEPTH_LIMIT} levels deep")
    match plain:
        case dict():
            entries: list[tuple[Node, Node]] = [
                (_scalar(key), _node(member, depth + 1)) for key, member in plain.items()
            ]
            return Mapping(0, 0, entries)
        case list():
            return Sequence(0, 0, [_node(item, depth + 1) for item in plain])
        case bool():
            return Scalar(0, 0, "true" if plain else "false")
        case None:
            return Scalar(0, 0, "")
        case str():
            return _scalar(plain)
    return Scalar(0, 0, str(plain))


def _scalar(text: str) -> Scalar:
    if not text.isascii() and _SURROGATE.search(text):
        raise ValueError("half of a surrogate pair is no character")
    return Scalar(0, 0, text)
