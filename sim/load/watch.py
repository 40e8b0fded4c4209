"""Looks at how a load gets on while it runs, shows it, and ends it where too little succeeds."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from sim.load.plan import Plan, Say
from sim.load.success import SoFar, Success


def _nothing() -> None:
    pass


class Watch:
    """Hears of all processes. `enough` ends them; `aborted`: why it was called, if it was."""

    def __init__(self, plan: Plan, say: Say) -> None:
        self.enough: Callable[[], None] = _nothing
        self.aborted = ""
        self._plan = plan
        self._say = say
        self._success = Success(plan.abort_below)
        self._began = 0.0

    def tell(self, process: int, so_far: SoFar) -> None:
        now = monotonic()
        self._began = self._began or now
        self._success.tell(process, now, so_far)
        percent = self._success.percent()
        if percent is None:
            return
        passed_s = now - self._began
        if passed_s >= self._plan.seconds or self.aborted:
            return
        self._say(f"{passed_s:.0f} of {self._plan.seconds:g} s, {percent:.1f} % succeeds")
        self.aborted = self._success.too_little()
        if self.aborted:
            self.enough()
