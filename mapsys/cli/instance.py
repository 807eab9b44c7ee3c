"""EID-Prefixes as they are typed, and the option that says which instance-ID they are of."""

from __future__ import annotations

from typing import Final

import click

from mapsys.eid import MAX_INSTANCE_ID, EidPrefix

instance_id_option: Final = click.option(
    "-i",
    "--instance-id",
    type=click.IntRange(0, MAX_INSTANCE_ID),
    default=0,
    show_default=True,
    help="The EID's instance-ID.",
)


def parsed_eid(text: str, instance_id: int, where: str) -> EidPrefix:
    """An EID-Prefix, in this instance where the text names none.

    where: the option or argument. Raises click.BadParameter.
    """
    try:
        return EidPrefix.parse(text, instance_id)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=where) from error
