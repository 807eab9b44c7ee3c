"""Why the daemon does not start, in one sentence that says what to do."""

from __future__ import annotations

import errno
import socket

from mapsys.config_source import ConfigSource
from mapsys.core.effects import Endpoint
from mapsys.net.port_holder import Protocol, holder_of


class StartError(Exception):
    """The daemon cannot start, or cannot take over a reloaded configuration."""


def cannot_listen(error: OSError, protocol: Protocol, key: str, source: ConfigSource) -> StartError:
    """What to tell about an address that cannot be had; the error names it as HOST:PORT."""
    address = str(error.filename)
    change = source.where(key)
    if error.errno == errno.EADDRINUSE:
        holder = holder_of(protocol, int(address.rpartition(":")[2]))
        by = f" by {holder}" if holder else ""
        return StartError(
            f"{protocol.upper()} {address} is taken{by}; end that, or change {change}"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return StartError(f"{address} is not an address of this host; change {change}")
    return StartError(
        f"cannot listen at {protocol.upper()} {address}: {error.strerror}; see {change}"
    )


def require_free_tcp(address: Endpoint, key: str, source: ConfigSource) -> None:
    """Raise StartError where another process listens at an address that a child is to have."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # What servers do too, so that connections of an earlier run do not look like a holder.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
            probe.listen(1)
        except OSError as error:
            named = OSError(error.errno, error.strerror, str(address))
            raise cannot_listen(named, "tcp", key, source) from error
