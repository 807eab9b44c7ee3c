"""``mapsys bench``: how quickly a running server answers, at a rate that is kept."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import socket
from itertools import islice
from pathlib import Path
from typing import Any, Final

import click

from mapsys.bench import (
    COUNT_LIMIT,
    RATE_LIMIT,
    SECONDS_LIMIT,
    Bench,
    Load,
    MapRegisters,
    MapRequests,
    Work,
)
from mapsys.cli.api import api, api_options
from mapsys.cli.bench_runner import run
from mapsys.cli.credentials import (
    ALGORITHM_DEFAULT,
    KEY_ID_DEFAULT,
    Credentials,
    Sources,
    credentials,
    secret_options,
)
from mapsys.cli.endpoints import endpoint, family_of, local_address_towards
from mapsys.cli.etr_runner import etr_socket
from mapsys.cli.exits import NotFound, Unreachable
from mapsys.cli.instance import instance_id_option, parsed_eid
from mapsys.cli.nonces import NonceFile, default_nonce_file
from mapsys.cli.output import Column, Item, field, output_option, print_items
from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix
from mapsys.etr import EtrConfig
from mapsys.lig import CONTROL_PORT, Question, inner_source
from mapsys.wire.address import ip_address
from mapsys.wire.auth import ALGORITHM_IDS, Key
from mapsys.wire.eid_address import from_eid_prefix
from mapsys.wire.records import EidRecord, RlocRecord

EIDS_LIMIT: Final = 10_000
"""Registrations that are asked for where no EID is named."""

TTL_MINUTES: Final = 1
NOT_FOR_USE: Final = 255
"""The priority of the test prefix's locator, so that nobody sends traffic to it (RFC 9301, 5.4)."""


def _milliseconds(name: str) -> Column:
    def text(item: Item) -> object:
        seconds = item[f"{name}_seconds"]
        return None if seconds is None else f"{seconds * 1000:.3f}"

    return Column(f"{name.replace('_', ' ').replace('99 9', '99.9')} (ms)", text)


COLUMNS: Final = (
    Column("message", field("work")),
    Column("sent", field("sent")),
    Column("answered", field("answered")),
    Column("negative", field("negative")),
    Column("lost", field("lost")),
    Column("answers/s", lambda item: f"{item['answers_a_second']:.1f}"),
    _milliseconds("p50"),
    _milliseconds("p99"),
    _milliseconds("p99_9"),
    _milliseconds("sent_late"),
)


@click.command()
@click.option(
    "--server",
    type=endpoint,
    default=f"127.0.0.1:{CONTROL_PORT}",
    show_default=True,
    metavar="HOST[:PORT]",
    help="The Map-Resolver, with --register the Map-Server, to measure.",
)
@click.option(
    "--this-server-is-mine",
    is_flag=True,
    help="Needed for a server that is not on this machine's loopback.",
)
@click.option(
    "--eid",
    "eids",
    multiple=True,
    metavar="EID",
    help="Ask for this EID, or a prefix's first; may be repeated.  [default: what is registered]",
)
@instance_id_option
@click.option(
    "--rate",
    type=float,
    default=100.0,
    show_default=True,
    help=f"Messages a second, {RATE_LIMIT} at most.",
)
@click.option(
    "--seconds",
    type=float,
    default=5.0,
    show_default=True,
    help=f"How long to send, {SECONDS_LIMIT} at most.",
)
@click.option(
    "--count", type=int, default=COUNT_LIMIT, show_default=True, help="Messages sent at most."
)
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 60),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for answers after the last message.",
)
@click.option(
    "--register",
    "prefix",
    metavar="PREFIX",
    help="Send Map-Registers for this EID-Prefix that nobody uses; with --eid in turns with"
    " Map-Requests.",
)
@click.option(
    "--key-id",
    type=click.IntRange(0, 255),
    help=f"Key-ID of the Map-Registers.  [default: {KEY_ID_DEFAULT}]",
)
@click.option(
    "--algorithm",
    type=click.Choice([*ALGORITHM_IDS]),
    help=f"How they are signed.  [default: {ALGORITHM_DEFAULT}]",
)
@secret_options
@click.option(
    "--nonce-file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=default_nonce_file,
    help="Keeps the last nonce.  [default: ~/.local/state/mapsys/nonce]",
)
@api_options
@output_option
def bench(
    *,
    server: Endpoint,
    this_server_is_mine: bool,
    eids: tuple[str, ...],
    instance_id: int,
    rate: float,
    seconds: float,
    count: int,
    timeout: float,
    prefix: str | None,
    key_id: int | None,
    algorithm: str | None,
    secret_file: Path | None,
    secret_env: str | None,
    nonce_file: Path,
    state: Path | None,
    url: str | None,
    output: str,
) -> None:
    """Measure how quickly a running server answers.

    Sends at a steady rate and counts latency from when each message was due. It is for
    servers of one's own. Exit code 4 where nothing was answered.
    """
    _may_be_measured(server, this_server_is_mine)
    load = _load(rate, seconds, count)
    signed_with = None
    test_prefix = None
    if prefix is not None:
        test_prefix = parsed_eid(prefix, instance_id, "--register")
        sources = Sources(secret_file, secret_env, None)
        signed_with = credentials(sources, key_id, algorithm, test_prefix)
    elif (key_id, algorithm, secret_file, secret_env) != (None, None, None, None):
        raise click.UsageError(
            "--key-id, --algorithm, --secret-file and --secret-env sign Map-Registers: give"
            " --register PREFIX too"
        )
    asked = [parsed_eid(text, instance_id, "--eid") for text in eids]
    if not asked and test_prefix is None:
        asked = _registered(state, url)
    with _socket(server, registers=test_prefix is not None) as sender:
        works: list[Work] = []
        if asked:
            works.append(_map_requests(asked, server, sender))
        if test_prefix is not None and signed_with is not None:
            nonces = NonceFile(nonce_file).reserve(load.messages)
            works.append(_map_registers(test_prefix, server, sender, signed_with, nonces))
        ran = asyncio.run(run(sender, server, load, works, timeout))
    _print(output, ran, server)


def _may_be_measured(server: Endpoint, is_mine: bool) -> None:
    if not is_mine and not ipaddress.ip_address(server.host.partition("%")[0]).is_loopback:
        raise click.BadParameter(
            f"{server.host} is another machine: a load hurts whoever runs it. Give"
            " --this-server-is-mine where it is yours, or you may",
            param_hint="--server",
        )


def _load(rate: float, seconds: float, count: int) -> Load:
    try:
        return Load(rate, seconds, count)
    except ValueError as error:
        raise click.UsageError(f"{error}; change --rate, --seconds or --count") from error


def _registered(state: Path | None, url: str | None) -> list[EidPrefix]:
    """Each EID-Prefix that the daemon's API says is registered, up to a limit."""
    items = islice(api(state, url).items("/api/v1/registrations", {}), EIDS_LIMIT)
    found = {EidPrefix.parse(one["eid_prefix"], one["instance_id"]) for one in items}
    if not found:
        raise NotFound("nothing is registered there to ask for; name an EID with --eid")
    return sorted(found)


def _socket(server: Endpoint, *, registers: bool) -> socket.socket:
    """Where answers arrive: a Map-Notify comes to an ETR's port 4342."""
    if registers:
        return etr_socket(server, None)
    sender = socket.socket(family_of(server.host), socket.SOCK_DGRAM)
    sender.bind((local_address_towards(server.host), 0))
    return sender


def _map_requests(asked: list[EidPrefix], server: Endpoint, sender: socket.socket) -> Work:
    own, port = sender.getsockname()[:2]
    questions = [Question(eid, server, own, port, inner_source(eid, [own])) for eid in asked]
    return MapRequests(questions, lambda: secrets.randbits(64))


def _map_registers(
    prefix: EidPrefix,
    server: Endpoint,
    sender: socket.socket,
    signed_with: Credentials,
    nonces: range,
) -> Work:
    address, mask_len = from_eid_prefix(prefix)
    locator = RlocRecord(ip_address(sender.getsockname()[0]), NOT_FOR_USE, 0, NOT_FOR_USE, 0)
    config = EtrConfig(
        map_server=server,
        records=(EidRecord(TTL_MINUTES, address, mask_len, (locator,)),),
        key=Key(signed_with.secret),
        key_id=signed_with.key_id,
        algorithm_id=ALGORITHM_IDS[signed_with.algorithm],
        proxy_map_reply=True,
    )
    return MapRegisters(config, iter(nonces).__next__)


def _print(output: str, ran: Bench, server: Endpoint) -> None:
    items: list[dict[str, Any]] = [one._asdict() for one in ran.measured()]
    print_items(output, COLUMNS, items)
    if not any(item["answered"] for item in items):
        raise Unreachable(
            f"no answer from {server.host} port {server.port}: nobody is there, or it may not"
            " answer; 'mapsys lig' and 'mapsys register' try one message at a time"
        )
    for item in items:
        if item["lost"]:
            click.echo(
                f"{item['lost']} of {item['sent']} {item['work']}s had no answer: the server's"
                " budgets (rate-limits: in its configuration) count here too, and a"
                " Map-Register may be refused; 'mapsys events' on the server says which",
                err=True,
            )
