"""Who opens the application when, and what they send."""

from __future__ import annotations

import numpy as np

from sim.population.people import Cohort, Habits, normal_cdf, sends, sessions, stream
from sim.population.slot import DAY_MINUTES, MINUTE_US, Slot

HABITS = Habits(40.0, 21.0, 117.0, 1.2, 1.0)
MORNING = tuple(2.0 if minute < DAY_MINUTES // 2 else 0.0 for minute in range(DAY_MINUTES))


def test_there_are_as_many_as_there_shall_be() -> None:
    cohorts = (Cohort(0, 300_000, 0, MORNING), Cohort(300_000, 400_000, 1, (1.0,) * DAY_MINUTES))
    begun = sessions(stream(1), cohorts, HABITS, Slot(5))
    first, second = (np.histogram(begun.who, [0, 300_000, 400_000])[0]).tolist()
    assert np.isclose(first, 300_000 * 21 / DAY_MINUTES * 2, rtol=0.05)
    assert np.isclose(second, 100_000 * 21 / DAY_MINUTES, rtol=0.1)
    evening = sessions(stream(1), cohorts, HABITS, Slot(1_000))
    assert (evening.who >= 300_000).all()
    assert len(sessions(stream(1), cohorts, HABITS, Slot(5), 2.0).who) > 1.8 * len(begun.who)

    sent = sends(stream(2), begun, HABITS, Slot(5))
    assert np.isclose(len(sent.at_us), len(begun.who) * 40 / 21, rtol=0.05)
    assert ((sent.at_us >= 0) & (sent.at_us < MINUTE_US)).all()


def test_some_are_far_more_active_than_others() -> None:
    """As it is of a log-normal distribution with this sigma: the share of the most active tenth."""
    begun = sessions(stream(1), (Cohort(0, 1_000_000, 0, MORNING),), HABITS, Slot(5))
    top = (begun.who >= 900_000).mean()
    z = 1.2815515655446004  # a tenth is above it
    assert np.isclose(top, normal_cdf(np.array([HABITS.activity_sigma - z]))[0], atol=0.02)


def test_sends_come_in_bursts() -> None:
    """Poisson's sends would vary as much as there are; those of people vary far more."""
    begun = sessions(stream(1), (Cohort(0, 1_000_000, 0, MORNING),), HABITS, Slot(5))
    of_people = np.bincount(begun.who[sends(stream(2), begun, HABITS, Slot(5)).session])
    assert of_people.var() > 4 * of_people.mean()


def test_it_is_the_same_each_time() -> None:
    cohorts = (Cohort(0, 10_000, 0, MORNING),)
    first, second = (sessions(stream(1, 2, 3), cohorts, HABITS, Slot(5)) for _ in range(2))
    assert first.who.tolist() == second.who.tolist()
    other = sessions(stream(1, 2, 4), cohorts, HABITS, Slot(5))
    assert first.who.tolist() != other.who.tolist()
