"""JSON Schema of a setting, made of the kinds that read it: for editors, and for the API.

A file holds texts where JSON may have numbers and truths as well; both are allowed.
What several keys settle together is only checked when it is read.
"""

from __future__ import annotations

from typing import Any, Final

from mapsys.config.scalars import Boolean, Degrees, Integer, ScalarKind
from mapsys.config.schema import REQUIRED, Field, Kind, ListOf, Record, Single, Words
from mapsys.config.secret import SecretFile, SecretText

JsonSchema = dict[str, Any]

DIALECT: Final = "http://json-schema.org/draft-07/schema#"
"""The one that editors know best; nothing here is of a later one."""

_WHOLE_NUMBER: Final = "^(0|-?[1-9][0-9]*)$"


def json_schema(kind: Kind[Any], *, files: bool = True) -> JsonSchema:
    """What is allowed. files: whether a setting may name a file that holds a secret."""
    form = kind.form()
    if form is None:
        return {"not": {}}
    return _of_form(form, files)


def patch_of(schema: JsonSchema) -> JsonSchema:
    """A merge patch (RFC 7396) of what a schema allows: any part of it, or null to remove one."""
    if "anyOf" in schema:
        return schema | {"anyOf": [patch_of(one) for one in schema["anyOf"]]}
    if schema.get("type") != "object":
        return schema
    members = {
        name: {"anyOf": [patch_of(member), {"type": "null"}]}
        for name, member in schema["properties"].items()
    }
    kept = {name: part for name, part in schema.items() if name not in ("required", "allOf")}
    return kept | {"properties": members}


def _of_form(kind: Kind[Any], files: bool) -> JsonSchema:
    match kind:
        case Record():
            return _record(kind, files)
        case ListOf():
            items = json_schema(kind.item, files=files)
            return {"type": "array", "items": items, "minItems": kind.at_least}
        case Single():
            return json_schema(kind.item, files=files)
        case Words():
            return {"anyOf": [{"enum": list(kind.words)}, json_schema(kind.other, files=files)]}
        case SecretText():
            return {"type": "string", "minLength": 1, "description": kind.expects}
        case ScalarKind():
            return _scalar(kind) | {"description": kind.expects}
    return {"description": kind.expects}


def _scalar(kind: ScalarKind[Any]) -> JsonSchema:
    if kind.words:
        return {"enum": [*kind.words, *(int(word) for word in kind.words if word.isdigit())]}
    match kind:
        case Boolean():
            return {"enum": [True, False, "true", "false"]}
        case Integer():
            number = {"type": "integer", "minimum": kind.lowest, "maximum": kind.highest}
            return {"anyOf": [number, {"type": "string", "pattern": _WHOLE_NUMBER}]}
        case Degrees():
            return {"type": ["number", "string"], "minimum": -kind.highest, "maximum": kind.highest}
    return {"type": ["string", "integer"] if _takes_digits(kind) else "string"}


def _takes_digits(kind: ScalarKind[Any]) -> bool:
    """Whether digits alone are one of its texts, which an editor takes for a number."""
    try:
        kind.parse("24")
    except ValueError:
        return False
    return True


def _record(record: Record[Any], files: bool) -> JsonSchema:
    fields = [one for one in record.fields if files or not isinstance(one.kind, SecretFile)]
    ways: dict[str, list[Field]] = {}
    for field in fields:
        ways.setdefault(field.name, []).append(field)
    schema: JsonSchema = {
        "type": "object",
        "description": record.expects,
        "properties": {one.key: json_schema(one.kind, files=files) for one in fields},
        "additionalProperties": False,
    }
    needed = [keys for keys in ways.values() if keys[0].default is REQUIRED]
    if required := [keys[0].key for keys in needed if len(keys) == 1]:
        schema["required"] = required
    choices: list[JsonSchema] = []
    for keys in ways.values():
        if len(keys) > 1:
            one_of: list[JsonSchema] = [{"required": [field.key]} for field in keys]
            if keys not in needed:
                one_of.append({"not": {"anyOf": list(one_of)}})
            choices.append({"oneOf": one_of})
    if choices:
        schema["allOf"] = choices
    return schema
