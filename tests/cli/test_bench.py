"""``mapsys bench``: when messages leave, which answers count, and a run against a real daemon."""

from __future__ import annotations

import csv
import io
import itertools
import json
import socket
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from mapsys.bench import (
    TURN_LIMIT,
    Bench,
    Load,
    MapRegisters,
    MapRequests,
    RequestTemplate,
    Work,
    percentile,
)
from mapsys.cli.main import cli
from mapsys.cli.nonces import NonceFile
from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix
from mapsys.etr import EtrConfig
from mapsys.lig import Question, encapsulated_map_request, inner_source
from mapsys.wire.auth import Key
from mapsys.wire.ecm import Ecm
from mapsys.wire.map_notify import MapNotify
from mapsys.wire.map_register import MapRegister
from mapsys.wire.map_reply import MapReply
from mapsys.wire.map_request import MapRequest
from mapsys.wire.message import decode
from tests.daemon.node import SECRET, Node, xtr
from tests.http.node import Node as QueryNode
from tests.http.registered import records

SERVER = Endpoint("127.0.0.1", 4342)
EIDS = ("198.18.1.0/24", "[100]2001:db8:e001::/48", '"printer"', "02:00:00:00:00:01")
KEY = Key(b"a shared secret")


def question(eid: str, own: str = "127.0.0.1") -> Question:
    parsed = EidPrefix.parse(eid)
    return Question(parsed, Endpoint(own, 4342), own, 5_000, inner_source(parsed, [own]))


def map_requests(*eids: str) -> MapRequests:
    return MapRequests([question(eid) for eid in eids], itertools.count(1).__next__)


def map_registers() -> MapRegisters:
    config = EtrConfig(SERVER, records("198.18.1.0/24"), KEY, 1, 2)
    return MapRegisters(config, itertools.count(1_001).__next__)


def nonce_of(octets: bytes) -> int:
    message = decode(octets)
    if isinstance(message, Ecm):
        message = message.message
    assert isinstance(message, MapRequest | MapRegister)
    return message.nonce


def reply(nonce: int, *, negative: bool = False) -> bytes:
    (record,) = records("198.18.1.0/24")
    return MapReply(nonce, (replace(record, rlocs=()) if negative else record,)).octets()


def notify(nonce: int, key: Key = KEY, key_id: int = 1) -> bytes:
    return key.sign(MapNotify(nonce, key_id, 2, bytes(32), records("198.18.1.0/24")).octets())


def all_of(bench: Bench, now: float) -> list[bytes]:
    return [octets for burst in iter(lambda: bench.send(now), []) for octets in burst]


def one_work(work: Work, load: Load) -> Bench:
    return Bench(load, [work], began=100.0)


def test_each_message_leaves_when_it_is_due_and_none_before() -> None:
    bench = one_work(map_requests("198.18.1.1"), Load(rate=10, seconds=0.5))
    assert bench.send(99.99) == []
    left = []
    while (due := bench.next_deadline()) is not None:
        left.append(due)
        assert len(bench.send(due)) == 1
        assert bench.send(due) == []
    assert left == pytest.approx([100.0, 100.1, 100.2, 100.3, 100.4])
    assert not bench.is_over


def test_a_sender_that_was_held_up_catches_up_in_bounded_turns() -> None:
    bench = one_work(map_requests("198.18.1.1"), Load(rate=1_000, seconds=0.2))
    assert [len(bench.send(101.0)) for _ in range(5)] == [TURN_LIMIT, TURN_LIMIT, TURN_LIMIT, 8, 0]
    (measured,) = bench.measured()
    assert (measured.sent, measured.lost) == (200, 200)
    assert measured.sent_late_seconds == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("load", "messages"),
    [
        (Load(100, 5), 500),
        (Load(100, 5, count=7), 7),
        (Load(0.1, 1), 1),
        (Load(10_000, 60), 600_000),
    ],
)
def test_a_load_comes_to_so_many_messages(load: Load, messages: int) -> None:
    assert load.messages == messages


def test_latency_counts_from_the_moment_a_message_was_due() -> None:
    bench = one_work(map_requests("198.18.1.1"), Load(rate=10, seconds=0.3))
    nonces = [nonce_of(octets) for octets in all_of(bench, 101.0)]
    for nonce in nonces:
        bench.receive(reply(nonce), 101.5)
    (measured,) = bench.measured()
    assert measured.p50_seconds == pytest.approx(1.4)
    assert measured.p99_9_seconds == pytest.approx(1.5)
    assert (measured.answered, measured.lost, measured.negative) == (3, 0, 0)
    assert measured.answers_a_second == pytest.approx(3 / 1.5)
    assert bench.is_over


def test_answers_do_not_outrun_the_rate() -> None:
    bench = one_work(map_requests("198.18.1.1"), Load(rate=10, seconds=1))
    while (due := bench.next_deadline()) is not None:
        for octets in bench.send(due):
            bench.receive(reply(nonce_of(octets)), due)
    assert bench.measured()[0].answers_a_second == pytest.approx(10)


def test_only_the_first_answer_to_an_own_nonce_counts() -> None:
    bench = one_work(map_requests("198.18.1.1"), Load(rate=10, seconds=0.2))
    first, second = (nonce_of(octets) for octets in all_of(bench, 101.0))
    for data in (b"", b"\x20", reply(77), reply(first)[:-1], notify(first)):
        bench.receive(data, 101.0)
    assert bench.measured()[0].answered == 0
    bench.receive(reply(first), 101.0)
    bench.receive(reply(first), 102.0)
    bench.receive(reply(second, negative=True), 101.0)
    (measured,) = bench.measured()
    assert (measured.answered, measured.negative, measured.lost) == (2, 1, 0)


def test_a_map_notify_counts_with_the_key_it_was_asked_under() -> None:
    bench = one_work(map_registers(), Load(rate=10, seconds=0.1))
    (sent,) = all_of(bench, 100.0)
    register = decode(sent)
    assert isinstance(register, MapRegister)
    assert register.want_map_notify
    assert KEY.verify(sent)
    nonce = register.nonce
    for data in (reply(nonce), notify(nonce, Key(b"another")), notify(nonce, key_id=2)):
        bench.receive(data, 100.1)
    assert bench.measured()[0].answered == 0
    bench.receive(notify(nonce), 100.2)
    assert bench.measured()[0].answered == 1


def test_kinds_leave_in_turns_and_are_counted_apart() -> None:
    works: list[Work] = [map_requests("198.18.1.1"), map_registers()]
    bench = Bench(Load(rate=10, seconds=0.5), works, began=0.0)
    nonces = [nonce_of(octets) for octets in all_of(bench, 1.0)]
    assert nonces == [1, 1_001, 2, 1_002, 3]
    bench.receive(notify(1_001), 1.0)
    asked, registered = bench.measured()
    assert (asked.work, asked.sent, asked.answered) == ("Map-Request", 3, 0)
    assert (registered.work, registered.sent, registered.answered) == ("Map-Register", 2, 1)
    assert asked.p50_seconds is None


def test_stopped_it_sends_nothing_more_and_waits_for_what_is_under_way() -> None:
    bench = one_work(map_requests("198.18.1.1"), Load(rate=10, seconds=5))
    (sent,) = bench.send(100.0)
    bench.stop()
    assert bench.next_deadline() is None
    assert bench.send(200.0) == []
    assert not bench.is_over
    bench.receive(reply(nonce_of(sent)), 100.1)
    assert bench.is_over


@given(
    st.sampled_from(EIDS), st.sampled_from(("127.0.0.1", "2001:db8::1")), st.integers(0, 2**64 - 1)
)
def test_a_template_writes_what_lig_writes(eid: str, own: str, nonce: int) -> None:
    asked = question(eid, own)
    assert RequestTemplate(asked).octets(nonce) == encapsulated_map_request(asked, nonce)


@pytest.mark.parametrize(
    ("percent", "value"), [(50, 500.0), (99, 990.0), (99.9, 999.0), (100, 1000.0), (0.01, 1.0)]
)
def test_percentiles_are_values_of_the_sample(percent: float, value: float) -> None:
    assert percentile([float(one) for one in range(1, 1_001)], percent) == value


def test_percentiles_of_little_and_nothing() -> None:
    assert percentile([3.0], 50) == percentile([3.0], 99.9) == 3.0
    assert percentile([], 50) is None


def test_reserved_nonces_are_above_all_before_and_below_all_after(tmp_path: Path) -> None:
    kept = NonceFile(tmp_path / "nonce")
    before = kept.next()
    reserved = kept.reserve(10**12)  # more than a clock in microseconds makes up for
    assert before < reserved[0]
    assert kept.next() > reserved[-1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--server", "192.0.2.1"], "--this-server-is-mine"),
        (["--server", "[2001:db8::1]:4342"], "--this-server-is-mine"),
        (["--rate", "10001"], "10000"),
        (["--rate", "0"], "--rate"),
        (["--rate", "nan"], "--rate"),
        (["--seconds", "61"], "--seconds"),
        (["--count", "0"], "--count"),
        (["--count", "600001"], "--count"),
        (["--eid", "nonsense"], "--eid"),
        (["--register", "198.18.1.7/24", "--secret-env", "KEY"], "host bits"),
        (["--register", "198.18.1.0/24"], "--secret-file"),
        (["--key-id", "1"], "--register"),
    ],
)
def test_usage_errors(arguments: list[str], message: str) -> None:
    ended = CliRunner().invoke(cli, ["bench", *arguments], env={"KEY": "a"}, prog_name="mapsys")
    assert ended.exit_code == 2, ended.output
    assert message in ended.stderr


def test_silence_is_exit_code_4_and_counted_as_lost() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{silent.getsockname()[1]}"
        options = ("--server", where, "--eid", "198.18.1.1", "--count", "2", "--timeout", "0.1")
        ended = CliRunner().invoke(cli, ["bench", *options, "-o", "csv"], prog_name="mapsys")
    assert ended.exit_code == 4, ended.output
    assert "no answer from 127.0.0.1" in ended.stderr
    (row,) = csv.DictReader(io.StringIO(ended.stdout))
    assert (row["sent"], row["answered"], row["lost"], row["p50 (ms)"]) == ("2", "0", "2", "")


def bench_of(server: Endpoint, *arguments: str) -> Result:
    where = ("--server", f"{server.host}:{server.port}", "--rate", "200", "--timeout", "60")
    ended = CliRunner().invoke(
        cli, ["bench", *where, *arguments], env={"KEY": SECRET}, prog_name="mapsys"
    )
    assert ended.exit_code == 0, ended.output
    assert SECRET not in ended.output
    return ended


@pytest.mark.usefixtures("web")
def test_what_is_registered_is_asked_for_in_every_instance(node: QueryNode) -> None:
    options = ("--state", str(node.state), "--count", "10", "-o", "ndjson")
    (asked,) = map(json.loads, bench_of(node.endpoint, *options).stdout.splitlines())
    assert (asked["work"], asked["answered"], asked["negative"]) == ("Map-Request", 10, 0)


def test_every_form_has_the_same_row(node: QueryNode) -> None:
    def shown(form: str) -> str:
        options = ("--eid", "198.18.2.1", "--count", "2", "-o", form)
        return bench_of(node.endpoint, *options).stdout

    for row in (
        json.loads(shown("json")),
        yaml.safe_load(shown("yaml")),
        [json.loads(shown("ndjson"))],
    ):
        assert (row[0]["answered"], row[0]["negative"], row[0]["lost"]) == (2, 2, 0)
    (row,) = csv.DictReader(io.StringIO(shown("csv")))
    assert (row["message"], row["answered"], row["lost"]) == ("Map-Request", "2", "0")
    heading, line = shown("table").splitlines()
    assert "p99.9 (ms)" in heading
    assert line.split()[:5] == ["Map-Request", "2", "2", "2", "0"]


def test_a_real_daemon_answers_all_of_it(tmp_path: Path) -> None:
    daemon = Node(tmp_path)
    try:
        daemon.start()
        with xtr(daemon.address) as etr:
            etr.registers("198.18.1.0/25")
        signed = ("--key-id", "1", "--secret-env", "KEY", "--nonce-file", str(tmp_path / "nonce"))
        both = ("--eid", "198.18.1.1", "--register", "198.18.1.128/25", *signed, "--count", "40")
        lines = bench_of(daemon.address, *both, "-o", "json").stdout
    finally:
        daemon.close()
    asked, registered = json.loads(lines)
    assert (asked["work"], registered["work"]) == ("Map-Request", "Map-Register")
    for one in (asked, registered):
        assert (one["sent"], one["answered"], one["lost"], one["negative"]) == (20, 20, 0, 0)
        assert 0 < one["p50_seconds"] <= one["p99_seconds"] <= one["p99_9_seconds"]
