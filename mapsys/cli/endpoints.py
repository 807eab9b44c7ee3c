"""Addresses as they are typed, and which of this host's own addresses reaches them."""

from __future__ import annotations

import ipaddress
import socket

import click

from mapsys.cli.exits import Unreachable
from mapsys.core.effects import Endpoint
from mapsys.lig import CONTROL_PORT


def endpoint(text: str) -> Endpoint:
    """``HOST``, ``HOST:PORT``, ``IPV6`` or ``[IPV6]:PORT``; a name is resolved.

    For use as the type of an option; raises click.BadParameter.
    """
    host, port_text = _split(text)
    if not port_text.isascii() or not port_text.isdigit() or not 0 < int(port_text) < 65536:
        raise click.BadParameter(f"{text!r}: the port is a number from 1 to 65535")
    return Endpoint(resolved(host), int(port_text))


def resolved(host: str) -> str:
    """The address of a host, in text form; a name's first one."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        raise click.BadParameter(
            f"{host!r} is no address, and the name does not resolve: {error}"
        ) from error
    return str(found[0][4][0])


def family_of(host: str) -> socket.AddressFamily:
    """The socket family of an address in text form."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def local_address_towards(host: str) -> str:
    """This host's address that packets to another one leave from; nothing is sent.

    Raises Unreachable where there is no route.
    """
    with socket.socket(family_of(host), socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, CONTROL_PORT))
        except OSError as error:
            raise Unreachable(f"no route to {host}: {error.strerror}") from error
        return str(probe.getsockname()[0])


def is_local(host: str) -> bool:
    """Whether an address is one of this host's, so that a socket can be bound to it."""
    with socket.socket(family_of(host), socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
        return True


def endpoint_of(address: tuple[object, ...]) -> Endpoint:
    """What ``recvfrom`` says about the sender."""
    return Endpoint(str(address[0]).partition("%")[0], int(str(address[1])))


def _split(text: str) -> tuple[str, str]:
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, rest.removeprefix(":") or str(CONTROL_PORT)
    if text.count(":") == 1:
        host, _, port = text.partition(":")
        return host, port
    return text, str(CONTROL_PORT)
