"""Locators that an operator writes down."""

from __future__ import annotations

from collections.abc import Sequence
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
    check_addresses(value, "address", [locator.address for locator in locators])


def check_addresses(value: Value, field: str, addresses: Sequence[str]) -> None:
    """Note locators beyond a record's, and those named twice.

    value: the list. field: where an item of it has its address. addresses: one an item.
    """
    if len(addresses) > MAX_LOCATORS:
        value.fault(f"{len(addresses)} locators; at most {MAX_LOCATORS} are allowed")
    seen: dict[str, int] = {}
    for number, address in enumerate(addresses):
        if address in seen:
            value.at(number, field).fault(
                f"{address} is that of locator [{seen[address]}] already; keep one of them"
            )
        seen.setdefault(address, number)
