"""``mapsys sites add``, ``set``, ``remove``, ``show`` and ``import``: sites of the database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import click
import yaml

from mapsys.cli.api import Api, api, api_options, quoted
from mapsys.cli.exits import Failed, RefusedByServer
from mapsys.cli.output import printable
from mapsys.config.faults import ConfigError
from mapsys.config.load import load_sites
from mapsys.config.model import SiteConfig
from mapsys.config.sites import SITE

FILE_LIMIT_OCTETS: Final = 256 * 1024
"""What the API takes as one body."""

_FORMS: Final = ("yaml", "json")


class _Texts(yaml.SafeLoader):
    """YAML whose words have no types of their own, as in a configuration."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (the base class has it so)


_IF_MATCH: Final = click.option(
    "--if-match", metavar="ETAG", help="Only this state of it.  [default: the present one]"
)

_FILE: Final = click.argument("file", type=click.File("rb"))


@click.command()
@_FILE
@click.option("--once", metavar="KEY", help="A name for this order: repeated, it changes nothing.")
@api_options
def add(*, file: Any, once: str | None, state: Path | None, url: str | None) -> None:
    """Add the site in FILE (YAML or JSON; - reads standard input) to the database."""
    headers = {} if once is None else {"Idempotency-Key": once}
    done = api(state, url).send("POST", "/api/v1/sites", _read(file), headers)
    click.echo(f"added: {done['name']}")


@click.command("set")
@_FILE
@click.option(
    "--if-match", metavar="ETAG", help="Only this state of it.  [default: the present one]"
)
@api_options
def set_site(*, file: Any, if_match: str | None, state: Path | None, url: str | None) -> None:
    """Put the site in FILE in the place of the one of its name; *** keeps a secret."""
    document = _read(file)
    name = str(document.get("name", ""))
    daemon = api(state, url)
    path = f"/api/v1/sites/{quoted(name)}"
    tag = if_match or daemon.tag(path)
    daemon.send("PUT", path, document, {"If-Match": tag})
    click.echo(f"set: {name}")


@click.command()
@click.argument("name")
@click.option(
    "--if-match", metavar="ETAG", help="Only this state of it.  [default: the present one]"
)
@api_options
def remove(*, name: str, if_match: str | None, state: Path | None, url: str | None) -> None:
    """Take NAME out of the database, with what it has registered."""
    daemon = api(state, url)
    path = f"/api/v1/sites/{quoted(name)}"
    daemon.send("DELETE", path, None, {"If-Match": if_match or daemon.tag(path)})
    click.echo(f"removed: {name}")


@click.command()
@click.argument("name")
@click.option(
    "-o",
    "--output",
    type=click.Choice(_FORMS),
    default="yaml",
    show_default=True,
    help="Form of the result.",
)
@api_options
def show(*, name: str, output: str, state: Path | None, url: str | None) -> None:
    """Print NAME as 'sites set' reads it; secrets are ***, which keeps them."""
    found = api(state, url).get(f"/api/v1/sites/{quoted(name)}")
    if found["configuration"] is None:
        raise RefusedByServer(f"{name} stands in a file: {printable(found['stands_at'])}")
    if output == "json":
        click.echo(json.dumps(found["configuration"], indent=2))
    else:
        click.echo(yaml.safe_dump(found["configuration"], sort_keys=False), nl=False)


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what would be done, do nothing.")
@api_options
def import_sites(*, file: Path, dry_run: bool, state: Path | None, url: str | None) -> None:
    """Add the sites: of a YAML file to the database, those that are there already apart.

    Secret files are read here. Stops at the first site that is refused.
    """
    try:
        sites = load_sites(file)
    except ConfigError as error:
        raise click.UsageError("\n".join(map(str, error.faults))) from error
    daemon = api(state, url)
    there = {item["name"] for item in daemon.items("/api/v1/sites", {"fields": "name"})}
    for site in sites:
        if site.name in there:
            click.echo(f"{site.name}: is there already, left as it is")
        elif dry_run:
            click.echo(f"{site.name}: would be added")
        else:
            _add(daemon, site)
            click.echo(f"{site.name}: added")


def _add(daemon: Api, site: SiteConfig) -> None:
    daemon.send("POST", "/api/v1/sites", document_of(site), {})


def document_of(site: SiteConfig) -> dict[str, Any]:
    """A site as the API takes it, its secrets written out. Raises Failed."""
    written = SITE.write(site)
    assert isinstance(written, dict)
    document: dict[str, Any] = dict(written)
    keys = []
    for key, plain in zip(site.keys, document["keys"], strict=True):
        filled = {name: text for name, text in plain.items() if "secret" not in name}
        filled["secret"] = _text(site, key.secret.reveal())
        if key.next_secret is not None:
            filled["next-secret"] = _text(site, key.next_secret.reveal())
        keys.append(filled)
    document["keys"] = keys
    if isinstance(document.get("lisp-sec"), dict):
        secret = getattr(site.lisp_sec, "secret")  # noqa: B009 (a word has none)
        document["lisp-sec"] = {
            "id": document["lisp-sec"]["id"],
            "secret": _text(site, secret.reveal()),
        }
    return document


def _text(site: SiteConfig, octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError as error:
        raise Failed(
            f"a secret of {site.name} is no UTF-8 text; leave this site in a file"
        ) from error


def _read(file: Any) -> dict[str, Any]:
    octets = file.read(FILE_LIMIT_OCTETS + 1)
    if len(octets) > FILE_LIMIT_OCTETS:
        raise click.UsageError(f"the site is over {FILE_LIMIT_OCTETS} octets")
    try:
        document = yaml.load(octets, Loader=_Texts)
    except yaml.YAMLError as error:
        # What the file holds may be secret: the place is told, the text is not.
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f" (line {mark.line + 1})"
        raise click.UsageError(f"not valid YAML or JSON{where}") from error
    if not isinstance(document, dict):
        raise click.UsageError("a site was expected: name, keys, eids")
    return document
