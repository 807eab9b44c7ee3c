"""RTRs: what ETRs behind an address translator register through."""

from __future__ import annotations

from typing import Final

from mapsys.config import model
from mapsys.config.scalars import Choice, Integer, IpAddress
from mapsys.config.schema import Field, ListOf, Record, Value
from mapsys.config.secret import SecretFile, SecretText

ALGORITHM: Final = Choice("hmac-sha-256-128", "hmac-sha-1-96")
"""draft-ermagan-lisp-nat-traversal-19, 4.4."""

RTR: Final = Record(
    model.RtrConfig,
    "an RTR, as in {address: 192.0.2.80, secret-file: rtr-one.key}",
    Field("address", IpAddress()),
    Field("key-id", Integer(0, 65_535), default=0),
    Field("algorithm", ALGORITHM, default=model.ALGORITHM),
    Field("secret-file", SecretFile(), default=None, to="secret"),
    Field("secret", SecretText()),
)

RTRS: Final = ListOf(RTR, name="RTRs, as in [{address: 192.0.2.80}]")


def check_rtrs(value: Value, rtrs: tuple[model.RtrConfig, ...]) -> None:
    """Note an RTR that stands in the list twice. value: the list."""
    seen: dict[str, int] = {}
    for number, rtr in enumerate(rtrs):
        if rtr.address in seen:
            value.at(number, "address").fault(
                f"{rtr.address} is that of rtrs[{seen[rtr.address]}] already; keep one of them"
            )
        seen.setdefault(rtr.address, number)
