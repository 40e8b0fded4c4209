"""When people open the application: by the hour of their day, and by the day of their week."""

from __future__ import annotations

import numpy as np

from sim.population.arrays import Floats
from sim.population.slot import DAY_MINUTES, HOUR_MINUTES

CONSUMER = (
    *(0.55, 0.35, 0.22, 0.15, 0.13, 0.18, 0.40, 0.75, 0.95, 1.00, 1.05, 1.10),
    *(1.25, 1.20, 1.10, 1.10, 1.15, 1.25, 1.40, 1.65, 1.95, 2.00, 1.75, 1.05),
)
"""Busiest from 20:00 to 22:00 (LINE, WeChat); the shape between is an assumption."""
WORK = (
    *(0.06, 0.04, 0.03, 0.03, 0.04, 0.10, 0.30, 0.90, 1.80, 2.40, 2.70, 2.90),
    *(1.90, 2.30, 2.80, 2.60, 2.40, 1.90, 0.90, 0.50, 0.35, 0.25, 0.18, 0.10),
)
"""Busiest at 11:00 and 14:00 (Slack); the shape between is an assumption."""
CONSUMER_WEEK = (0.97, 0.97, 0.97, 0.98, 1.03, 1.06, 1.02)
WORK_WEEK = (1.05, 1.08, 1.08, 1.06, 0.98, 0.12, 0.10)
"""Monday first; assumptions."""


def of_day(hours: tuple[float, ...], utc_offset_h: float, half_hours: float = 0.0) -> Floats:
    """By minute of a day in UTC, mean 1: between the middles of hours it goes straight.
    `half_hours`: how much more it is in the minute of each full and half hour."""
    minutes = np.arange(DAY_MINUTES)
    local_h = ((minutes + 0.5) / HOUR_MINUTES + utc_offset_h) % 24
    middles = np.arange(-0.5, 25.0)
    around = np.array([hours[-1], *hours, hours[0]])
    shape = np.interp(local_h, middles, around)
    begins = ((minutes + round(utc_offset_h * HOUR_MINUTES)) % 30) == 0
    shape = shape * (1.0 + half_hours * begins)
    found: Floats = shape / shape.mean()
    return found


def with_midnight(shape: Floats, utc_offset_h: float, factor: float, half_minutes: float) -> Floats:
    """The same, with so many times as much in the minute when the local day begins, of which the
    excess is half after a while. The rest of the day is as it was."""
    begins = round(-utc_offset_h * HOUR_MINUTES) % DAY_MINUTES
    after = (np.arange(DAY_MINUTES) - begins) % DAY_MINUTES
    found: Floats = shape * (1.0 + (factor - 1.0) * 0.5 ** (after / half_minutes))
    return found
