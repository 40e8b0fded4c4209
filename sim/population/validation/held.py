"""The last attempt that was measured, for reports of runs."""

from __future__ import annotations

from sim.population.result import Held
from sim.population.validation.attempts import attempts
from sim.population.validation.compare import middle, noise


def held() -> list[Held]:
    """Its loads; none, if nothing has been measured yet. Raises Told."""
    last = next((each for each in reversed(attempts()) if each.measured), None)
    if last is None:
        return []
    rounds = {each.name: each.rounds for each in last.measured[-1].loads}
    return [
        Held(
            load.text,
            load.held_out,
            load.figures,
            middle(rounds[load.name]),
            noise(rounds[load.name]),
        )
        for load in last.predicted.loads
        if load.name in rounds
    ]
