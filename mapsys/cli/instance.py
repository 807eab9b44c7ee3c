"""The option that says which instance-ID an EID is of."""

from __future__ import annotations

from typing import Final

import click

from mapsys.eid import MAX_INSTANCE_ID

instance_id_option: Final = click.option(
    "-i",
    "--instance-id",
    type=click.IntRange(0, MAX_INSTANCE_ID),
    default=0,
    show_default=True,
    help="The EID's instance-ID.",
)
