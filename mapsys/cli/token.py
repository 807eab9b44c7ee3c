"""``mapsys token``: makes a token for the HTTP interface; nothing but its hash is to be kept."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

import click

from mapsys.cli.output import Column, field, output_option, print_item
from mapsys.config.http import ROLES

TOKEN_OCTETS: Final = 32
"""Nobody guesses one, so its plain SHA-256 gives nothing away."""

TOKEN_PREFIX: Final = "mapsys_"
"""So that whoever finds one lying about knows what it opens."""

ROWS = (
    Column("token (shown this once)", field("token")),
    Column("line for http.tokens", field("entry")),
)


@click.command()
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(ROLES),
    default=ROLES[0],
    show_default=True,
    help="What its holder may do.",
)
@click.option(
    "--site", "sites", multiple=True, help="Let its holder see this site only; may be repeated."
)
@output_option
def token(*, name: str, role: str, sites: tuple[str, ...], output: str) -> None:
    """Make a token for NAME, and the line that lets its holder in.

    Put the line under http: tokens: in the configuration and reload; give the
    token itself to its holder. It cannot be shown again.
    """
    made = TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_OCTETS)
    digest = f"sha256:{hashlib.sha256(made.encode()).hexdigest()}"
    kept_to = f", sites: [{', '.join(sites)}]" if sites else ""
    item = {
        "token": made,
        "hash": digest,
        "entry": f'- {{name: {name}, hash: "{digest}", role: {role}{kept_to}}}',
    }
    print_item(output, ROWS, item)
