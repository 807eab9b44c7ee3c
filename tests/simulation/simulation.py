"""A seed, and from it days of a Map-Server's life, held against the reference step by step."""

from __future__ import annotations

from functools import partial
from random import Random

from tests.simulation.agents import INTERVAL_SECONDS
from tests.simulation.comparison import Divergence
from tests.simulation.doings import Doings
from tests.simulation.side_by_side import SideBySide
from tests.simulation.timeline import Timeline

DAY_SECONDS = 86_400
START_SECONDS = 1_000.0


class Simulation:
    """What happens is drawn from ``rng`` alone: an equal seed does the same again."""

    def __init__(self, seed: int, days: float, stop_after: int | None = None) -> None:
        self.seed, self.days, self.stop_after = seed, days, stop_after
        self.rng = Random(seed)
        self.timeline = Timeline(self.rng, START_SECONDS)
        self.both = SideBySide(self.rng, self.timeline)
        self._end = self.timeline.now + days * DAY_SECONDS

    def run(self) -> None:
        """Until the end, or the step after which to stop. Raises Divergence."""
        both, timeline, doings = self.both, self.timeline, Doings(self.both, self.rng)
        for xtr in both.xtrs:
            timeline.later(self.rng.randint(0, INTERVAL_SECONDS), partial(doings.refresh, xtr))
        for seconds, what in (
            (60, both.compare_all),
            (25, doings.ask),
            (35, doings.attack),
            (90, doings.something_changes),
            (240, doings.alt_event),
            (10, both.heartbeat),
            (3600, doings.weather),
        ):
            timeline.later(self.rng.randint(1, seconds), partial(timeline.every, seconds, what))
        try:
            while timeline.next_at <= self._end:
                if self.stop_after is not None and timeline.steps >= self.stop_after:
                    return
                if not both.pass_deadline(before=timeline.next_at):
                    timeline.step()
            both.compare_all()
        except Exception as error:
            raise Divergence(self._report(error)) from error

    @property
    def steps(self) -> int:
        """Events so far."""
        return self.timeline.steps

    @property
    def history(self) -> list[str]:
        """What happened lately, a line each."""
        return self.both.history.lines

    def _report(self, error: Exception) -> str:
        """What is needed to look into it: the seed, the step, what concerns it, the command."""
        said = f"{type(error).__name__}: {error}"
        names = [*self.both.plans, *(xtr.host for xtr in self.both.xtrs)]
        command = (
            f".venv/bin/python -m tests.simulation --seed {self.seed} --days {self.days:g}"
            f" --steps {self.steps}"
        )
        return "\n".join(
            [
                f"seed {self.seed}, step {self.steps}: {said}",
                *self.both.history.tail(said, names),
                f"again: {command}",
            ]
        )
