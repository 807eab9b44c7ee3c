"""Finds out who sends a request: the Unix socket's owner, a token's holder, a certificate's."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from mapsys.http.access import Access, Person
from mapsys.http.problem import Problem, ProblemError
from mapsys.http.role import Role
from mapsys.http.route import Route

LOCALHOST: Final = "localhost"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who it is, and what they may. sites: the only ones to be seen; None is everything."""

    name: str
    role: Role
    sites: frozenset[str] | None = None

    def sees(self, site: str | None) -> bool:
        """Whether something of this site, or of the node (None), may be shown."""
        return self.sites is None or site in self.sites


UNIX_SOCKET: Final = Identity("unix-socket", Role.ADMIN)
"""Who may open the file may do everything."""

SCRAPED: Final = ("/metrics", "/livez", "/readyz")
"""What is told at the address for scrapers."""

ANYONE: Final = Identity("anyone", Role.READ)
"""Over TCP where nobody is asked who they are."""

IDENTITY: Final = web.RequestKey("identity", Identity)


class Doorkeeper:
    """Lets in, or raises ProblemError."""

    def __init__(self, access: Access) -> None:
        self._tokens = access.tokens
        self._metrics = access.metrics
        self._clients = {one.key: one for one in access.clients}
        self._names = {LOCALHOST, *(name.lower() for name in access.names)}

    def admit(self, request: web.Request, route: Route) -> Identity:
        """Who it is, once they may use this route."""
        if _came_by_unix_socket(request):
            return UNIX_SOCKET
        self._check_host(request)
        if self._is_scraper(request):
            if route.path not in SCRAPED:
                raise ProblemError(Problem.UNKNOWN_RESOURCE, f"only {', '.join(SCRAPED)} are here")
            return ANYONE
        if route.role is None:
            return ANYONE
        identity = self._identify(request)
        if identity.role < route.role:
            raise ProblemError(
                Problem.FORBIDDEN,
                f"this takes the role {route.role.name.lower()}; {identity.name} has"
                f" {identity.role.name.lower()}; http.sock in the state folder asks nobody",
            )
        if identity.sites is not None and not route.tenants:
            raise ProblemError(
                Problem.FORBIDDEN, f"{identity.name} may see its own sites, and not the whole node"
            )
        return identity

    def _is_scraper(self, request: web.Request) -> bool:
        """Whether it came to the address for scrapers."""
        transport = request.transport
        if self._metrics is None or transport is None:
            return False
        return bool(transport.get_extra_info("sockname")[1] == self._metrics[1])

    def _check_host(self, request: web.Request) -> None:
        """A page of another name that a browser was led here by must not read the answer."""
        text = request.headers.get("Host", LOCALHOST)
        name = text.rpartition(":")[0] if text.rpartition("]")[2].count(":") else text
        name = name.strip("[]").rstrip(".").lower()
        if name in self._names:
            return
        try:
            ipaddress.ip_address(name)
        except ValueError as error:
            raise ProblemError(
                Problem.WRONG_HOST,
                f"this server is not known as {text!r}; use its address, or add the name to"
                " http.names in the configuration",
            ) from error

    def _identify(self, request: web.Request) -> Identity:
        if not self._tokens and not self._clients:
            return ANYONE
        authorization = request.headers.get("Authorization")
        if authorization is not None:
            return self._of_token(authorization)
        for name in _certificate_names(request):
            if (client := self._clients.get(name)) is not None:
                return _identity(client)
        raise ProblemError(
            Problem.UNAUTHORIZED, "say who you are: 'Authorization: Bearer' and a token"
        )

    def _of_token(self, authorization: str) -> Identity:
        scheme, _, token = authorization.partition(" ")
        digest = hashlib.sha256(token.strip().encode("utf-8", "replace")).hexdigest()
        found = None
        for one in self._tokens:  # all of them, so that the time tells nothing
            if hmac.compare_digest(digest, one.key):
                found = one
        if found is None or scheme.lower() != "bearer":
            raise ProblemError(Problem.UNAUTHORIZED, "this token is not known, or not any more")
        return _identity(found)


def _identity(person: Person) -> Identity:
    sites = None if person.sites is None else frozenset(person.sites)
    return Identity(person.name, person.role, sites)


def _came_by_unix_socket(request: web.Request) -> bool:
    peer = None if request.transport is None else request.transport.get_extra_info("peername")
    return isinstance(peer, str | bytes)


def _certificate_names(request: web.Request) -> list[str]:
    """Common name and DNS names of a certificate that TLS has verified."""
    certificate: dict[str, Any] | None = (
        None if request.transport is None else request.transport.get_extra_info("peercert")
    )
    if not certificate:
        return []
    subject = [pair for group in certificate.get("subject", ()) for pair in group]
    names = [value for key, value in subject if key == "commonName"]
    names += [value for key, value in certificate.get("subjectAltName", ()) if key == "DNS"]
    return names


DOORKEEPER: Final = web.AppKey("doorkeeper", Doorkeeper)
