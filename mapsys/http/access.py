"""Who may use the interface over TCP, as the daemon writes it down for the HTTP process.

The file stands in the state folder with mode 0600. It holds hashes of tokens and
names of files, never a token or a private key.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

from mapsys.http.role import Role

ACCESS_NAME: Final = "http-access.json"


class Person(msgspec.Struct, frozen=True):
    """Somebody who is let in. sites: the only ones to be seen; None is everything.

    key: the SHA-256 of a token in hexadecimal, or the name of a certificate.
    """

    name: str
    key: str
    role: Role
    sites: list[str] | None = None


class Access(msgspec.Struct, frozen=True):
    """Everything that is asked of whoever comes over TCP.

    names: host names besides addresses and localhost. certificate, key, client_ca:
    PEM files; no certificate is no TLS. metrics: host and port at which metrics and
    readiness alone are told, to anyone.
    """

    tokens: list[Person] = []
    clients: list[Person] = []
    names: list[str] = []
    certificate: str | None = None
    key: str | None = None
    client_ca: str | None = None
    metrics: tuple[str, int] | None = None


def write_access(path: Path, access: Access) -> None:
    """Replace the file as a whole. Raises OSError."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(msgspec.json.encode(access))
    os.replace(new, path)


def read_access(path: Path) -> Access:
    """What the daemon wrote. Raises OSError, and msgspec.DecodeError for another file."""
    return msgspec.json.decode(path.read_bytes(), type=Access)
