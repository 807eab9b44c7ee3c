"""The ``http:`` section: where the status interface listens on TCP, and who may use it there."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from mapsys.config import model
from mapsys.config.scalars import Boolean, Choice, EndpointText, FilePath, ScalarKind, Text
from mapsys.config.schema import Field, ListOf, Record, Value, Words

ROLES: Final = ("read", "operate", "admin")
"""Each may do what those before it may."""

NAME: Final = Text("a name of letters, digits, dots, dashes, underscores or @", pattern=r"[\w.@-]+")
HOST_NAME: Final = Text("a host name such as mapsys.example", pattern=r"[A-Za-z0-9.-]+")
ROLE: Final = Field("role", Choice(*ROLES), default=model.HTTP_ROLE)
SITES: Final = Field(
    "sites",
    Words({"all": None}, ListOf(Text("a site's name"), name="site names", at_least=1)),
    default=None,
)


class TokenHash(ScalarKind[str]):
    """What a token is known by: its SHA-256."""

    expects = "sha256: and 64 hexadecimal digits, as 'mapsys token' prints"

    def parse(self, text: str) -> str:
        if re.fullmatch(r"sha256:[0-9a-f]{64}", text) is None:
            raise ValueError(f"is not {self.expects}")
        return text


def is_protected(http: model.Http) -> bool:
    """Whether nobody gets in without proving who they are, and nobody can listen in."""
    return http.tls is not None and bool(http.tokens or http.tls.clients)


def is_open_beyond_this_machine(http: model.Http) -> bool:
    """Whether others than this machine's users reach an interface that is not protected."""
    return not is_protected(http) and not ipaddress.ip_address(http.listen.host).is_loopback


def _check_tls(value: Value, tls: model.TlsConfig) -> None:
    if tls.clients and tls.client_ca is None:
        value.at("clients").fault("nobody vouches for certificates; give client-ca: as well")
    _check_people(value, "clients", tls.clients)


def _check(value: Value, http: model.Http) -> None:
    if http.metrics is not None and http.metrics.listen.port == http.listen.port:
        value.at("metrics", "listen").fault("http.listen has this port; take another one")
    _check_people(value, "tokens", http.tokens)
    for number, token in enumerate(http.tokens):
        if token.hash in [one.hash for one in http.tokens[:number]]:
            value.at("tokens", number, "hash").fault("another entry has the same token")


def _check_people(
    value: Value, key: str, people: tuple[model.TokenConfig | model.ClientConfig, ...]
) -> None:
    for number, one in enumerate(people):
        if one.name in [other.name for other in people[:number]]:
            value.at(key, number, "name").fault(f"{one.name!r} stands in the list already")
        if one.role == "admin" and one.sites is not None:
            value.at(key, number, "sites").fault("who may do everything cannot be kept to sites")


TOKEN: Final = Record(
    model.TokenConfig,
    "a token, as in {name: noc, hash: 'sha256:...', role: read}",
    Field("name", NAME),
    Field("hash", TokenHash()),
    ROLE,
    SITES,
)

CLIENT: Final = Record(
    model.ClientConfig,
    "a client certificate's name, as in {name: noc.example, role: read}",
    Field("name", NAME),
    ROLE,
    SITES,
)

TLS: Final = Record(
    model.TlsConfig,
    "certificate and key, as in {certificate: mapsys.crt, key: mapsys.key}",
    Field("certificate", FilePath()),
    Field("key", FilePath()),
    Field("client-ca", FilePath(), default=None),
    Field("clients", ListOf(CLIENT, name="client certificates"), default=()),
    check=_check_tls,
)

METRICS_LISTENER: Final = Record(
    model.MetricsListener,
    "an address for scrapers, as in {listen: 127.0.0.1:9342}",
    Field("listen", EndpointText()),
)

HTTP: Final = Record(
    model.Http,
    "the address of the status interface, as in {listen: 127.0.0.1:8042}",
    Field("listen", EndpointText()),
    Field("tls", TLS, default=None),
    Field("tokens", ListOf(TOKEN, name="tokens"), default=()),
    Field("names", ListOf(HOST_NAME, name="host names"), default=()),
    Field("unprotected", Boolean(), default=False),
    Field("metrics", METRICS_LISTENER, default=None),
    check=_check,
)
