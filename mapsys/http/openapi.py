"""The OpenAPI 3.1 description, made of the route table and of the structs that are answered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from aiohttp import web

import mapsys
from mapsys.http.event_stream import MEDIA
from mapsys.http.formats import JSON
from mapsys.http.page import MEDIA_TYPES
from mapsys.http.problem import CONTENT_TYPE, Problem, ProblemBody
from mapsys.http.route import FIELDS, TEXT, Parameter, Route

OPENAPI_VERSION: Final = "3.1.0"
NO_CONTENT: Final = 204

DOCUMENT: Final = web.AppKey("openapi_document", bytes)
"""Encoded once: it changes with the version only."""

EVERYWHERE: Final = (Problem.INVALID_PARAMETER, Problem.WRONG_HOST, Problem.INTERNAL_ERROR)
"""What any route may answer."""

_TEXTS: Final = {TEXT, MEDIA, "application/openmetrics-text", *MEDIA_TYPES.values()}
_REF: Final = "#/components/schemas/{name}"

Json = dict[str, Any]


async def openapi(request: web.Request) -> web.Response:
    """The description of this interface."""
    return web.Response(body=request.app[DOCUMENT], content_type=JSON)


def document(routes: Sequence[Route]) -> Json:
    """The whole description."""
    structs = _structs(routes)
    references, components = msgspec.json.schema_components(structs, ref_template=_REF)
    by_struct = dict(zip(structs, references, strict=True))
    paths: dict[str, Json] = {}
    for route in routes:
        operation = _operation(route, by_struct, components)
        paths.setdefault(route.template, {})[route.method.lower()] = operation
    return {
        "openapi": OPENAPI_VERSION,
        "info": {
            "title": "mapsys",
            "version": mapsys.__version__,
            "description": "Status and control of a LISP mapping system.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "certificate": {"type": "mutualTLS"},
            },
        },
    }


def _structs(routes: Iterable[Route]) -> list[type[msgspec.Struct]]:
    found: dict[type[msgspec.Struct], None] = {ProblemBody: None}
    for route in routes:
        for one in (route.answer, route.rows, route.body):
            if one is not None:
                found[one] = None
    return list(found)


def _operation(route: Route, by_struct: dict[type[msgspec.Struct], Json], components: Json) -> Json:
    content = _content(route, by_struct, components)
    responses: dict[str, Json] = {
        str(status): {"description": route.summary, "content": content}
        for status in (route.status, *route.also)
    }
    for status, problems in _by_status(_problems_of(route)).items():
        described = _problem_response(problems, by_struct[ProblemBody])
        if str(status) in responses:  # also: the answer itself may carry the status
            described["content"] |= responses[str(status)]["content"]
        responses[str(status)] = described
    if route.method == "GET" and MEDIA not in route.media:
        responses["304"] = {"description": "What `If-None-Match` names is still right."}
    operation: Json = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "parameters": [_parameter(one, route) for one in route.parameters],
        "responses": responses,
        "security": [] if route.role is None else [{}, {"token": []}, {"certificate": []}],
    }
    if route.status == NO_CONTENT:
        del responses[str(NO_CONTENT)]["content"]
    if route.body_schema is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {JSON: {"schema": route.body_schema}},
        }
    if route.body is not None:
        operation["requestBody"] = {
            "required": any(one.required for one in msgspec.structs.fields(route.body)),
            "content": {JSON: {"schema": by_struct[route.body]}},
        }
    return operation


def _content(route: Route, by_struct: dict[type[msgspec.Struct], Json], components: Json) -> Json:
    schemas: dict[str, Json] = {}
    for media in route.media:
        if media in _TEXTS:
            schemas[media] = {"type": "string"}
        elif route.answer is not None:
            schemas[media] = by_struct[route.answer]
        elif route.rows is not None:
            schemas[media] = _rows(media, _listed(by_struct[route.rows], components))
        else:
            schemas[media] = {"type": "object"}
    return {media: {"schema": schema} for media, schema in schemas.items()}


def _rows(media: str, item: Json) -> Json:
    if media != JSON:
        return {"type": "string"}
    return {
        "type": "object",
        "properties": {
            "items": {"type": "array", "items": item},
            "next": {
                "type": ["string", "null"],
                "description": "The `cursor` of the following page; null at the end.",
            },
        },
        "required": ["items", "next"],
    }


def _listed(item: Json, components: Json) -> Json:
    """An item of a list: whole, or with those members only that `fields` names."""
    whole = components[item["$ref"].rpartition("/")[2]]
    part = {"type": "object", "properties": whole["properties"], "additionalProperties": False}
    return {"anyOf": [item, part]}


def _parameter(parameter: Parameter, route: Route) -> Json:
    if parameter is FIELDS and route.rows is not None:
        names = {"type": "string", "enum": list(route.rows.__struct_fields__)}
        schema = parameter.schema | {"items": names}
        more: Json = {"style": "form", "explode": False}
    else:
        schema, more = parameter.schema, {}
    return more | {
        "name": parameter.name,
        "in": "path" if parameter.in_path else "header" if parameter.in_header else "query",
        "required": parameter.in_path,
        "description": parameter.description,
        "schema": schema,
    }


def _problems_of(route: Route) -> tuple[Problem, ...]:
    daemon = (Problem.DAEMON_AWAY,) if route.asks_daemon else ()
    body = () if route.body is None else (Problem.INVALID_REQUEST, Problem.BODY_TOO_LARGE)
    door = () if route.role is None else (Problem.UNAUTHORIZED, Problem.FORBIDDEN)
    return (*route.problems, *body, *door, *daemon, *EVERYWHERE)


def _by_status(problems: Iterable[Problem]) -> dict[int, list[Problem]]:
    found: dict[int, list[Problem]] = {}
    for problem in problems:
        found.setdefault(problem.status, []).append(problem)
    return dict(sorted(found.items()))


def _problem_response(problems: list[Problem], body: Json) -> Json:
    types = {"type": {"enum": [one.uri for one in problems]}}
    return {
        "description": " Or: ".join(f"{one.title}." for one in problems),
        "content": {CONTENT_TYPE: {"schema": {"allOf": [body, {"properties": types}]}}},
    }


def _operation_id(route: Route) -> str:
    words = [part.strip("{}") for part in route.template.removeprefix("/api/v1").split("/") if part]
    return "-".join([route.method.lower(), *words])
