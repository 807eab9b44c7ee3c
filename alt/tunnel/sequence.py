"""Sequence numbers of one tunnel: which packets are too old, and when a neighbour restarted."""

from __future__ import annotations

from typing import Final

from alt.gre import MAX_UINT32

RESTART_RUN: Final = 8
"""Old packets in unbroken order after which the neighbour is taken to have restarted.

RFC 2890 names no way to notice that; without one, a neighbour that starts again
at 0 would stay unheard for as long as it had been up.
"""

_HALF: Final = 1 << 31


class SequenceWindow:
    """Refuses what is not newer than the newest packet seen.

    Source: RFC 2890, 2.2; before the first packet any number is in sequence.
    """

    __slots__ = ("_expected_restart", "_newest", "_run")

    def __init__(self) -> None:
        self._newest: int | None = None
        self._expected_restart = 0
        self._run = 0

    def accept(self, sequence: int) -> bool:
        """Whether the packet is in sequence; it is then the newest."""
        newest = self._newest
        if newest is None or 0 < (sequence - newest) & MAX_UINT32 < _HALF:
            self._newest = sequence
            self._run = 0
            return True
        self._run = self._run + 1 if sequence == self._expected_restart else 1
        self._expected_restart = (sequence + 1) & MAX_UINT32
        if self._run < RESTART_RUN:
            return False
        self._newest = sequence
        self._run = 0
        return True
