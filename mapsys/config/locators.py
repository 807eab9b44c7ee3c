"""Locators that an operator writes down."""

from __future__ import annotations

from typing import Final

from mapsys.config import model
from mapsys.config.scalars import Integer, IpAddress
from mapsys.config.schema import Field, ListOf, Record, Value
from mapsys.core.publish import MAX_LOCATORS

LOCATOR: Final = Record(
    model.LocatorConfig,
    "a locator, as in {address: 192.0.2.1, priority: 1, weight: 100}",
    Field("address", IpAddress()),
    Field("priority", Integer(0, 255), default=model.LOCATOR_PRIORITY),
    Field("weight", Integer(0, 255), default=model.LOCATOR_WEIGHT),
    Field("m-priority", Integer(0, 255), default=model.LOCATOR_M_PRIORITY),
    Field("m-weight", Integer(0, 255), default=model.LOCATOR_M_WEIGHT),
)

LOCATORS: Final = ListOf(LOCATOR, name="locators, as in [{address: 192.0.2.1}]", at_least=1)


def check_locators(value: Value, locators: tuple[model.LocatorConfig, ...]) -> None:
    """Note what no record could hold. value: the list of locators."""
    if len(locators) > MAX_LOCATORS:
        value.fault(f"{len(locators)} locators; at most {MAX_LOCATORS} are allowed")
    seen: dict[str, int] = {}
    for number, locator in enumerate(locators):
        if locator.address in seen:
            value.at(number, "address").fault(
                f"{locator.address} is that of locator [{seen[locator.address]}] already;"
                " keep one of them"
            )
        seen.setdefault(locator.address, number)
