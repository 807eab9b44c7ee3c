"""The JSON of a site: read by the schema of the files, shown without its secrets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from mapsys.config.faults import Fault, Faults, TooManyFaultsError
from mapsys.config.json_value import json_value, load_json, pointer_of
from mapsys.config.lisp_sec import refuse_shared_secrets
from mapsys.config.model import Config, SiteConfig
from mapsys.config.schema import FaultyError
from mapsys.config.secret import HIDDEN
from mapsys.config.sites import SITE

ORIGIN: Final = "the site"
SECRETS: Final = ("secret", "next-secret")

Document = dict[str, Any]


class SiteFaults(Exception):
    """A site that cannot be used.

    faults: at least one: a JSON pointer to what is wrong, and what is wrong with it.
    """

    def __init__(self, faults: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{pointer or '(all)'}: {text}" for pointer, text in faults))
        self.faults = faults


def parse(octets: bytes) -> Document:
    """A JSON object. Raises SiteFaults."""
    try:
        plain = load_json(octets)
    except ValueError as error:
        raise SiteFaults([("", f"no JSON: {error}")]) from error
    if not isinstance(plain, dict):
        raise SiteFaults([("", "found no object; a site with name, keys and eids was expected")])
    return plain


def packed(document: Document) -> bytes:
    """The document as it is kept."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def read_site(document: Document, config: Config | None = None) -> SiteConfig:
    """The site in a document. Raises SiteFaults.

    config: the node's, whose secrets it may not share; None does not look.
    """
    faults: list[Fault] = []
    noted = Faults()
    site = None
    try:
        value = json_value(document, ORIGIN, noted)
        site = SITE.read(value)
        if config is not None:
            refuse_shared_secrets(None, [(value, site)], config)
    except ValueError as error:
        raise SiteFaults([("", str(error))]) from error
    except (FaultyError, TooManyFaultsError):
        site = None
    faults = noted.all()
    if faults or site is None:
        raise SiteFaults([(pointer_of(fault), fault.message) for fault in faults])
    return site


def shown(document: Document) -> Document:
    """The document with ``***`` for each secret."""
    return {key: _hidden(key, member) for key, member in document.items()}


def with_kept_secrets(document: Document, kept: Document) -> Document:
    """The document with the secrets that are kept already wherever it says ``***``.

    They are found by their key-id; what is not found stays, and is a fault then.
    """
    filled = dict(document)
    before = {_id(key): key for key in _keys(kept)}
    if isinstance(keys := document.get("keys"), list):
        filled["keys"] = [_filled(key, before.get(_id(key))) for key in keys]
    filled["lisp-sec"] = _filled(document.get("lisp-sec"), kept.get("lisp-sec"))
    if "lisp-sec" not in document:
        del filled["lisp-sec"]
    return filled


def key_in(document: Document, key_id: int) -> Document | None:
    """The key of an id, to be changed in place."""
    return next((key for key in _keys(document) if _id(key) == str(key_id)), None)


def _keys(document: Mapping[str, Any]) -> list[Document]:
    keys = document.get("keys")
    return [key for key in keys if isinstance(key, dict)] if isinstance(keys, list) else []


def _id(key: Any) -> str:
    return str(key.get("id")) if isinstance(key, dict) else ""


def _filled(member: Any, before: Any) -> Any:
    if not isinstance(member, dict) or not isinstance(before, dict):
        return member
    return {
        name: before[name] if name in SECRETS and held == HIDDEN and name in before else held
        for name, held in member.items()
    }


def _hidden(key: str, member: Any) -> Any:
    match member:
        case dict():
            return {name: _hidden(name, inner) for name, inner in member.items()}
        case list():
            return [_hidden(key, item) for item in member]
    return HIDDEN if key in SECRETS else member
