"""How late the event loop is: a timer that looks at how long after its time it came."""

from __future__ import annotations

import asyncio
from typing import Final

from mapsys.histogram import Histogram

INTERVAL_SECONDS: Final = 0.25
"""Between two looks: few enough to cost nothing, enough to see what lasts."""

BOUNDS_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class LoopLag:
    """Measures the running loop from :meth:`start` to :meth:`stop`."""

    def __init__(self) -> None:
        self.seconds = Histogram(BOUNDS_SECONDS)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Look every INTERVAL_SECONDS from now on."""
        self._arm()

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        due = self._loop.time() + INTERVAL_SECONDS
        self._timer = self._loop.call_at(due, self._look, due)

    def _look(self, due: float) -> None:
        self.seconds.observe(max(0.0, self._loop.time() - due))
        self._arm()
