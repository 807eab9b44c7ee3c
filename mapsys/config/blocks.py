"""EID-Prefixes with their instance-ID beside them."""

from __future__ import annotations

from typing import Any, Final

from mapsys.config.scalars import Integer, Prefix
from mapsys.config.schema import Field, Kind, Plain, Record, Value
from mapsys.eid import MAX_INSTANCE_ID, EidPrefix

INSTANCE_ID: Final = Field("instance-id", Integer(0, MAX_INSTANCE_ID), default=0)


def in_instance(prefix: EidPrefix, instance_id: int) -> EidPrefix:
    """The same bits in another instance-ID."""
    return EidPrefix(instance_id, prefix.family, prefix.network, prefix.length)


class Block(Kind[EidPrefix]):
    """An EID-Prefix with its instance-ID beside it."""

    expects = "a prefix with its instance-ID, as in {prefix: 198.18.0.0/21, instance-id: 0}"

    def __init__(self) -> None:
        self.parts: Record[EidPrefix] = Record(
            in_instance, self.expects, Field("prefix", Prefix()), INSTANCE_ID
        )

    def read(self, value: Value) -> EidPrefix:
        return self.parts.read(value)

    def form(self) -> Kind[Any]:
        return self.parts

    def write(self, setting: EidPrefix) -> Plain | None:
        return {
            "prefix": Prefix().write(setting) or "",
            "instance-id": str(setting.instance_id),
        }
