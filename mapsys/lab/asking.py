"""An ITR that asks again and again, while something is changed."""

from __future__ import annotations

import threading
import time
from collections import Counter
from types import TracebackType
from typing import Final

from mapsys.lab.itr import Asked, Itr, locators

_PAUSE_SECONDS: Final = 0.02


class Asking:
    """Asks for EIDs by turns, one Map-Request each time, from a thread of its own.

    Within ``with``. answers: how often each list of locators was answered, by its text;
    a negative answer is the empty list. unanswered: questions that got nothing.
    """

    def __init__(self, itr: Itr, *eids: str) -> None:
        self.answers: Counter[tuple[str, ...]] = Counter()
        self.unanswered: list[Asked] = []
        self._itr = itr
        self._eids = eids
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._ask, name="asking", daemon=True)

    @property
    def asked(self) -> int:
        """Questions that have ended."""
        return self.answers.total() + len(self.unanswered)

    def __enter__(self) -> Asking:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ending.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._ending.is_set():
            for eid in self._eids:
                # One Map-Request and no second: what is lost is not to be made good.
                asked = self._itr.ask(eid, count=1, timeout_seconds=5.0)
                if asked.answer is None:
                    self.unanswered.append(asked)
                else:
                    self.answers[tuple(locators(asked.answer))] += 1
            time.sleep(_PAUSE_SECONDS)
