"""``mapsys scale``: how many EIDs so much memory, and so many messages a second, are good for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import click

from mapsys.cli.output import Column, field, output_option, print_item
from mapsys.scale import (
    ScaleInputs,
    mapping_scale,
    measured_entry_octets,
    steps,
)

TALK: Final = ScaleInputs()
_UNITS: Final = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"), (1, "B"))

ROWS: Final = (
    Column("a map-cache entry", lambda item: _step(item["steps"][0])),
    Column("one tunnel router", lambda item: _step(item["steps"][1])),
    Column("all of them", lambda item: _step(item["steps"][2])),
    Column("with more memory", lambda item: _step(item["steps"][3])),
    Column("EIDs", field("eids")),
    Column("registrations", lambda item: _size(item["registration_octets"])),
    Column("Map-Registers/s", lambda item: f"{item['registers_a_second']:,.0f}"),
    Column("Map-Requests/s", lambda item: f"{item['requests_a_second']:,.0f}"),
    Column("Map-Servers for Map-Registers", field("servers_for_registers")),
    Column("Map-Servers for moves", field("servers_for_moves")),
)


@click.command("scale", short_help="Work out how large a network can grow.")
@click.option(
    "--entry-octets",
    type=click.FloatRange(1, 1e9),
    default=TALK.entry_octets,
    show_default=True,
    help="Memory of one map-cache entry.",
)
@click.option(
    "--measure", is_flag=True, help="Take what an entry of mapsys xtr takes here instead."
)
@click.option(
    "--entries",
    type=click.IntRange(1, 10**12),
    default=TALK.entries,
    show_default=True,
    help="Entries of one tunnel router.",
)
@click.option(
    "--routers",
    type=click.IntRange(1, 10**9),
    default=TALK.routers,
    show_default=True,
    help="Tunnel routers that share the EIDs.",
)
@click.option(
    "--memory-factor",
    type=click.IntRange(1, 10**6),
    default=TALK.memory_factor,
    show_default=True,
    help="How much more memory each gets in the last step.",
)
@click.option(
    "--registration-octets",
    type=click.FloatRange(1, 1e9),
    default=TALK.registration_octets,
    show_default=True,
    help="Memory of one registration at a Map-Server.",
)
@click.option(
    "--registers",
    type=click.FloatRange(1, 1e12),
    default=TALK.registers_rate,
    show_default=True,
    help="Map-Registers that a Map-Server takes in a second.",
)
@click.option(
    "--requests",
    type=click.FloatRange(1, 1e12),
    default=TALK.requests_rate,
    show_default=True,
    help="Map-Requests that a Map-Server answers in a second.",
)
@click.option(
    "--moves",
    type=click.FloatRange(0, 1e6),
    default=TALK.moves_a_day,
    show_default=True,
    help="Moves of one EID in a day.",
)
@click.option(
    "--correspondents",
    type=click.IntRange(0, 10**6),
    default=TALK.correspondents,
    show_default=True,
    help="Routers that ask anew when an EID moves.",
)
@output_option
def scale(
    *,
    entry_octets: float,
    measure: bool,
    entries: int,
    routers: int,
    memory_factor: int,
    registration_octets: float,
    registers: float,
    requests: float,
    moves: float,
    correspondents: int,
    output: str,
) -> None:
    """Work out how many EIDs a network is good for, and what its Map-Servers have to do.

    Without options it is the sum of a talk from 2010: a thousand octets an entry, a
    million entries a tunnel router, a hundred routers, ten times the memory: a
    billion phones.
    """
    inputs = replace(
        TALK,
        entry_octets=measured_entry_octets() if measure else entry_octets,
        entries=entries,
        routers=routers,
        memory_factor=memory_factor,
        registration_octets=registration_octets,
        registers_rate=registers,
        requests_rate=requests,
        moves_a_day=moves,
        correspondents=correspondents,
    )
    item = {
        "steps": [one._asdict() for one in steps(inputs)],
        **mapping_scale(inputs)._asdict(),
    }
    print_item(output, ROWS, item)


def _step(step: Mapping[str, Any]) -> str:
    return f"{step['eids']:,} EIDs in {step['routers']:,} x {_size(step['octets'])}"


def _size(octets: int) -> str:
    """In the units of the talk, which are powers of ten."""
    for factor, unit in _UNITS:
        if octets >= factor:
            return f"{octets / factor:,.4g} {unit}"
    return "0 B"
