"""The ``fleet:`` section: the engine that several nodes share their registrations through."""

from __future__ import annotations

from typing import Final

from mapsys.config import model
from mapsys.config.scalars import Choice, Duration, FilePath, ScalarKind, Text
from mapsys.config.schema import Field, Record, Value
from mapsys.config.secret import SecretFile
from mapsys.fleet.target import read_url

URL_CHARACTERS: Final = 1_000
SERVE_STALE_HIGHEST_SECONDS: Final = 3_600


class EngineUrl(ScalarKind[str]):
    """Where the engine is; who may use it stands elsewhere."""

    expects = "a URL such as rediss://engine.example:6379"
    repeated = False

    def parse(self, text: str) -> str:
        if len(text) > URL_CHARACTERS or not text.isascii() or not text.isprintable():
            raise ValueError(f"is not {self.expects}")
        read_url(text)
        return text


def _check(value: Value, fleet: model.FleetConfig) -> None:
    if fleet.user is not None and fleet.password is None:
        value.at("user").fault("has no password; give the file it stands in by password-file")
    if fleet.ca is not None and not read_url(fleet.url).tls:
        value.at("ca").fault("is for TLS; let the url begin with rediss")


FLEET: Final = Record(
    model.FleetConfig,
    "the engine of a fleet, as in {url: 'rediss://engine.example:6379'}",
    Field("url", EngineUrl()),
    Field(
        "prefix",
        Text("a name of letters, digits, dots and dashes", pattern=r"[A-Za-z0-9.-]{1,64}"),
        default=model.FLEET_PREFIX,
    ),
    Field("ack", Choice("local", "engine", "replica"), default="local"),
    Field("user", Text("a name", pattern=r"[!-~]{1,128}"), default=None),
    Field("password-file", SecretFile(), default=None, to="password"),
    Field("ca", FilePath(), default=None),
    Field(
        "serve-stale",
        Duration(0, SERVE_STALE_HIGHEST_SECONDS),
        default=0,
        to="serve_stale_seconds",
    ),
    check=_check,
)
