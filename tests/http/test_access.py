"""Who is let in over TCP: tokens, roles, tenants, certificates, names."""

from __future__ import annotations

import http.client
import json
import re
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
from click.testing import CliRunner

from mapsys.cli.main import cli
from mapsys.config.load import load
from mapsys.config.model import Config
from mapsys.http.access import ACCESS_NAME
from mapsys.http.role import Role
from mapsys.http.route import Route
from mapsys.http.routes import ROUTES
from mapsys.http_access import hand_over
from tests.http.authority import Authority
from tests.http.event_reader import EventReader, unix_connection
from tests.http.node import Node
from tests.http.process import HttpProcess, Reply, http_process
from tests.http.registered import register

PEOPLE = {
    "reader": ("--role", "read"),
    "operator": ("--role", "operate"),
    "boss": ("--role", "admin"),
    "tenant": ("--site", "site-two"),
    "both": ("--site", "site-one", "--site", "site-two"),
}


def target_of(route: Route) -> str:
    """A path of the route."""
    return re.sub(r"\{[^}]+\}", "1", route.template)


def configured(folder: Path, section: str) -> Config:
    path = folder / "mapsys.yaml"
    path.write_text("node: ms1\ncontrol: {listen: [127.0.0.1:4342]}\nmap-server: {}\n" + section)
    return load(path)


@pytest.fixture(scope="module")
def tokens() -> dict[str, dict[str, str]]:
    made = {}
    for name, options in PEOPLE.items():
        result = CliRunner().invoke(cli, ["token", name, *options, "-o", "json"])
        assert result.exit_code == 0, result.output
        made[name] = json.loads(result.stdout)
    return made


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with Node(tmp_path_factory.mktemp("state")) as running:
        register(running, "198.18.1.0/24")
        register(running, "198.18.2.0/24", secret=b"the secret of site two")
        yield running


@pytest.fixture(scope="module")
def web(node: Node, tokens: dict[str, dict[str, str]]) -> Iterator[HttpProcess]:
    lines = "".join(f"    {one['entry']}\n" for one in tokens.values())
    section = "http:\n  listen: 127.0.0.1:8042\n  names: [mapsys.example]\n  tokens:\n" + lines
    config = configured(node.state, section)
    assert config.http is not None
    access = hand_over(config.http, node.state)
    with http_process(node.state, "--access", str(access)) as running:
        yield running


class Ask(Protocol):
    """Sends a request with the token of one of PEOPLE."""

    def __call__(self, person: str, target: str, method: str = "GET") -> Reply: ...


@pytest.fixture
def ask(web: HttpProcess, tokens: dict[str, dict[str, str]]) -> Ask:
    def asked(person: str, target: str, method: str = "GET") -> Reply:
        return web.get(target, method, Authorization=f"Bearer {tokens[person]['token']}")

    return asked


def slug(reply: Reply) -> str:
    return str(reply.json()["type"]).removeprefix("/problems/")


def test_what_is_handed_over_is_for_its_owner_and_holds_no_token(
    web: HttpProcess, tokens: dict[str, dict[str, str]]
) -> None:
    path = web.state / ACCESS_NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    for one in tokens.values():
        assert one["token"] not in text
        assert one["hash"].removeprefix("sha256:") in text


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.template}")
def test_without_a_token_nobody_gets_past_the_public_routes(web: HttpProcess, route: Route) -> None:
    target = target_of(route)
    reply = web.get(target, route.method)
    if route.role is None:
        assert reply.status in (200, 404)
    else:
        assert (reply.status, slug(reply)) == (401, "unauthorized")
        assert reply.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", "Bearer mapsys_guess", "Basic {token}", "{token}", "Bearer {token}x"],
)
def test_a_token_that_is_not_quite_right_is_none(
    web: HttpProcess, tokens: dict[str, dict[str, str]], authorization: str
) -> None:
    text = authorization.format(token=tokens["boss"]["token"])
    reply = web.get("/api/v1/status", Authorization=text)
    assert slug(reply) == "unauthorized"
    assert tokens["boss"]["token"] not in reply.body.decode()


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize(
    "route",
    [one for one in ROUTES if one.method != "GET"],
    ids=lambda route: route.template,
)
def test_orders_take_their_role(ask: Ask, person: str, route: Route) -> None:
    reply = ask(person, target_of(route), route.method)
    held = {"operator": Role.OPERATE, "boss": Role.ADMIN}.get(person, Role.READ)
    is_tenant = person in ("tenant", "both")
    refused = held < (route.role or Role.READ) or (is_tenant and not route.tenants)
    assert (reply.status == 403 and slug(reply) == "forbidden") is refused


@pytest.mark.parametrize("person", ["tenant", "both"])
def test_a_tenant_gets_nothing_about_the_node(ask: Ask, person: str) -> None:
    for route in ROUTES:
        if route.method == "GET" and route.role is not None and not route.tenants:
            reply = ask(person, target_of(route))
            assert (reply.status, slug(reply)) == (403, "forbidden"), route.path


def test_a_tenant_sees_its_own_sites_and_no_other(ask: Ask) -> None:
    assert [one["name"] for one in ask("tenant", "/api/v1/sites").json()["items"]] == ["site-two"]
    both = ask("both", "/api/v1/sites?limit=1").json()
    assert (len(both["items"]), both["next"] is None) == (1, False)
    rest = ask("both", f"/api/v1/sites?cursor={both['next']}").json()
    assert [one["name"] for one in rest["items"]] == ["site-two"]
    assert ask("tenant", "/api/v1/sites/site-two").status == 200
    other, none = (ask("tenant", f"/api/v1/sites/{name}") for name in ("site-one", "no-site"))
    assert (other.status, slug(other)) == (none.status, slug(none)) == (404, "unknown-site")


def test_a_tenant_sees_registrations_of_its_own(ask: Ask) -> None:
    items = ask("tenant", "/api/v1/registrations").json()["items"]
    assert [one["eid_prefix"] for one in items] == ["198.18.2.0/24"]
    around = "/api/v1/registrations?prefix=198.18.0.0/16&match=covered"
    assert [one["site"] for one in ask("tenant", around).json()["items"]] == ["site-two"]
    assert slug(ask("tenant", "/api/v1/registrations?site=site-one")) == "invalid-parameter"
    assert slug(ask("both", "/api/v1/registrations")) == "invalid-parameter"
    items = ask("both", "/api/v1/registrations?site=site-one").json()["items"]
    assert [one["eid_prefix"] for one in items] == ["198.18.1.0/24"]


def test_a_tenant_hears_of_its_own(
    web: HttpProcess, node: Node, tokens: dict[str, dict[str, str]], ask: Ask
) -> None:
    start = ask("tenant", "/api/v1/changes").json()
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=30)
    authorization = {"Authorization": f"Bearer {tokens['tenant']['token']}"}
    connection.request("GET", "/api/v1/events", headers=authorization)
    reader = EventReader(connection.getresponse())
    node.on_its_thread(lambda: register(node, "198.18.1.0/24", rloc="127.0.0.7"))
    node.on_its_thread(
        lambda: register(node, "198.18.2.0/24", secret=b"the secret of site two", rloc="127.0.0.7")
    )
    assert reader.next().data["site"] == "site-two"
    connection.close()
    position = f"?session={start['session']}&serial={start['serial']}"
    delta = ask("tenant", f"/api/v1/changes{position}").json()
    assert [one["site"] for one in delta["announced"]] == ["site-two"]
    everything = ask("reader", f"/api/v1/changes{position}").json()
    assert [one["site"] for one in everything["announced"]] == ["site-one", "site-two"]


@pytest.mark.parametrize(
    ("host", "welcome"),
    [
        ("127.0.0.1:8042", True),
        ("[::1]:8042", True),
        ("[::1]", True),
        ("localhost", True),
        ("LOCALHOST:8042", True),
        ("mapsys.example:8042", True),
        ("mapsys.example.", True),
        ("evil.example", False),
        ("evil.example:8042", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("", False),
    ],
)
def test_a_name_that_is_not_ours_is_refused(web: HttpProcess, host: str, welcome: bool) -> None:
    reply = web.get("/version", Host=host)
    assert reply.status == (200 if welcome else 421)
    assert welcome or slug(reply) == "wrong-host"


def test_the_unix_socket_asks_nobody(web: HttpProcess) -> None:
    connection = unix_connection(web.state)
    connection.request("GET", "/api/v1/sites/site-one/keys", headers={"Host": "anything"})
    assert connection.getresponse().status == 200
    connection.close()


def test_an_access_file_that_cannot_be_read_lets_nobody_in(tmp_path: Path) -> None:
    damaged = tmp_path / ACCESS_NAME
    damaged.write_text('{"tokens": [')
    argv = ["--state", str(tmp_path), "--listen", "127.0.0.1:0", "--access", str(damaged)]
    ended = subprocess.run(
        [sys.executable, "-m", "mapsys.http", *argv],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert str(damaged) in ended.stderr


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def secure(
    node: Node, authority: Authority, tokens: dict[str, dict[str, str]]
) -> Iterator[HttpProcess]:
    certificate, key = authority.issue("server", "127.0.0.1")
    section = (
        "http:\n"
        "  listen: 127.0.0.1:8042\n"
        f"  tls:\n    certificate: {certificate}\n    key: {key}\n"
        f"    client-ca: {authority.certificate}\n"
        "    clients: [{name: noc.example, role: admin}]\n"
        f"  tokens:\n    {tokens['tenant']['entry']}\n"
    )
    config = configured(authority.folder, section)
    assert config.http is not None
    state = authority.folder / "state"
    state.mkdir()
    access = hand_over(config.http, state)
    with http_process(state, "--access", str(access)) as running:
        yield running


def over_tls(secure: HttpProcess, context: ssl.SSLContext, target: str, **headers: str) -> int:
    connection = http.client.HTTPSConnection("127.0.0.1", secure.port, timeout=30, context=context)
    try:
        connection.request("GET", target, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_certificate_says_who_it_is(
    secure: HttpProcess, authority: Authority, tokens: dict[str, dict[str, str]]
) -> None:
    known = authority.client_context("noc.example")
    assert over_tls(secure, known, "/version") == 200
    assert over_tls(secure, known, "/api/v1/sites/site-one/keys") == 503  # let in; no daemon there
    unknown = authority.client_context("somebody.example")
    assert over_tls(secure, unknown, "/api/v1/status") == 401
    token = {"Authorization": f"Bearer {tokens['tenant']['token']}"}
    assert over_tls(secure, unknown, "/api/v1/sites/site-two", **token) == 503
    assert over_tls(secure, known, "/api/v1/status", **token) == 403  # the token counts


def test_without_a_certificate_of_the_authority_there_is_no_answer(
    secure: HttpProcess, authority: Authority, tmp_path: Path
) -> None:
    bare = ssl.create_default_context(cafile=str(authority.certificate))
    other = Authority(tmp_path).client_context("noc.example", trusting=authority.certificate)
    for context in (bare, other):
        with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
            over_tls(secure, context, "/version")


def test_plain_http_at_a_tls_port_is_cut(secure: HttpProcess) -> None:
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        secure.get("/version")
