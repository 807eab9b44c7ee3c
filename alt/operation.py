"""A planned operation: steps one after the other, each verified, undone where one fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

POLL_SECONDS: Final = 0.1


class State(StrEnum):
    """Of an operation and of each of its steps.

    UNDONE: of an operation that failed and left everything as it was; BROKEN: of one
    that could not be undone either.
    """

    PLANNED = "planned"
    UNDER_WAY = "under-way"
    DONE = "done"
    FAILED = "failed"
    UNDONE = "undone"
    BROKEN = "broken"


class OperationRefusedError(Exception):
    """An operation cannot be planned; the text says why and what to do."""


class StepFailedError(Exception):
    """A step did not come about; the text says what was waited for."""


@dataclass(slots=True)
class Step:
    """One step. action: brings it about, and returns what was found."""

    name: str
    purpose: str
    action: Callable[[], Awaitable[str]]
    state: State = State.PLANNED
    outcome: str = ""


@dataclass(slots=True)
class Operation:
    """kind: "rehome" or "switch-provider". subject: what it is about.

    undo: puts everything back; safe after any step. failures: exceptions that steps
    and undo may end with, besides StepFailedError.
    """

    kind: str
    subject: str
    steps: Sequence[Step]
    undo: Callable[[], Awaitable[None]]
    failures: tuple[type[Exception], ...] = ()
    state: State = State.PLANNED
    outcome: str = field(default="")

    async def run(self) -> None:
        """Carry it out; nothing is raised for what goes wrong, the state says it."""
        self.state = State.UNDER_WAY
        expected: tuple[type[Exception], ...] = (StepFailedError, *self.failures)
        for step in self.steps:
            step.state = State.UNDER_WAY
            try:
                step.outcome = await step.action()
            except expected as error:
                step.state, step.outcome = State.FAILED, str(error)
                await self._put_back()
                return
            step.state = State.DONE
        self.state, self.outcome = State.DONE, "done"

    async def _put_back(self) -> None:
        try:
            await self.undo()
        except self.failures as error:
            self.state = State.BROKEN
            self.outcome = f"it failed and could not be undone: {error}; reload the node"
        else:
            self.state, self.outcome = State.UNDONE, "it failed; everything is as it was before"


async def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> float:
    """Wait for a condition; returns the seconds it took. Raises StepFailedError."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while not condition():
        if loop.time() - began > seconds:
            raise StepFailedError(f"{what} did not come within {seconds:.0f} s")
        await asyncio.sleep(POLL_SECONDS)
    return loop.time() - began
