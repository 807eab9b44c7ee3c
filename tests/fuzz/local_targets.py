"""Octets from this machine: configuration, journal, query socket, bodies of the API."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl

import msgspec
from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol
from aiohttp.test_utils import make_mocked_request

from mapsys.change_log import ChangeLog, pack, read_changes
from mapsys.config.dump import dump
from mapsys.config.faults import ConfigError
from mapsys.config.load import load
from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix
from mapsys.http import parameters
from mapsys.http.body import body_of
from mapsys.http.problem import ProblemError
from mapsys.http.routes import ROUTES
from mapsys.net.journal_files import STATE_SCHEMA
from mapsys.net.journal_rows import Row
from mapsys.net.journal_tables import StateTables
from mapsys.query import answered
from mapsys.query_rows import (
    Answer,
    CountersQuestion,
    LookupQuestion,
    RegistrationsQuestion,
    SitesQuestion,
    StatusQuestion,
)
from mapsys.store_pure import PureStore
from tests.config.test_load import ALT, EXAMPLE
from tests.core.world import Etr, World, record
from tests.fuzz.target import Target
from tests.http.node import Node

_FOLDER: Final = tempfile.TemporaryDirectory(prefix="mapsys-fuzz-")
_LOOP: Final = asyncio.new_event_loop()
_NODE: Final = Node(Path(_FOLDER.name))

# A configuration file.


def _configurations() -> Iterator[bytes]:
    yield EXAMPLE.encode()
    yield (EXAMPLE + ALT).encode()


def _configuration(octets: bytes) -> None:
    path = Path(_FOLDER.name) / "mapsys.yaml"
    path.write_bytes(octets)
    try:
        config = load(path)
    except ConfigError as error:
        refused = error
    else:
        dump(config)
        return
    assert refused.faults, "a file refused without a fault"
    assert all(fault.message and fault.file for fault in refused.faults)


# Packed changes of the journal, behind a checksum that is right.


def _packed_changes() -> Iterator[bytes]:
    world = World()
    etr = Etr(xtr_id=bytes(range(16)))
    for eid, ttl in (
        ("10.1.0.0/16", 60),
        ("10.1.2.3/32", 5),
        ("2001:db8:1::/48", 1),
        ("10.1.2.3/32", 0),
    ):
        world.hear(etr.message(record(eid, "192.0.2.1", ttl=ttl)), Endpoint(etr.host, etr.port))
        yield b"".join(map(pack, read_changes(world.store.take_changes()[1])))


def _journal(octets: bytes) -> None:
    log = ChangeLog()
    log.append(octets)
    framed = log.take()
    store = PureStore()
    try:
        store.apply(framed, 0.0)
    except ValueError:
        return
    held = store.scan(None, 1_000)
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(STATE_SCHEMA)
        tables = StateTables(connection)
        tables.fold([Row(1, 0.0, 0.0, 0.0, framed)])
        again = PureStore()
        for sealed in tables.read():
            assert again.apply_sealed(sealed, 0.0) == 0, "what was folded comes back damaged"
    assert again.scan(None, 1_000) == held, "folded, the journal makes another store"


# Questions at the query socket.


def _questions() -> Iterator[bytes]:
    packed = EidPrefix.parse("198.18.1.0/24").pack()
    for question in (
        StatusQuestion(),
        CountersQuestion(),
        SitesQuestion(),
        RegistrationsQuestion(site="site-one"),
        LookupQuestion(packed),
    ):
        yield msgspec.msgpack.encode(question)


def _question(octets: bytes) -> None:
    reply = _LOOP.run_until_complete(answered(octets, _NODE))
    msgspec.msgpack.decode(reply, type=Answer)


# Requests to the API: which body, the query string, and the body.

_BODIES: Final = tuple(route.body for route in ROUTES if route.body is not None)


def _requests() -> Iterator[bytes]:
    yield b"\0limit=5&cursor=AAAA&prefix=198.18.1.0/24&match=longest\n{}"
    yield b'\0instance-id=7\n{"eid": "198.18.1.1", "instance_id": 7}'
    for number, shape in enumerate(_BODIES):
        names = msgspec.json.encode(
            {field.encode_name: 1 for field in msgspec.structs.fields(shape)}
        )
        yield bytes((number,)) + b"\n" + names


def _request(octets: bytes) -> None:
    query_string, _, body = octets[1:].partition(b"\n")
    shape = _BODIES[octets[0] % len(_BODIES)] if octets else _BODIES[0]
    _LOOP.run_until_complete(_read_request(query_string.decode("latin-1"), body, shape))


async def _read_request(query_string: str, body: bytes, shape: type[msgspec.Struct]) -> None:
    payload = StreamReader(BaseProtocol(_LOOP), 2**16, loop=_LOOP)
    payload.feed_data(body)
    payload.feed_eof()
    query = dict(parse_qsl(query_string))
    for read in (parameters.limit, parameters.cursor, parameters.prefix, parameters.match):
        with contextlib.suppress(ProblemError):
            read(query)
    request = make_mocked_request(
        "POST", "/", headers={"Content-Type": "application/json"}, payload=payload
    )
    with contextlib.suppress(ProblemError):
        await body_of(request, shape)


TARGETS: Final = (
    Target("configuration", _configuration, _configurations, 4_096),
    Target("journal", _journal, _packed_changes, 2_048),
    Target("query", _question, _questions, 1_024),
    Target("api", _request, _requests, 1_024),
)
