"""Which engine is meant: the ``url`` of a ``fleet:`` section, taken apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, urlsplit

PORT: Final = 6379
SENTINEL_PORT: Final = 26379


@dataclass(frozen=True, slots=True)
class Target:
    """An engine: at a socket, at host and port, or the primary that Sentinels name.

    service: what the Sentinels call it. password: None for none. ca: whose certificates
    are trusted with TLS; None is as the system says.
    """

    socket: str = ""
    host: str = ""
    port: int = PORT
    tls: bool = False
    sentinels: tuple[tuple[str, int], ...] = ()
    service: str = ""
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca: str | None = None


def read_url(text: str) -> Target:
    """``redis://HOST:PORT``, ``rediss://``, ``unix:///PATH``, or
    ``redis+sentinel://HOST:PORT,HOST:PORT/SERVICE`` (``rediss+sentinel`` with TLS).

    Raises ValueError with the reason, which repeats nothing of the text.
    """
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ValueError("has a host that cannot be read") from None
    if "@" in text or parts.query or parts.fragment:
        raise ValueError(
            "has a user, a password, a query or a fragment; they have keys of their own"
        )
    match parts.scheme:
        case "unix" if not parts.netloc and parts.path.startswith("/"):
            return Target(socket=parts.path)
        case "redis" | "rediss" if parts.hostname and parts.path in ("", "/"):
            tls = parts.scheme == "rediss"
            return Target(host=parts.hostname, port=_port(parts) or PORT, tls=tls)
        case "redis+sentinel" | "rediss+sentinel" if parts.netloc and parts.path.strip("/"):
            sentinels = []
            for one in parts.netloc.split(","):
                address = urlsplit(f"//{one}")
                if not address.hostname:
                    raise ValueError("names a Sentinel without a host")
                sentinels.append((address.hostname, _port(address) or SENTINEL_PORT))
            tls = parts.scheme.startswith("rediss")
            return Target(sentinels=tuple(sentinels), service=parts.path.strip("/"), tls=tls)
    raise ValueError(
        "is not redis://HOST:PORT, rediss://HOST:PORT, unix:///PATH or"
        " redis+sentinel://HOST:PORT,HOST:PORT/SERVICE"
    )


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        raise ValueError("has a port that is not a number from 1 to 65535") from None
