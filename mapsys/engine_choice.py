"""Which engine runs, pure or native, and why: decided once, when a node starts."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from mapsys.core.effects import Endpoint
from mapsys.datapath.contract import Datapath
from mapsys.datapath.pure import PureDatapath
from mapsys.start_error import StartError
from mapsys.store import Store
from mapsys.store_pure import PureStore

ENGINE_VARIABLE: Final = "MAPSYS_ENGINE"
"""Environment variable that goes before the configuration's ``engine``."""

_WORDS: Final = ("auto", "native", "pure")
_EXTENSION: Final = "mapsys.native._engine"


class EngineChoice(NamedTuple):
    """What runs, and a phrase that says why."""

    engine: Literal["native", "pure"]
    reason: str


def choose(wanted: str) -> EngineChoice:
    """Decide by what is asked for, in the environment or else here, and by what loads.

    wanted: auto, native or pure. Raises StartError where ``native`` is asked for and
    does not load, or where the environment asks for something else altogether.
    """
    asked = os.environ.get(ENGINE_VARIABLE) or wanted
    if asked not in _WORDS:
        raise StartError(
            f"{ENGINE_VARIABLE} is {asked!r} in the environment; give {', '.join(_WORDS)}"
        )
    by = "environment" if os.environ.get(ENGINE_VARIABLE) else "configuration"
    if asked == "pure":
        return EngineChoice("pure", f"the {by} asks for it")
    problem = _problem()
    if problem is None:
        why = "it is installed" if asked == "auto" else f"the {by} asks for it"
        return EngineChoice("native", why)
    if asked == "native":
        raise StartError(
            f"the {by} asks for the native engine, which cannot be had: {problem}; install"
            " mapsys again with a C compiler and Python's headers at hand (on Debian gcc,"
            " libc6-dev and python3-dev), or ask for auto"
        )
    return EngineChoice("pure", problem)


def _problem() -> str | None:
    """Why the native engine does not load; None: it does."""
    try:
        import mapsys.native._engine  # noqa: F401, PLC0415
    except ModuleNotFoundError as error:
        if error.name != _EXTENSION:
            raise
        return "the native engine was not built when mapsys was installed"
    except ImportError as error:
        return f"the native engine does not load: {error}"
    return None


def new_store(choice: EngineChoice) -> Store:
    """An empty store of the engine chosen."""
    if choice.engine == "pure":
        return PureStore()
    from mapsys.native._engine import NativeStore  # noqa: PLC0415

    return NativeStore()


def new_datapath(
    choice: EngineChoice,
    store: Store,
    *,
    receive_buffer_octets: int,
    inherited: Mapping[Endpoint, socket.socket] | None,
) -> Datapath:
    """A datapath of the engine chosen over its store; see ``datapath.pure`` for the rest."""
    made = PureDatapath
    if choice.engine == "native":
        from mapsys.datapath.native import NativeDatapath  # noqa: PLC0415

        made = NativeDatapath
    return made(store, receive_buffer_octets=receive_buffer_octets, inherited=inherited)
