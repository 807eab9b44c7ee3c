"""Writes down for the HTTP process whom the configuration lets in over TCP."""

from __future__ import annotations

from pathlib import Path

from mapsys.config.model import ClientConfig, Http, TokenConfig
from mapsys.http.access import ACCESS_NAME, Access, Person, write_access
from mapsys.http.role import Role
from mapsys.http.tls import tls_context
from mapsys.start_error import StartError


def hand_over(http: Http, state: Path) -> Path:
    """The file with what a section says. Raises OSError."""
    path = state / ACCESS_NAME
    write_access(path, _access(http))
    return path


def require_usable(http: Http) -> None:
    """Raises StartError where a file of the section cannot be used."""
    try:
        tls_context(_access(http))
    except OSError as error:
        raise StartError(f"http.tls: {error.strerror}") from error


def _access(http: Http) -> Access:
    tls = http.tls
    metrics = None if http.metrics is None else (http.metrics.listen.host, http.metrics.listen.port)
    tokens = [_person(one, one.hash.removeprefix("sha256:")) for one in http.tokens]
    if tls is None:
        return Access(tokens=tokens, names=list(http.names), metrics=metrics)
    return Access(
        tokens=tokens,
        clients=[_person(one, one.name) for one in tls.clients],
        names=list(http.names),
        certificate=str(tls.certificate),
        key=str(tls.key),
        client_ca=None if tls.client_ca is None else str(tls.client_ca),
        metrics=metrics,
    )


def _person(one: TokenConfig | ClientConfig, key: str) -> Person:
    sites = None if one.sites is None else list(one.sites)
    return Person(one.name, key, Role[one.role.upper()], sites)
