"""What an operator writes down of mappings in place of an ETR."""

from __future__ import annotations

from typing import Final

from mapsys.config import model
from mapsys.config.blocks import INSTANCE_ID, in_instance
from mapsys.config.locators import LOCATORS, check_addresses, check_locators
from mapsys.config.scalars import Duration, Integer, IpAddress, Prefix
from mapsys.config.schema import Field, Plain, Record, Value
from mapsys.eid import EidPrefix

TTL_HIGHEST_SECONDS: Final = 365 * 86_400


class WholeMinutes(Duration):
    """A time span that is kept in minutes, as record TTLs are (RFC 9301, 5.4)."""

    expects = "a duration in whole minutes such as 15m or 1d"

    def parse(self, text: str) -> int:
        seconds = super().parse(text)
        if seconds % 60:
            raise ValueError(f"is not {self.expects}")
        return seconds // 60

    def write(self, setting: int) -> Plain | None:
        return super().write(setting * 60)


def _static(
    prefix: EidPrefix, instance_id: int, ttl_minutes: int, locators: tuple[model.LocatorConfig, ...]
) -> model.StaticConfig:
    return model.StaticConfig(in_instance(prefix, instance_id), ttl_minutes, locators)


STATIC: Final = Record(
    _static,
    "a mapping, as in {prefix: 198.18.1.0/24, locators: [{address: 192.0.2.1}]}",
    Field("prefix", Prefix()),
    INSTANCE_ID,
    Field(
        "ttl",
        WholeMinutes(60, TTL_HIGHEST_SECONDS),
        default=model.STATIC_TTL_MINUTES,
        to="ttl_minutes",
    ),
    Field("locators", LOCATORS),
    check=lambda value, mapping: check_locators(value.at("locators"), mapping.locators),
)

OVERRIDE: Final = Record(
    model.OverrideConfig,
    "a locator, as in {rloc: 192.0.2.1, priority: 1, weight: 100}",
    Field("rloc", IpAddress()),
    Field("priority", Integer(0, 255)),
    Field("weight", Integer(0, 255)),
)


def check_override(value: Value, overrides: tuple[model.OverrideConfig, ...]) -> None:
    """Note what could not be meant. value: the list."""
    check_addresses(value, "rloc", [override.rloc for override in overrides])
