"""The live page: files for a browser, sent as they lie here.

``index.html`` loads ``main.js``, an ES module that imports the rest; there is no build
step, and nothing comes from elsewhere. ``page_routes`` serves them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

INDEX: Final = "index.html"

MEDIA_TYPES: Final[Mapping[str, str]] = {
    "css": "text/css",
    "html": "text/html",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}
"""By the last part of a file's name; files of other types are not sent."""


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file with its media type."""

    media_type: str
    octets: bytes


def page_files() -> dict[str, PageFile]:
    """Every file of the page by its path, as ``views/sites.js``."""
    return dict(_below(files(__name__), ""))


def _below(folder: Traversable, path: str) -> Iterator[tuple[str, PageFile]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _below(entry, f"{path}{entry.name}/")
        elif media_type := MEDIA_TYPES.get(entry.name.rpartition(".")[2]):
            yield path + entry.name, PageFile(media_type, entry.read_bytes())
