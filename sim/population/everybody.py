"""What comes to very many people at once, wherever they live: where it arrives is drawn."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sim.population.arrays import Floats, Ints
from sim.population.fanout import Frame, Turn
from sim.population.load import ITEM, Load
from sim.population.model import Model
from sim.population.slot import HOUR_MINUTES

SPREAD = 3.0
MOSTLY = 0.7
"""Where so many vary by less, the few that do not are not worth it."""


def presence(rng: np.random.Generator, model: Model, load: Load) -> None:
    """Contacts are shown that somebody comes or goes: a turn of each, and a frame where they are
    connected. (What it costs the hosts of those who come and go is theirs.)"""
    layout, prices = load.layout, model.prices
    in_ns = prices.turns[Turn.USER_SHOW] + round(layout.away * prices.turns[Turn.MESSAGE_IN])
    for host, shown in enumerate(_dealt(rng, load.presence, layout.led)):
        load.cells[host] += shown * (ITEM + in_ns)
        load.turns[host, Turn.USER_SHOW] += shown.sum()
    _push(rng, model, load, binomial(rng, load.presence, _online(model, load)))


def channel(rng: np.random.Generator, model: Model, load: Load) -> None:
    """A post in the one huge channel: edges are told once, and tell all connections."""
    if model.channel is None:
        return
    bins = load.slot.bins
    posts = rng.poisson(model.channel.posts_per_hour / HOUR_MINUTES / load.slot.slots)
    here = round(model.users * model.channel.members * _online(model, load))
    frames = np.bincount(rng.integers(0, bins, posts), minlength=bins) * here
    load.tell(np.zeros(1, np.int64), "pushes", frames.sum(keepdims=True))
    _push(rng, model, load, frames)


def _online(model: Model, load: Load) -> float:
    """Which share of all people is connected."""
    return float(
        sum(region.share * load.online[number] for number, region in enumerate(model.regions))
    )


def _push(rng: np.random.Generator, model: Model, load: Load, frames: Ints) -> None:
    """So many frames in each bin, to connections of all edges; one may serve several regions."""
    cell = ITEM + model.prices.frames[Frame.OUT]
    found = [
        (edge, region.share / len(here))
        for number, region in enumerate(model.regions)
        for here in (load.layout.in_region("edge", number),)
        for edge in here
    ]
    shares = np.array([share for _, share in found])
    for (edge, _), pushed in zip(found, _dealt(rng, frames, shares), strict=True):
        load.cells[edge] += pushed * cell


def _dealt(rng: np.random.Generator, numbers: Ints, shares: Floats | Ints) -> Iterator[Ints]:
    """Numbers that are dealt out by these shares (multinomially), one after the other."""
    left = numbers
    rest = np.cumsum(shares[::-1])[::-1]
    for share, whole in zip(shares, rest, strict=True):
        found = binomial(rng, left, min(1.0, share / whole) if whole else 0.0)
        yield found
        left = left - found


def binomial(rng: np.random.Generator, numbers: Ints, share: float) -> Ints:
    """How many of each of these numbers are hit, with this chance. Those that vary by `SPREAD` or
    more from the normal distribution, put right for its skewness (E. A. Cornish, R. A. Fisher,
    "Moments and cumulants in the specification of distributions", 1938), which takes a quarter of
    the time."""
    spread = np.sqrt(numbers * (share * (1.0 - share)))
    few = np.flatnonzero((spread < SPREAD) & (numbers > 0))
    if len(few) > MOSTLY * len(numbers):
        return np.asarray(rng.binomial(numbers, share))
    z = rng.standard_normal(len(numbers))
    found = numbers * share + spread * z + (z * z - 1.0) * ((1.0 - 2.0 * share) / 6.0)
    hit = np.asarray(np.clip(np.rint(found).astype(np.int64), 0, numbers))
    hit[few] = rng.binomial(numbers[few], share)
    return hit
