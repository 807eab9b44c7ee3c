"""The configuration in effect as YAML that reads back equal; secrets by file name or ``***``."""

from __future__ import annotations

import dataclasses
from typing import Final

import yaml

from mapsys.config.model import Config
from mapsys.config.schema import Plain
from mapsys.config.secret import HIDDEN
from mapsys.config.top import TOP

_FLOW_COLUMNS: Final = 88
"""A mapping or list of plain texts that fits stands on one line."""


class _Dumper(yaml.SafeDumper):
    """Quotes a text only where YAML needs it: the reader gives no word a type of its own."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 (the base class declares it for instances)


def dump(config: Config) -> str:
    """Every setting, defaults and included sites too, in the order of the schema.

    Paths are absolute. A secret that stands in the configuration itself is
    written as ``***``, which does not read back.
    """
    return yaml.serialize(
        _node(TOP.write(config)), Dumper=_Dumper, allow_unicode=True, width=10_000
    )


def shown(config: Config) -> dict[str, Plain]:
    """Every setting but the sites as plain values, by section, for whoever may look.

    Secrets by file name or ``***``; a token's hash as ``***`` too.
    """
    http = config.http
    if http is not None:
        tokens = tuple(dataclasses.replace(one, hash=HIDDEN) for one in http.tokens)
        http = dataclasses.replace(http, tokens=tokens)
    plain = TOP.write(dataclasses.replace(config, http=http, sites=()))
    assert isinstance(plain, dict)
    return {key: value for key, value in plain.items() if key != "sites"}


def _node(plain: Plain | None) -> yaml.Node:
    match plain:
        case dict():
            pairs = [(_node(key), _node(value)) for key, value in plain.items()]
            return yaml.MappingNode("tag:yaml.org,2002:map", pairs, flow_style=_is_short(plain))
        case list():
            items = [_node(item) for item in plain]
            return yaml.SequenceNode("tag:yaml.org,2002:seq", items, flow_style=_is_short(plain))
        case _:
            text = plain or ""
            style = None if text.isprintable() else '"'
            return yaml.ScalarNode("tag:yaml.org,2002:str", text, style=style)


def _is_short(plain: dict[str, Plain] | list[Plain]) -> bool:
    values = list(plain.values()) if isinstance(plain, dict) else plain
    return all(isinstance(value, str) for value in values) and len(str(plain)) <= _FLOW_COLUMNS
