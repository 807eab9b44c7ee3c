"""``mapsys register``: a small real ETR for hands-on use."""

from __future__ import annotations

import hashlib
import signal
import socket
from pathlib import Path
from typing import Final

import click

from mapsys.cli.credentials import (
    ALGORITHM_DEFAULT,
    KEY_ID_DEFAULT,
    Sources,
    credentials,
    secret_options,
)
from mapsys.cli.endpoints import endpoint, is_local, local_address_towards
from mapsys.cli.etr_runner import EtrRunner, etr_socket
from mapsys.cli.instance import parsed_eid
from mapsys.cli.nonces import NonceFile, default_nonce_file
from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix
from mapsys.etr import INTERVAL_SECONDS_DEFAULT, Etr, EtrConfig
from mapsys.lig import CONTROL_PORT
from mapsys.record_view import address_text
from mapsys.wire.address import ip_address
from mapsys.wire.auth import ALGORITHM_IDS, Key
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.records import EidRecord, RlocRecord

TTL_MINUTES_DEFAULT: Final = 1440
LOCATOR_NUMBERS_DEFAULT: Final = ("1", "100")
"""Priority and weight of a locator that names none."""

NOT_FOR_MULTICAST: Final = 255
"""The m_priority of every locator here (RFC 9301, 5.4)."""


@click.command()
@click.argument("prefixes", nargs=-1, required=True, metavar="PREFIX...")
@click.option(
    "-m",
    "--map-server",
    type=endpoint,
    default=f"127.0.0.1:{CONTROL_PORT}",
    show_default=True,
    metavar="HOST[:PORT]",
    help="The Map-Server to register with.",
)
@click.option(
    "--rloc",
    "rlocs",
    multiple=True,
    metavar="ADDR[,PRIORITY[,WEIGHT]]",
    help="A locator; may be repeated.  [default: the own address,1,100]",
)
@click.option(
    "--key-id",
    type=click.IntRange(0, 255),
    help=f"Key-ID.  [default: {KEY_ID_DEFAULT}, or what --config says]",
)
@secret_options
@click.option(
    "-c",
    "--config",
    "config_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A Map-Server's configuration: sign as the site in it that holds PREFIX. For trying"
    " things out where both run on one host.",
)
@click.option(
    "--algorithm",
    type=click.Choice([*ALGORITHM_IDS]),
    help=f"How messages are signed.  [default: {ALGORITHM_DEFAULT}, or what --config says]",
)
@click.option("--proxy-reply", is_flag=True, help="Ask the Map-Server to answer (P bit).")
@click.option("--merge", is_flag=True, help="Ask to be merged with other xTRs (a bit).")
@click.option(
    "--xtr-id", metavar="HEX|auto", help="xTR-ID: 32 hexadecimal digits, or 'auto' to derive one."
)
@click.option("--site-id", metavar="HEX", help="Site-ID: 16 hexadecimal digits; with --xtr-id.")
@click.option(
    "--ttl",
    type=click.IntRange(1, 2**31 - 1),
    default=TTL_MINUTES_DEFAULT,
    show_default=True,
    metavar="MINUTES",
    help="Record TTL.",
)
@click.option(
    "--interval",
    type=click.FloatRange(1, 3600),
    default=INTERVAL_SECONDS_DEFAULT,
    show_default=True,
    metavar="SECONDS",
    help="Between Map-Registers.",
)
@click.option(
    "-i",
    "--instance-id",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="The EID-Prefixes' instance-ID.",
)
@click.option(
    "--bind",
    type=endpoint,
    metavar="ADDR[:PORT]",
    help="Own address.  [default: port 4342 of the address towards the Map-Server; for one on"
    " 127.0.0.1 the first free of 127.0.0.2 and up]",
)
@click.option(
    "--nonce-file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=default_nonce_file,
    help="Keeps the last nonce.  [default: ~/.local/state/mapsys/nonce]",
)
@click.option("--once", is_flag=True, help="End after the first Map-Notify.")
@click.option("--withdraw", is_flag=True, help="Withdraw (TTL 0) instead, and end.")
@click.option("--withdraw-on-exit", is_flag=True, help="Withdraw when interrupted.")
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 600),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="With --once or --withdraw: how long to wait for the Map-Notify.",
)
def register(
    *,
    prefixes: tuple[str, ...],
    map_server: Endpoint,
    rlocs: tuple[str, ...],
    key_id: int | None,
    secret_file: Path | None,
    secret_env: str | None,
    config_file: Path | None,
    algorithm: str | None,
    proxy_reply: bool,
    merge: bool,
    xtr_id: str | None,
    site_id: str | None,
    ttl: int,
    interval: float,
    instance_id: int,
    bind: Endpoint | None,
    nonce_file: Path,
    once: bool,
    withdraw: bool,
    withdraw_on_exit: bool,
    timeout: float,
) -> None:
    """Register EID-Prefixes as an ETR does, and answer Map-Requests for them.

    The secret comes from --secret-file, --secret-env or --config, or is asked for.
    Runs until it is interrupted. Exit code 4 when --once or --withdraw got no
    Map-Notify.
    """
    eids = [parsed_eid(text, instance_id, "PREFIX") for text in prefixes]
    sources = Sources(secret_file, secret_env, config_file)
    signed_with = credentials(sources, key_id, algorithm, eids[0])
    with etr_socket(map_server, bind) as listener:
        own = listener.getsockname()
        identity = f"{socket.gethostname()} {own[0]} {own[1]}"
        locators = _locators(rlocs or (_own_locator(own[0], map_server.host),))
        config = EtrConfig(
            map_server=map_server,
            records=tuple(_record(eid, ttl, locators) for eid in eids),
            key=Key(signed_with.secret),
            key_id=signed_with.key_id,
            algorithm_id=ALGORITHM_IDS[signed_with.algorithm],
            proxy_map_reply=proxy_reply,
            merge_request=merge,
            xtr_id=_xtr_id(xtr_id, identity),
            site_id=_site_id(site_id, xtr_id),
            interval_seconds=interval,
            local_hosts=frozenset(filter(is_local, (address_text(one.rloc) for one in locators))),
        )
        runner = EtrRunner(Etr(config, NonceFile(nonce_file).next), config, listener)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        if withdraw:
            runner.withdraw(timeout)
        elif once:
            runner.register_once(timeout)
        else:
            runner.serve(withdraw_on_exit, timeout)


def _own_locator(bound: str, map_server: str) -> str:
    return local_address_towards(map_server) if bound in ("0.0.0.0", "::") else bound


def _locators(texts: tuple[str, ...]) -> tuple[RlocRecord, ...]:
    """In the order RFC 9301, 5.5 asks for: IPv4 before IPv6, each ascending."""
    found = [_locator(text) for text in texts]
    return tuple(rloc for _, rloc in sorted(found, key=lambda one: one[0]))


def _locator(text: str) -> tuple[tuple[int, bytes], RlocRecord]:
    """A locator behind its place in the order."""
    host, *numbers = text.split(",")
    try:
        if len(numbers) > 2:
            raise ValueError("it has more than a priority and a weight")
        priority, weight = (
            _octet(number) for number in (*numbers, *LOCATOR_NUMBERS_DEFAULT[len(numbers) :])
        )
        address = ip_address(host)
    except ValueError as error:
        raise click.BadParameter(f"{text!r}: {error}", param_hint="--rloc") from error
    order = (len(address.packed), address.packed)
    return order, RlocRecord(address, priority, weight, NOT_FOR_MULTICAST, 0)


def _octet(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 255:
        raise ValueError("priority and weight are numbers from 0 to 255")
    return int(text)


def _record(eid: EidPrefix, ttl_minutes: int, rlocs: tuple[RlocRecord, ...]) -> EidRecord:
    address, mask_len = from_eid_prefix(eid)
    return EidRecord(ttl_minutes, address, mask_len, rlocs)


def _xtr_id(text: str | None, identity: str) -> bytes | None:
    if text is None:
        return None
    if text == "auto":
        # Stable from run to run, or each run would be another xTR to the Map-Server.
        return hashlib.sha256(identity.encode()).digest()[:16]
    return _hex(text, 16, "--xtr-id")


def _site_id(text: str | None, xtr_id: str | None) -> bytes | None:
    if text is None:
        return None if xtr_id is None else bytes(8)
    if xtr_id is None:
        raise click.UsageError("--site-id only travels together with --xtr-id")
    return _hex(text, 8, "--site-id")


def _hex(text: str, octets: int, option: str) -> bytes:
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != octets:
        raise click.BadParameter(
            f"{text!r} is not {2 * octets} hexadecimal digits", param_hint=option
        )
    return value
