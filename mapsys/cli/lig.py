"""``mapsys lig``: asks a Map-Resolver for the mapping of an EID, and prints it (RFC 6835)."""

from __future__ import annotations

import secrets
import socket
import time
from typing import Any, Final

import click
import msgspec

from mapsys.cli.endpoints import (
    endpoint,
    endpoint_of,
    family_of,
    is_local,
    local_address_towards,
    resolved,
)
from mapsys.cli.exits import ExitCode, Unreachable
from mapsys.cli.instance import instance_id_option, parsed_eid
from mapsys.cli.locators import locators
from mapsys.cli.output import Column, Item, field, output_option, print_item, printable
from mapsys.core.effects import Endpoint
from mapsys.eid import EidPrefix, Family
from mapsys.lig import (
    CONTROL_PORT,
    COUNT_DEFAULT,
    COUNT_LIMIT,
    TIMEOUT_SECONDS_DEFAULT,
    Answer,
    Lig,
    Question,
    asked_eid,
    inner_source,
)
from mapsys.lig_result import LigResult, lig_result
from mapsys.record_view import LocatorView, RecordView, eid_text, plain_text

SELF: Final = ("self", "self6")

DATAGRAM_LIMIT: Final = 65_535


ROWS: Final = (
    Column("eid", field("eid")),
    Column("instance_id", field("instance_id")),
    Column("map_resolver", field("map_resolver")),
    Column("map_replier", field("map_replier")),
    Column("rtt_seconds", field("rtt_seconds")),
    Column("requests_sent", field("requests_sent")),
    Column("negative", field("negative")),
    Column("eid_prefix", lambda item: item["record"]["eid_prefix"]),
    Column("record_ttl_minutes", lambda item: item["record"]["record_ttl_minutes"]),
    Column("action", lambda item: item["record"]["action"]),
    Column("authoritative", lambda item: item["record"]["authoritative"]),
    Column("locators", lambda item: locators(item["record"])),
)


@click.command()
@click.argument("eid", metavar="EID|self")
@click.option("-b", "--brief", is_flag=True, help="Print NAME=VALUE lines for scripts.")
@click.option(
    "-m",
    "--map-resolver",
    type=endpoint,
    envvar="LISP_MAP_RESOLVER",
    show_envvar=True,
    default=f"127.0.0.1:{CONTROL_PORT}",
    show_default=True,
    metavar="HOST[:PORT]",
    help="The Map-Resolver to ask.",
)
@click.option(
    "-c",
    "--count",
    type=click.IntRange(1, COUNT_LIMIT),
    default=COUNT_DEFAULT,
    show_default=True,
    help="Map-Requests sent before giving up.",
)
@click.option(
    "-p",
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Own UDP port, where the Map-Reply comes to.  [default: any]",
)
@click.option(
    "-t",
    "--timeout",
    type=click.IntRange(1, 60_000),
    default=int(TIMEOUT_SECONDS_DEFAULT * 1000),
    show_default=True,
    help="Milliseconds to wait after each Map-Request.",
)
@instance_id_option
@click.option(
    "-s",
    "--source",
    help="Source-EID of the Map-Request; where it is an address of this host, the Map-Reply"
    " is sent to it. With 'self': the own EID-Prefix to ask for.",
)
@output_option
def lig(
    *,
    eid: str,
    brief: bool,
    map_resolver: Endpoint,
    count: int,
    port: int,
    timeout: int,
    instance_id: int,
    source: str | None,
    output: str,
) -> None:
    """Ask a Map-Resolver which locators EID has.

    EID is an address, a MAC, a quoted name, (SOURCE,GROUP), or a host name that
    resolves to an EID; "self" asks for the own EID-Prefix given with -s, to see
    whether it is registered. Exit codes: 0 a mapping, 3 a negative answer, 4 none.
    """
    wanted, source_eid = _asked(eid, source, instance_id)
    itr_rloc = local_address_towards(map_resolver.host)
    if source_eid is not None and _may_receive_at(source_eid, map_resolver.host):
        itr_rloc = source_eid
    with _listening(itr_rloc, port) as listener:
        question = Question(
            eid=wanted,
            map_resolver=map_resolver,
            itr_rloc=itr_rloc,
            source_port=listener.getsockname()[1],
            inner_source=inner_source(wanted, [itr_rloc, *([source_eid] if source_eid else [])]),
            source_eid=source_eid,
            count=count,
            timeout_seconds=timeout / 1000,
        )
        talk = output == "table" and not brief
        answer = _asked_over(listener, question, talk)
    result = lig_result(question.eid, question.map_resolver, answer)
    if brief:
        _print_brief(result)
    elif talk:
        _print_classic(result)
    else:
        print_item(output, ROWS, _item(result))
    if answer.is_negative:
        raise SystemExit(ExitCode.NOT_FOUND)


def _asked(text: str, source: str | None, instance_id: int) -> tuple[EidPrefix, str | None]:
    """The EID to ask for, and the Source-EID."""
    if text in SELF:
        if source is None:
            raise click.UsageError(f"'lig {text}' needs the own EID-Prefix: -s PREFIX")
        own = parsed_eid(source, instance_id, "-s")
        return own, plain_text(asked_eid(own)).partition("/")[0]
    if source is not None:
        source = plain_text(parsed_eid(source, 0, "-s")).partition("/")[0]
    try:
        wanted = EidPrefix.parse(text, instance_id)
    except ValueError:
        wanted = parsed_eid(resolved(text), instance_id, "EID")
    if not wanted.is_host and wanted.family is not Family.NAME:
        raise click.UsageError(f"lig asks for one EID; {text} is an EID-Prefix")
    return wanted, source


def _may_receive_at(source: str, map_resolver: str) -> bool:
    return family_of(source) == family_of(map_resolver) and is_local(source)


def _listening(host: str, port: int) -> socket.socket:
    listener = socket.socket(family_of(host), socket.SOCK_DGRAM)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise click.BadParameter(
            f"cannot listen at {host} port {port}: {error.strerror}", param_hint="-p"
        ) from error
    return listener


def _asked_over(listener: socket.socket, question: Question, talk: bool) -> Answer:
    query = Lig(question, lambda: secrets.randbits(64))
    resolver = question.map_resolver
    about = printable(eid_text(asked_eid(question.eid)))
    while (message := query.send(time.monotonic())) is not None:
        if talk:
            click.echo(f"Send map-request to {resolver.host} for {about} ...")
        try:
            listener.sendto(message, resolver)
        except OSError as error:
            raise Unreachable(f"cannot send to {resolver.host}: {error.strerror}") from error
        while (left := query.next_deadline() - time.monotonic()) > 0:
            listener.settimeout(left)
            try:
                data, address = listener.recvfrom(DATAGRAM_LIMIT)
            except TimeoutError:
                break
            answer = query.receive(data, endpoint_of(address), time.monotonic())
            if answer is not None:
                return answer
    raise Unreachable(
        f"no Map-Reply from {resolver.host} port {resolver.port} after"
        f" {query.requests_sent} Map-Requests; is it a Map-Resolver, and may it answer to"
        f" {question.itr_rloc} port {question.source_port}?"
    )


def _item(result: LigResult) -> Item:
    item: dict[str, Any] = msgspec.to_builtins(result)
    return item


def _print_classic(result: LigResult) -> None:
    click.echo(
        f"Received map-reply from {result.map_replier} with rtt {result.rtt_seconds:.6f} secs\n"
    )
    iid = f" instance-ID {result.instance_id}" if result.instance_id else ""
    click.echo(f"Mapping entry for EID {printable(result.eid)}{iid}:")
    for record in (result.record, *result.others):
        _print_record(record)


def _print_record(record: RecordView) -> None:
    ttl = "unset" if record.record_ttl_minutes is None else str(record.record_ttl_minutes)
    kind = "authoritative" if record.authoritative else "proxy"
    prefix = printable(record.eid_prefix)
    if not record.locators:
        click.echo(f"{prefix}, record ttl: {ttl}, negative, action: {record.action}")
        return
    click.echo(f"{prefix}, record ttl: {ttl}, {kind}")
    width = max(len("Locator"), *(len(one.rloc) for one in record.locators))
    click.echo(f"  {'Locator':<{width}}  State  Priority/Weight")
    for one in record.locators:
        click.echo(
            f"  {printable(one.rloc):<{width}}  {_state(one):<5}  {one.priority}/{one.weight}"
        )


def _state(locator: LocatorView) -> str:
    return "up" if locator.reachable else "down"


def _print_brief(result: LigResult) -> None:
    record = result.record
    lines = {
        "EID": result.eid,
        "INSTANCE_ID": result.instance_id,
        "MAP_REPLIER": result.map_replier,
        "RTT": f"{result.rtt_seconds:.6f}",
        "EID_PREFIX": record.eid_prefix,
        "TTL": "" if record.record_ttl_minutes is None else record.record_ttl_minutes,
        "ACTION": record.action or "",
        "LOCATORS": len(record.locators),
    }
    for name, value in lines.items():
        click.echo(f"{name}={printable(value)}")
    for number, one in enumerate(record.locators, start=1):
        click.echo(
            f"LOCATOR_{number}={printable(one.rloc)} {_state(one)} {one.priority}/{one.weight}"
        )
