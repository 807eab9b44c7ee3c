"""``--watch``: a command that shows something shows it again and again."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import click

from mapsys.cli.exits import Unreachable
from mapsys.cli.output import Command

INTERVAL_SECONDS: Final = 2.0


def watch_option(command: Command) -> Command:
    """Adds ``--watch [SECONDS]``; a daemon that is away meanwhile ends nothing."""

    @functools.wraps(command)
    def watched(*args: Any, watch: float | None, **options: Any) -> Any:
        if watch is None:
            return command(*args, **options)
        with suppress(KeyboardInterrupt):
            while True:
                _once(functools.partial(command, *args, **options))
                time.sleep(watch)
        return None

    return click.option(
        "--watch",
        is_flag=False,
        flag_value=INTERVAL_SECONDS,
        type=click.FloatRange(0.1, 86_400),
        metavar="[SECONDS]",
        help=f"Show it again every so many seconds ({INTERVAL_SECONDS:g} without a number).",
    )(watched)  # type: ignore[return-value]


def _once(show: Callable[[], Any]) -> None:
    if sys.stdout.isatty():
        click.clear()
    try:
        show()
    except Unreachable as away:
        away.show()
    except SystemExit:
        pass  # the code of one look is nobody's to have
    sys.stdout.flush()
