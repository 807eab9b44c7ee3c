"""The question for the configuration in effect, with its answer (see ``query_rows``)."""

from __future__ import annotations

from typing import Final

import msgspec

WARNINGS_LIMIT: Final = 100
"""A file that says something odd of every site says it often enough."""


class ConfigQuestion(msgspec.Struct, frozen=True, tag="config"):
    """What is the node told, its sites apart?"""


class ConfigRow(msgspec.Struct, frozen=True, tag="config"):
    """settings: JSON of every section but ``sites``, in the words of the file; no secret.

    warnings: the first of those that ``mapsys check`` prints, each in a line.
    """

    config_hash: str
    sites: int
    settings: bytes
    warnings: list[str]
