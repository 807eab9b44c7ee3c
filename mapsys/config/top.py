"""The top level of a configuration file, and of the files that it includes."""

from __future__ import annotations

from typing import Any, Final

from alt.config import ALT
from mapsys.config import model
from mapsys.config.document import Scalar
from mapsys.config.fleet import FLEET
from mapsys.config.hooks import HOOKS
from mapsys.config.http import HTTP
from mapsys.config.node import AUTHORITY, CONTROL, MAP_RESOLVER, MAP_SERVER
from mapsys.config.poller import METRICS, POLLER
from mapsys.config.scalars import Choice, FilePath, Text
from mapsys.config.schema import FaultyError, Field, Kind, ListOf, Plain, Record, Value, Words
from mapsys.config.sites import SITES


class Later(Kind[Any]):
    """Not read with the rest, since several files have a part in it; written like the rest.

    becomes: the kind of what is written; None where nothing is.
    """

    def __init__(self, expects: str, becomes: Kind[Any] | None) -> None:
        self.expects = expects
        self.becomes = becomes

    def read(self, value: Value) -> Value:
        return value

    def write(self, setting: Any) -> Plain | None:
        return None if self.becomes is None else self.becomes.write(setting)

    def form(self) -> Kind[Any]:
        return self.becomes or self


NODE: Final = Text(
    "a name of letters, digits, dots, dashes and underscores, beginning with a letter or digit",
    pattern=r"[A-Za-z0-9][A-Za-z0-9._-]*",
)

ENGINE: Final = Choice("auto", "native", "pure")

_PATTERN: Final = Text("a file name or a pattern such as sites.d/*.yaml", limit=4_096)
_PATTERNS: Final = ListOf(_PATTERN, name="patterns such as sites.d/*.yaml")


TOP: Final = Record[Any](
    dict,
    "a configuration: keys with their values",
    Field("node", NODE),
    Field("state", FilePath(), default=model.STATE),
    Field("control", CONTROL),
    Field("engine", ENGINE, default="auto"),
    Field("http", HTTP, default=None),
    Field("authority", Words({"everything": ()}, AUTHORITY), default=None),
    Field("map-server", MAP_SERVER, default=None),
    Field("map-resolver", MAP_RESOLVER, default=None),
    Field("include", Later(_PATTERN.expects, None), default=()),
    Field("sites", Later(SITES.expects, SITES), default=()),
    Field("alt", ALT, default=()),
    Field("poller", POLLER, default=None),
    Field("hooks", HOOKS, default=()),
    Field("metrics", METRICS, default=model.MetricsConfig()),
    Field("fleet", FLEET, default=None),
)
"""A Config but for what several sections or files settle together."""

INCLUDED: Final = Record[Any](
    dict,
    "a mapping with sites: alone",
    Field("sites", Later(SITES.expects, SITES)),
)
"""An included file contributes sites and nothing else."""


def read_patterns(include: Value) -> list[tuple[Value, str]]:
    """The patterns of an ``include:``, one or a list, each with where it stands."""
    if not isinstance(include.node, Scalar):
        return _PATTERNS.read_each(include)
    try:
        return [(include, _PATTERN.read(include))]
    except FaultyError:
        return []
