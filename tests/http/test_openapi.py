"""The OpenAPI document: valid, complete, and true to what is answered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from mapsys.http.openapi import document
from mapsys.http.problem import CONTENT_TYPE, Problem
from mapsys.http.routes import ROUTES
from tests.http.node import Node
from tests.http.process import http_process


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return document(ROUTES)


def operations(described: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in described["paths"].values():
        yield from path.values()


def test_an_openapi_validator_accepts_it(described: dict[str, Any]) -> None:
    assert [str(error) for error in OpenAPIV31SpecValidator(described).iter_errors()] == []


def test_it_is_served_as_it_is_made(described: dict[str, Any], tmp_path: Any) -> None:
    with Node(tmp_path) as node, http_process(node.state) as web:
        reply = web.get("/openapi.json")
    assert reply.headers["Content-Type"].startswith("application/json")
    assert reply.json() == json.loads(json.dumps(described))


def test_operation_ids_are_unique(described: dict[str, Any]) -> None:
    names = [one["operationId"] for one in operations(described)]
    assert len(names) == len(set(names)) == len(ROUTES)


def test_every_problem_of_a_route_is_described(described: dict[str, Any]) -> None:
    for route in ROUTES:
        responses = described["paths"][route.template][route.method.lower()]["responses"]
        for problem in (*route.problems, Problem.INVALID_PARAMETER):
            schema = responses[str(problem.status)]["content"][CONTENT_TYPE]["schema"]
            assert problem.uri in json.dumps(schema), (route.path, problem)


def test_every_path_parameter_is_described(described: dict[str, Any]) -> None:
    for path, methods in described["paths"].items():
        for operation in methods.values():
            named = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
            assert named == {part.strip("{}") for part in path.split("/") if part.startswith("{")}
