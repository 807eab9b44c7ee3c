"""The stores that there are: the tests of what every store promises run over each."""

from __future__ import annotations

import os
import shutil
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mapsys.engine_choice import EngineChoice, choose, new_store
from mapsys.store import Store
from mapsys.store_pure import PureStore

PURE, NATIVE = EngineChoice("pure", "a test"), EngineChoice("native", "a test")

HAS_NATIVE = choose("auto").engine == "native"
"""Whether tests run over the native engine too; it must be, where it can be built."""


def can_build() -> bool:
    """Whether a C compiler and Python's headers are here."""
    asked = os.environ.get("CC")
    compilers = (asked.split()[0],) if asked else ("cc", "gcc", "clang")
    header = Path(sysconfig.get_path("include")) / "Python.h"
    return header.exists() and any(shutil.which(name) for name in compilers)


def stores() -> list[Callable[[], Store]]:
    """The kinds of stores there are here."""
    kinds: list[Callable[[], Store]] = [PureStore]
    if HAS_NATIVE:
        kinds.append(type(new_store(NATIVE)))
    return kinds


_used: list[Callable[[], Store]] = [PureStore]


@contextmanager
def used(kind: Callable[[], Store]) -> Iterator[None]:
    """Have :func:`current_store` make this kind meanwhile."""
    _used.append(kind)
    try:
        yield
    finally:
        _used.pop()


def current_store() -> Store:
    """An empty store of the kind in use."""
    return _used[-1]()
