"""The question for the configuration in effect, with its answer (see ``query_rows``)."""

from __future__ import annotations

import msgspec


class ConfigQuestion(msgspec.Struct, frozen=True, tag="config"):
    """What is the node told, its sites apart?"""


class ConfigRow(msgspec.Struct, frozen=True, tag="config"):
    """settings: JSON of every section but ``sites``, in the words of the file; no secret."""

    config_hash: str
    sites: int
    settings: bytes
