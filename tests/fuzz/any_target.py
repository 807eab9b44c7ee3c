"""All other targets in one: the first octet says which the rest is for.

One process then fuzzes them all; with little time, starting one for each would take most of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tests.fuzz.corpus import inputs_of
from tests.fuzz.target import Target
from tests.fuzz.targets import MODULES, target_of

_EACH: Final = tuple(target_of(name) for name in MODULES if name != "any")


def _inputs() -> Iterator[bytes]:
    for number, target in enumerate(_EACH):
        for octets in inputs_of(target):
            yield bytes((number,)) + octets


def _run(octets: bytes) -> None:
    if octets:
        target = _EACH[octets[0] % len(_EACH)]
        target.run(octets[1 : 1 + target.octets_limit])


TARGETS: Final = (Target("any", _run, _inputs, 1 + max(target.octets_limit for target in _EACH)),)
