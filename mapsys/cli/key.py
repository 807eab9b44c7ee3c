"""``mapsys key``: a site's keys, and an ETR that lost its nonce."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

import click

from mapsys.cli.api import api, api_options, quoted
from mapsys.cli.credentials import SECRET_OCTETS_LIMIT
from mapsys.cli.output import Column, Item, field, output_option, print_items
from mapsys.cli.watch import watch_option


def _last_used(item: Item) -> list[str]:
    return [f"{use['secret']} {use['last_used_at']} ({use['times']}x)" for use in item["uses"]]


COLUMNS = (
    Column("key-id", field("key_id")),
    Column("algorithms", field("algorithms")),
    Column("valid now", field("valid_now")),
    Column("not before", field("not_before")),
    Column("not after", field("not_after")),
    Column("holder", field("holder")),
    Column("next secret", field("has_next_secret")),
    Column("last used", _last_used),
)


@click.group()
def key() -> None:
    """Show and rotate a site's keys, or let an ETR that lost its nonce start again."""


@key.command("list")
@click.argument("site")
@api_options
@output_option
@watch_option
def list_keys(*, site: str, state: Path | None, url: str | None, output: str) -> None:
    """Show the keys of SITE: algorithms, validity, last use; never a secret."""
    found = api(state, url).get(f"/api/v1/sites/{quoted(site)}/keys")
    print_items(output, COLUMNS, found["items"])


@key.command()
@click.argument("site")
@click.argument("key_id", metavar="KEY-ID", type=click.IntRange(0, 255))
@click.option("--secret-file", type=click.File("r"), help="The next secret; - is standard input.")
@click.option("--valid-from", metavar="MOMENT", help="From when on the next secret is accepted.")
@click.option("--valid-until", metavar="MOMENT", help="Until when the one before it still is.")
@api_options
def rotate(
    *,
    site: str,
    key_id: int,
    secret_file: TextIO | None,
    valid_from: str | None,
    valid_until: str | None,
    state: Path | None,
    url: str | None,
) -> None:
    """Put a next secret beside the one of SITE's key; both are accepted until 'finish'.

    Without --secret-file one is generated, and printed here alone. MOMENT is in UTC, as
    2027-01-31T18:00:00Z.
    """
    given = None if secret_file is None else secret_file.read(SECRET_OCTETS_LIMIT + 2)
    body = {
        "secret": None if given is None else given.removesuffix("\n").removesuffix("\r"),
        "valid_from": valid_from,
        "valid_until": valid_until,
    }
    done = api(state, url).post(_path(site, key_id, "rotate"), body)
    if done["secret"] is not None:
        click.echo(done["secret"])


@key.command()
@click.argument("site")
@click.argument("key_id", metavar="KEY-ID", type=click.IntRange(0, 255))
@api_options
def finish(*, site: str, key_id: int, state: Path | None, url: str | None) -> None:
    """Have the next secret of SITE's key take over; the other one is forgotten."""
    api(state, url).post(_path(site, key_id, "finish"), {})
    click.echo(f"finished: {site}, key-id {key_id}")


@key.command()
@click.argument("site")
@click.argument("key_id", metavar="KEY-ID", type=click.IntRange(0, 255))
@api_options
def abort(*, site: str, key_id: int, state: Path | None, url: str | None) -> None:
    """Forget the next secret of SITE's key again."""
    api(state, url).post(_path(site, key_id, "abort"), {})
    click.echo(f"aborted: {site}, key-id {key_id}")


def _path(site: str, key_id: int, order: str) -> str:
    return f"/api/v1/keys/{quoted(site)}/{key_id}/{order}"


@key.command("forget-nonce")
@click.argument("site")
@click.argument("key_id", metavar="KEY-ID", type=click.IntRange(0, 255))
@click.option(
    "--xtr-id",
    metavar="HEX",
    help="The ETR's xTR-ID, 32 hexadecimal digits.  [default: the nonce that ETRs of this key"
    " without an xTR-ID share]",
)
@api_options
def forget_nonce(
    *, site: str, key_id: int, xtr_id: str | None, state: Path | None, url: str | None
) -> None:
    """Accept any nonce from an ETR of SITE again, once.

    For an ETR that lost its nonce and is dropped as replayed. Until it registers
    again, a Map-Register that somebody recorded from it would be accepted. Exit
    code 3 when no nonce was remembered.
    """
    if xtr_id is not None and not _is_xtr_id(xtr_id):
        raise click.BadParameter(f"{xtr_id!r} is not 32 hexadecimal digits", param_hint="--xtr-id")
    path = f"/api/v1/sites/{quoted(site)}/keys/{key_id}/forget-nonce"
    done = api(state, url).post(path, {} if xtr_id is None else {"xtr_id": xtr_id})
    click.echo(f"forgotten: nonce {done['nonce']:#018x} of {site}, key-id {key_id}")


def _is_xtr_id(text: str) -> bool:
    try:
        return len(bytes.fromhex(text)) == 16
    except ValueError:
        return False
