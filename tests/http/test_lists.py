"""Lists in every form, in part, and only if they changed."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator

import msgspec
import pytest

from mapsys.eid import EidPrefix
from mapsys.http.formats import CSV, JSON, NDJSON, chosen, csv_rows
from mapsys.http.problem import Problem, ProblemError
from tests.http.node import Node
from tests.http.process import HttpProcess, http_process
from tests.http.registered import register

REGISTERED = 1_230
PREFIXES = [str(EidPrefix.parse(f"[100]2001:db8:e001:{n:x}::/64")) for n in range(REGISTERED)]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with Node(tmp_path_factory.mktemp("state")) as running:
        for start in range(0, REGISTERED, 30):
            register(running, *PREFIXES[start : start + 30])
        yield running


@pytest.fixture(scope="module")
def web(node: Node) -> Iterator[HttpProcess]:
    with http_process(node.state) as running:
        yield running


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("text/html,application/xhtml+xml,*/*;q=0.8", JSON),
        ("text/csv", CSV),
        ("TEXT/CSV; q=1", CSV),
        ("text/*", CSV),
        ("application/x-ndjson", NDJSON),
        ("application/*;q=0.1, text/csv;q=0.2", CSV),
        ("application/json;q=0, */*", NDJSON),
        ("text/csv;q=nonsense, application/json;q=0.1", JSON),
    ],
)
def test_the_form_is_the_one_that_is_accepted_most(accept: str, media: str) -> None:
    assert chosen(accept) == media


@pytest.mark.parametrize("accept", ["image/png", "application/json;q=0", "*/*;q=0", ";;;"])
def test_a_form_that_there_is_not_is_a_problem(accept: str) -> None:
    with pytest.raises(ProblemError) as caught:
        chosen(accept)
    assert caught.value.problem is Problem.NOT_ACCEPTABLE


class Sample(msgspec.Struct, frozen=True):
    name: str
    count: int | None
    yes: bool
    parts: list[str]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_spreadsheet_runs_no_text(start: str) -> None:
    hostile = f'{start}cmd|"/c calc"!A1'
    octets = csv_rows([Sample(hostile, None, True, [hostile])], Sample.__struct_fields__)
    (cells,) = csv.reader(io.StringIO(octets.decode(), newline=""))
    assert cells[0] == f"'{hostile}"
    assert cells[1:3] == ["", "true"]
    assert json.loads(cells[3]) == [hostile]


def test_all_rows_come_as_lines_of_json(web: HttpProcess) -> None:
    reply = web.get("/api/v1/registrations", Accept=NDJSON)
    assert reply.headers["Content-Type"] == NDJSON
    rows = [json.loads(line) for line in reply.body.splitlines()]
    assert [f"[100]{row['eid_prefix']}" for row in rows] == PREFIXES
    assert rows[0]["locators"][0]["rloc"] == "127.0.0.2"


def test_all_rows_come_as_a_table(web: HttpProcess) -> None:
    reply = web.get("/api/v1/registrations?fields=eid_prefix,locators,site", Accept=CSV)
    rows = list(csv.DictReader(io.StringIO(reply.body.decode(), newline="")))
    assert [f"[100]{row['eid_prefix']}" for row in rows] == PREFIXES
    assert list(rows[0]) == ["eid_prefix", "locators", "site"]
    assert json.loads(rows[0]["locators"])[0]["priority"] == 1


@pytest.mark.parametrize("accept", [NDJSON, CSV])
def test_rows_with_a_limit_come_page_by_page(web: HttpProcess, accept: str) -> None:
    target = "/api/v1/registrations?limit=1000&fields=eid_prefix"
    reply = web.get(target, Accept=accept)
    header = 1 if accept == CSV else 0
    assert len(reply.body.splitlines()) == 1_000 + header
    link = reply.headers["Link"]
    rest = web.get(link[1 : link.index(">")], Accept=accept)
    assert len(rest.body.splitlines()) == REGISTERED - 1_000 + header
    assert "Link" not in rest.headers


def test_only_the_fields_that_are_wanted(web: HttpProcess) -> None:
    items = web.get("/api/v1/sites?fields=state,name").json()["items"]
    assert items[0] == {"state": "partial", "name": "site-one"}
    refused = web.get("/api/v1/sites?fields=name,secret")
    assert refused.json()["type"] == Problem.INVALID_PARAMETER.uri
    assert "'secret'" in refused.json()["detail"]


def test_what_the_client_has_is_not_sent_again(node: Node, web: HttpProcess) -> None:
    target = "/api/v1/registrations?limit=1"
    first = web.get(target)
    tag = first.headers["ETag"]
    again = web.get(target, **{"If-None-Match": f'"other", {tag}'})
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
    assert web.get(target, **{"If-None-Match": '"other"'}).status == 200
    node.on_its_thread(lambda: register(node, '"printer"'))
    changed = web.get(target, **{"If-None-Match": tag})
    assert changed.status == 200
    assert changed.headers["ETag"] != tag


def test_single_resources_have_tags_too(web: HttpProcess) -> None:
    target = "/api/v1/sites/site-two"
    tag = web.get(target).headers["ETag"]
    assert web.get(target, **{"If-None-Match": tag}).status == 304
    assert web.get("/api/v1/sites/nobody", **{"If-None-Match": "*"}).status == 404
