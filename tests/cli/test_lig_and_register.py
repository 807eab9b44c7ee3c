"""``mapsys register`` and ``mapsys lig`` as processes, talking to a real node over loopback."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from mapsys.cli.main import cli
from mapsys.cli.output import FORMATS
from mapsys.eid import EidPrefix
from mapsys.wire.auth import ALGORITHM_IDS
from tests.cli.conftest import COMMAND_SECONDS, Run
from tests.http.node import SECRET, Node


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Node]:
    """A node of its own for each test, so that nothing is registered yet."""
    with Node(tmp_path) as running:
        yield running


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "site-one.key"
    path.write_bytes(SECRET + b"\n")
    path.chmod(0o600)
    return path


def at(node: Node) -> str:
    return f"{node.endpoint.host}:{node.endpoint.port}"


@contextmanager
def etr(node: Node, secret_file: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A running ``mapsys register`` whose Map-Notify has come; interrupted at the end."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "mapsys.cli.main", "register", *arguments),
            *("-m", at(node), "--key-id", "1", "--secret-file", str(secret_file)),
            *("--nonce-file", str(node.state / "nonce")),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        for line in process.stdout:
            if "Map-Notify from" in line:
                break
        else:
            raise AssertionError(f"no Map-Notify came: {process.stderr.read()}")
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(COMMAND_SECONDS)
        process.stdout.close()
        process.stderr.close()


def test_a_site_registers_and_lig_gets_its_own_answer(
    run: Run, server: Node, secret_file: Path
) -> None:
    with etr(server, secret_file, "198.18.1.0/24"):
        found = run("lig", "198.18.1.1", "-m", at(server))
    assert found.returncode == 0, found.stderr
    assert "Send map-request to 127.0.0.1 for 198.18.1.1" in found.stdout
    assert re.search(r"Received map-reply from 127\.0\.0\.\d+ with rtt \d\.\d+ secs", found.stdout)
    assert "198.18.1.0/24, record ttl: 1440, authoritative" in found.stdout
    assert re.search(r"127\.0\.0\.\d+ +up +1/100", found.stdout)


def test_self_lig_proves_the_registration(run: Run, server: Node, secret_file: Path) -> None:
    with etr(server, secret_file, "198.18.1.0/24"):
        found = run("lig", "self", "-s", "198.18.1.0/24", "-m", at(server), "-o", "json")
    assert found.returncode == 0, found.stderr
    answer = json.loads(found.stdout)
    assert (answer["eid"], answer["negative"]) == ("198.18.1.0", False)
    assert answer["record"]["authoritative"] is True
    assert answer["map_replier"] != "127.0.0.1"


@pytest.mark.parametrize(
    ("prefix", "eid"),
    [
        ("[100]2001:db8:e001::/48", "[100]2001:db8:e001::7"),
        ('"printer"', '"printer"'),
        ("02:00:00:00:00:01", "02:00:00:00:00:01"),
    ],
)
def test_every_kind_of_eid(
    run: Run, server: Node, secret_file: Path, prefix: str, eid: str
) -> None:
    with etr(server, secret_file, prefix):
        found = run("lig", eid, "-m", at(server), "-o", "json")
    assert found.returncode == 0, found.stderr
    record = json.loads(found.stdout)["record"]
    answered = EidPrefix.parse(record["eid_prefix"], record["instance_id"])
    assert answered == EidPrefix.parse(prefix)


def test_instance_id_may_be_an_option(run: Run, server: Node) -> None:
    found = run("lig", "2001:db8:e002::7", "-i", "100", "-m", at(server), "-o", "json")
    assert found.returncode == 3, found.stderr
    record = json.loads(found.stdout)["record"]
    assert (record["instance_id"], record["eid_prefix"]) == (100, "2001:db8:e002::/47")


@pytest.mark.parametrize("form", FORMATS)
def test_lig_in_every_form(run: Run, server: Node, form: str) -> None:
    found = run("lig", "198.18.4.1", "-m", at(server), "-o", form)
    assert found.returncode == 3, found.stderr
    assert "198.18.4.0/22" in found.stdout
    assert "natively-forward" in found.stdout


def test_negative_answer_says_action_ttl_and_prefix(run: Run, server: Node) -> None:
    found = run("lig", "198.18.4.1", LISP_MAP_RESOLVER=at(server))
    assert found.returncode == 3
    assert "198.18.4.0/22, record ttl: 15, negative, action: natively-forward" in found.stdout
    brief = run("lig", "-b", "198.18.4.1", "-m", at(server))
    assert brief.returncode == 3
    assert "ACTION=natively-forward" in brief.stdout.splitlines()
    assert "LOCATORS=0" in brief.stdout.splitlines()


def test_proxy_reply_comes_from_the_map_server(run: Run, server: Node, secret_file: Path) -> None:
    ended = run(
        *("register", "198.18.1.0/24", "--once", "--proxy-reply", "-m", at(server)),
        *("--key-id", "1", "--secret-file", str(secret_file)),
        *("--rloc", "203.0.113.9,2,50", "--rloc", "2001:db8::9", "--rloc", "203.0.113.1"),
    )
    assert ended.returncode == 0, ended.stderr
    found = run("lig", "198.18.1.1", "-m", at(server), "-o", "json")
    assert found.returncode == 0, found.stderr
    answer = json.loads(found.stdout)
    locators = [
        (one["rloc"], one["priority"], one["weight"]) for one in answer["record"]["locators"]
    ]
    assert locators == [("203.0.113.1", 1, 100), ("203.0.113.9", 2, 50), ("2001:db8::9", 1, 100)]
    assert answer["record"]["authoritative"] is False
    assert answer["map_replier"] == "127.0.0.1"


@pytest.mark.parametrize("algorithm", ALGORITHM_IDS)
def test_every_algorithm_registers(run: Run, server: Node, algorithm: str) -> None:
    ended = run(
        *("register", "198.18.1.0/24", "--once", "-m", at(server), "--key-id", "1"),
        *("--secret-env", "SITE_KEY", "--algorithm", algorithm, "--xtr-id", "auto"),
        SITE_KEY=SECRET.decode(),
    )
    assert ended.returncode == 0, ended.stderr
    assert "Map-Notify from 127.0.0.1" in ended.stdout
    assert SECRET.decode() not in ended.stdout + ended.stderr
    mapping = server.store.get(EidPrefix.parse("198.18.1.0/24"))
    assert mapping is not None
    assert len(mapping.registrations[0].registrant) == 16


CONFIG = """
node: lab.example
state: state
control: {listen: ["127.0.0.1:4342"]}
map-server: {}
sites:
  - name: other
    keys: [{id: 1, secret: another secret}]
    eids: [{prefix: 198.18.0.0/16}]
  - name: site-one
    keys: [{id: 7, secret: not this one}, {id: 1, secret: the secret of site one}]
    eids: [{prefix: 198.18.1.0/24}]
"""


def test_a_site_may_sign_with_what_a_configuration_says(
    run: Run, server: Node, tmp_path: Path
) -> None:
    file = tmp_path / "mapsys.yaml"
    file.write_text(CONFIG, encoding="utf-8")
    where = ("--once", "--timeout", "5", "-m", at(server), "-c", str(file))
    ended = run("register", "198.18.1.0/24", "--key-id", "1", *where)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert server.store.get(EidPrefix.parse("198.18.1.0/24")) is not None
    nobody = run("register", "192.0.2.0/24", *where)
    assert (nobody.returncode, "no site" in nobody.stderr) == (2, True)
    no_key = run("register", "198.18.1.0/24", "--key-id", "9", *where)
    assert (no_key.returncode, "site-one has no key-id 9" in no_key.stderr) == (2, True)
    file.write_text("node: [", encoding="utf-8")
    faulty = run("register", "198.18.1.0/24", *where)
    assert (faulty.returncode, "mapsys check" in faulty.stderr) == (2, True)


def test_withdraw_and_nonces_that_rise_from_run_to_run(
    run: Run, server: Node, secret_file: Path
) -> None:
    common = ("-m", at(server), "--key-id", "1", "--secret-file", str(secret_file))
    prefix = EidPrefix.parse("198.18.1.0/24")
    nonces = []
    for step in ("--once", "--withdraw", "--once"):
        ended = run("register", "198.18.1.0/24", step, *common)
        assert ended.returncode == 0, ended.stderr
        nonces += [int(one, 16) for one in re.findall(r"nonce (0x[0-9a-f]+)", ended.stdout)]
        assert (server.store.get(prefix) is None) == (step == "--withdraw")
    assert nonces == sorted(set(nonces))


def test_withdraw_on_exit(server: Node, secret_file: Path) -> None:
    prefix = EidPrefix.parse("198.18.1.0/24")
    with etr(server, secret_file, "198.18.1.0/24", "--withdraw-on-exit"):
        assert server.store.get(prefix) is not None
    assert server.store.get(prefix) is None


def test_two_sites_on_one_host_get_an_address_each(server: Node, secret_file: Path) -> None:
    with (
        etr(server, secret_file, "198.18.1.0/25"),
        etr(server, secret_file, "198.18.1.128/25"),
    ):
        found = [
            server.store.get(EidPrefix.parse(text)) for text in ("198.18.1.0/25", "198.18.1.128/25")
        ]
    assert all(found)
    registrants = {one.registrations[0].registrant for one in found if one is not None}
    assert len(registrants) == 2


def test_a_refused_register_times_out_and_says_where_to_look(run: Run, server: Node) -> None:
    ended = run(
        *("register", "198.18.1.0/24", "--once", "--timeout", "0.5", "-m", at(server)),
        *("--key-id", "1", "--secret-env", "SITE_KEY"),
        SITE_KEY="wrong",
    )
    assert ended.returncode == 4
    assert "mapsys sites" in ended.stderr
    assert server.store.get(EidPrefix.parse("198.18.1.0/24")) is None
    assert server.ledger.of("site-one").refused == 1


def test_lig_without_a_resolver_is_exit_code_4_after_count_tries(run: Run) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.settimeout(0.0)
        where = f"127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        ended = run("lig", "198.18.1.1", "-m", where, "-c", "2", "-t", "50")
        assert time.monotonic() - began < COMMAND_SECONDS
        received = [silent.recv(2048) for _ in range(2)]
        with pytest.raises(BlockingIOError):
            silent.recv(2048)
    assert ended.returncode == 4
    assert ended.stdout.count("Send map-request") == 2
    assert "no Map-Reply" in ended.stderr
    assert received[0] != received[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lig", "198.18.1.0/24"], "EID-Prefix"),
        (["lig", "self"], "-s PREFIX"),
        (["lig", "198.18.1.1", "-c", "6"], "6"),
        (["lig", "198.18.1.1", "-m", "127.0.0.1:0"], "port"),
        (["lig", "198.18.1.1", "-s", "nonsense"], "nonsense"),
        (["register", "--key-id", "1"], "PREFIX"),
        (["register", "198.18.1.0/24"], "--secret-file"),
        (["register", "198.18.1.0/24", "--bind", "127.0.0.1:0"], "port"),
        (["register", "198.18.1.7/24", "--secret-env", "KEY"], "host bits"),
        (["register", "198.18.1.0/24", "--secret-env", "UNSET"], "UNSET"),
        (["register", "198.18.1.0/24", "--secret-env", "KEY", "--rloc", "x"], "--rloc"),
        (["register", "198.18.1.0/24", "--secret-env", "KEY", "--rloc", "192.0.2.1,256"], "255"),
        (["register", "198.18.1.0/24", "--secret-env", "KEY", "--rloc", "::1,1,2,3"], "weight"),
        (["register", "198.18.1.0/24", "--secret-env", "KEY", "--xtr-id", "ab"], "32"),
        (["register", "198.18.1.0/24", "--secret-env", "KEY", "-c", __file__], "one of"),
        (["register", "198.18.1.0/24", "--secret-env", "KEY", "--site-id", "ab"], "--xtr-id"),
    ],
)
def test_usage_errors(arguments: list[str], message: str) -> None:
    ended = CliRunner().invoke(cli, arguments, env={"KEY": "a secret"}, prog_name="mapsys")
    assert ended.exit_code == 2, ended.output
    assert message in ended.stderr


def test_a_spoilt_nonce_file_is_named(run: Run, tmp_path: Path) -> None:
    spoilt = tmp_path / "nonce"
    spoilt.write_text("not a number", encoding="ascii")
    ended = run(
        *("register", "198.18.1.0/24", "--once", "--secret-env", "KEY"),
        *("--nonce-file", str(spoilt)),
        KEY="a secret",
    )
    assert ended.returncode == 1
    assert str(spoilt) in ended.stderr


def test_a_busy_address_is_named(run: Run) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        bind = f"127.0.0.1:{holder.getsockname()[1]}"
        ended = run("register", "198.18.1.0/24", "--secret-env", "KEY", "--bind", bind, KEY="a")
    assert ended.returncode == 1
    assert "in use" in ended.stderr
