"""Pages of the documentation that are made of the code: commands, keys, operations.

Sphinx calls ``on_source_read`` for each page; where one holds a mark such as
``<!-- made by scripts/reference.py: commands -->``, what it names stands there then.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import click

from mapsys.cli.main import cli
from mapsys.config.json_schema import json_schema
from mapsys.config.top import TOP
from mapsys.http.openapi import document
from mapsys.http.routes import ROUTES

Json = dict[str, Any]

_MARK: Final = re.compile(r"<!-- made by scripts/reference\.py: (\w+) -->")
_SPECIAL: Final = re.compile(r"([\\`*_\[\]<>|{}#$~])")


def on_source_read(_application: object, _name: str, source: list[str]) -> None:
    """Put what is made of the code in the place of the marks (an event of Sphinx)."""
    source[0] = _MARK.sub(lambda mark: PARTS[mark[1]](), source[0])


def plain(text: str) -> str:
    """Text as Markdown that means nothing but itself, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def commands() -> str:
    """Every command with its options, from click."""
    return "\n\n".join(_of_command(cli, click.Context(cli, info_name="mapsys")))


def _of_command(command: click.Command, context: click.Context) -> Iterator[str]:
    name = context.command_path
    if command is not cli:
        yield f"## {name}"
    yield f"`{name} {' '.join(command.collect_usage_pieces(context))}`"
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        as_it_is = paragraph.startswith("\b\n")
        yield f"```text\n{paragraph[2:]}\n```" if as_it_is else plain(paragraph)
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record is not None and record[1]:
            yield f"`{record[0]}`\n: {plain(record[1])}"
    if isinstance(command, click.Group):
        for word in command.list_commands(context):
            inner = command.get_command(context, word)
            assert inner is not None
            yield from _of_command(inner, click.Context(inner, context, word))


def settings() -> str:
    """Every key of the configuration with its form, from the schema."""
    rows = [f"| `{path}` | {form} |" for path, form in _of_schema(json_schema(TOP), "")]
    return "\n".join(("| key | form |", "|---|---|", *rows))


def _of_schema(schema: Json, path: str) -> Iterator[tuple[str, str]]:
    """Paths below one, in order, each once for each form that it can have."""
    for name, member in schema.get("properties", {}).items():
        key = f"{path}.{name}" if path else name
        required = name in schema.get("required", ())
        yield key, plain(_form(member)) + (", required" if required else "")
        yield from _of_schema(member, key)
    if "items" in schema:
        yield from _of_schema(schema["items"], f"{path}[]")
    for alternative in schema.get("anyOf", ()):
        yield from _of_schema(alternative, path)


def _form(schema: Json) -> str:
    if "description" in schema:
        return str(schema["description"])
    if schema.get("type") == "array":
        return "a list of " + _form(schema["items"])
    if "not" in schema:
        return "reserved"
    words = schema.get("enum") or [_form(one) for one in schema.get("anyOf", ())]
    return " or ".join(map(str, words))


def interface() -> str:
    """Every operation of the HTTP interface, from its OpenAPI description."""
    described = [
        _operation(path, method, operation)
        for path, methods in sorted(document(ROUTES)["paths"].items())
        for method, operation in methods.items()
    ]
    return "\n\n".join(described)


def _operation(path: str, method: str, operation: Json) -> str:
    parts = [f"`{method.upper()} {path}`\n: {plain(operation['summary'])}"]
    parameters = [f"`{one['name']}`" for one in operation["parameters"]]
    if parameters:
        parts.append(f"  Takes {', '.join(parameters)}.")
    if "requestBody" in operation:
        parts.append("  Has a body.")
    parts.append(f"  Answers {', '.join(sorted(operation['responses']))}.")
    return "\n".join(parts)


PARTS: Final[dict[str, Callable[[], str]]] = {
    "commands": commands,
    "settings": settings,
    "interface": interface,
}
"""What a mark may name."""
