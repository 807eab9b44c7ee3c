"""The command line's way to the daemon: the status API, over its Unix socket or a URL."""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import SplitResult, quote, urlencode, urlsplit

import click

from mapsys.cli.exits import Failed, InvalidConfiguration, NotFound, RefusedByServer, Unreachable
from mapsys.cli.output import Command
from mapsys.http import SOCKET_NAME

ANSWER_SECONDS: Final = 15.0
"""A little more than the HTTP process waits for the daemon."""

STATE_FOLDERS: Final = (Path("run/demo"), Path("/var/lib/mapsys"))
"""Where a daemon is looked for when none is named: the demo's folder, then the system's."""

TOKEN_VARIABLE: Final = "MAPSYS_TOKEN"
"""In the environment, since others can read command lines."""

PAGE_LIMIT: Final = 1_000

_JSON_BODY: Final = {"Content-Type": "application/json"}


_FAILURES: Final[dict[str, type[click.ClickException]]] = {
    "unknown-site": NotFound,
    "no-poll-results": NotFound,
    "unknown-key": NotFound,
    "no-alt": NotFound,
    "no-operation": NotFound,
    "order-refused": RefusedByServer,
    **dict.fromkeys(
        (
            "site-exists",
            "prefix-taken",
            "misplaced",
            "of-a-file",
            "stale",
            "key-reused",
            "no-map-server",
            "rotation-under-way",
            "no-rotation",
        ),
        RefusedByServer,
    ),
    "invalid-site": click.UsageError,
    "not-traceable": click.UsageError,
    "no-nonce": NotFound,
    "invalid-eid": click.UsageError,
    "invalid-parameter": click.UsageError,
    "invalid-configuration": InvalidConfiguration,
    "nothing-unconfirmed": NotFound,
    "daemon-away": Unreachable,
}


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=ANSWER_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Api:
    """The API of one daemon. Every failure names it, or what it said."""

    def __init__(
        self,
        where: str,
        connect: Callable[[], http.client.HTTPConnection],
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._where = where
        self._connect = connect
        self._headers = {"Accept": "application/json", **headers}

    def get(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        """One resource; the path's parts are already quoted."""
        return self._exchange("GET", f"{path}?{urlencode(query)}" if query else path, None)

    def text(self, path: str) -> bytes:
        """A resource that is no JSON, as it comes."""
        status, octets = self._request("GET", path, None, ANSWER_SECONDS)
        if status != http.client.OK:
            raise self._failure(status, self._decoded(octets))
        return octets

    def post(
        self, path: str, body: Mapping[str, Any], patience_seconds: float = ANSWER_SECONDS
    ) -> dict[str, Any]:
        """Give an order; the path's parts are already quoted."""
        return self._exchange("POST", path, json.dumps(body), patience_seconds)

    def send(
        self, method: str, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> dict[str, Any]:
        """Change a resource; the path's parts are already quoted."""
        text = None if body is None else json.dumps(body)
        return self._exchange(method, path, text, headers=headers)

    def tag(self, path: str) -> str:
        """The ETag of a resource as it is now; ``*`` where it has none that can be changed."""
        response, octets = self._ask("GET", path, None, ANSWER_SECONDS, {})
        if response.status != http.client.OK:
            raise self._failure(response.status, self._decoded(octets))
        tag = response.headers.get("ETag", "")
        return tag if tag.startswith('"') else "*"

    def _exchange(
        self,
        method: str,
        target: str,
        body: str | None,
        patience_seconds: float = ANSWER_SECONDS,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> dict[str, Any]:
        response, octets = self._ask(method, target, body, patience_seconds, headers)
        if response.status == http.client.NO_CONTENT:
            return {}
        answer = self._decoded(octets)
        if response.status not in (http.client.OK, http.client.CREATED):
            raise self._failure(response.status, answer)
        return answer

    def _request(
        self, method: str, target: str, body: str | None, patience_seconds: float
    ) -> tuple[int, bytes]:
        response, octets = self._ask(method, target, body, patience_seconds, {})
        return response.status, octets

    def _ask(
        self,
        method: str,
        target: str,
        body: str | None,
        patience_seconds: float,
        headers: Mapping[str, str],
    ) -> tuple[http.client.HTTPResponse, bytes]:
        connection = self._connect()
        connection.timeout = patience_seconds
        sent = {**self._headers, **({} if body is None else _JSON_BODY), **headers}
        try:
            connection.request(method, target, body, sent)
            response = connection.getresponse()
            octets = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise self._away(error) from error
        finally:
            connection.close()
        return response, octets

    def items(self, path: str, query: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """The items of a list, page after page."""
        wanted = dict(query)
        while True:
            page = self.get(path, {**wanted, "limit": str(PAGE_LIMIT)})
            yield from page["items"]
            if page["next"] is None:
                return
            wanted["cursor"] = page["next"]

    def events(
        self, path: str, query: Mapping[str, str], after: str
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Server-sent events after a position, each with its name, until the server ends them.

        A sign of life comes as a name and data that are empty.
        """
        connection = self._connect()
        target = f"{path}?{urlencode(query)}" if query else path
        headers = {**self._headers, "Accept": "text/event-stream", "Last-Event-ID": after}
        try:
            connection.request("GET", target, None, headers)
            response = connection.getresponse()
            if response.status != http.client.OK:
                raise self._failure(response.status, self._decoded(response.read()))
            name = ""
            while line := response.readline():
                kind, _, value = line.decode().rstrip("\n").partition(": ")
                if kind == "event":
                    name = value
                elif kind == "data":
                    yield name, json.loads(value)
                elif line.startswith(b":"):
                    yield "", {}
        except (OSError, http.client.HTTPException) as error:
            raise self._away(error) from error
        finally:
            connection.close()

    def _away(self, error: Exception) -> Unreachable:
        said = str(error) or type(error).__name__
        return Unreachable(f"no answer from {self._where}: {said}; is 'mapsys run' running there?")

    def _decoded(self, body: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise Failed(f"{self._where} does not speak the mapsys API; check --url")
        return answer

    def _failure(self, status: int, problem: Mapping[str, Any]) -> click.ClickException:
        slug = str(problem.get("type", "")).rpartition("/")[2]
        failure = _FAILURES.get(slug, Failed)
        if status in (http.client.UNAUTHORIZED, http.client.FORBIDDEN):
            failure = RefusedByServer
        detail = problem.get("detail") or problem.get("title") or f"status {status}"
        errors = [
            f"{one['pointer'] or '(all)'}: {one['detail']}" for one in problem.get("errors", ())
        ]
        return failure("\n".join([str(detail), *errors]))


def api_options(command: Command) -> Command:
    """Adds ``--state`` and ``--url``."""
    command = click.option(
        "--url",
        envvar="MAPSYS_URL",
        show_envvar=True,
        metavar="URL",
        help="Ask the API at this address, such as http://127.0.0.1:8042, instead.",
    )(command)
    return click.option(
        "--state",
        envvar="MAPSYS_STATE",
        show_envvar=True,
        type=click.Path(path_type=Path),
        help="State folder of the daemon to ask.  [default: run/demo, then /var/lib/mapsys]",
    )(command)


def api(state: Path | None, url: str | None) -> Api:
    """The daemon that the options name, or the one found in a usual place."""
    if url is not None:
        return _at_url(url)
    path = (state or _found_state()) / SOCKET_NAME
    return Api(str(path), lambda: _UnixConnection(path))


def quoted(part: str) -> str:
    """A path part for :meth:`Api.get`."""
    return quote(part, safe="")


def _at_url(url: str) -> Api:
    parts = urlsplit(url)
    try:
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise click.BadParameter(f"{url!r}: {error}", param_hint="--url") from error
    if parts.scheme not in ("http", "https") or host is None or parts.path not in ("", "/"):
        raise click.BadParameter(
            f"{url!r} is not http://HOST:PORT or https://HOST:PORT", param_hint="--url"
        )
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return Api(url, lambda: kind(host, port, timeout=ANSWER_SECONDS), _authorization(parts))


def _authorization(url: SplitResult) -> dict[str, str]:
    """The header for the token that the environment holds, if it does."""
    token = os.environ.get(TOKEN_VARIABLE, "")
    if not token:
        return {}
    if not token.isascii() or not token.isprintable():
        raise click.UsageError(f"{TOKEN_VARIABLE} holds no token")
    if url.scheme == "http" and url.hostname not in ("127.0.0.1", "::1", "localhost"):
        raise click.UsageError(
            f"{TOKEN_VARIABLE} is set, and over http:// others could read the token; use https://"
        )
    return {"Authorization": f"Bearer {token}"}


def _found_state() -> Path:
    for folder in STATE_FOLDERS:
        try:
            if (folder / SOCKET_NAME).is_socket():
                return folder
        except OSError:
            continue  # a folder of somebody else: not the one meant
    places = " or ".join(str(folder) for folder in STATE_FOLDERS)
    raise Unreachable(
        f"no running mapsys in {places}; start one with 'mapsys run -c FILE',"
        " or say where it is with --state or --url"
    )
