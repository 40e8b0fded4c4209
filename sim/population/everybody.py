"""What comes to very many people at once, wherever they live: where it arrives is drawn."""

from __future__ import annotations

import numpy as np

from sim.population.fanout import Frame, Turn
from sim.population.load import BINS, Load
from sim.population.model import Model
from sim.population.people import DAY_MINUTES, HOUR_MINUTES, Floats, Ints


def presence(rng: np.random.Generator, model: Model, minute: int, load: Load) -> None:
    """Contacts are shown that somebody comes or goes: a turn of each, and a frame where they are
    connected."""
    layout, prices = load.layout, model.prices
    led = np.bincount(layout.host_of, minlength=len(layout.hosts))
    shares = led / led.sum()
    shown = rng.multinomial(load.presence, shares).T
    told = rng.multinomial(load.presence, shares).T  # by the hosts of those who come and go
    away = 1.0 - float((shares**2).sum())
    hosts = slice(0, len(layout.hosts))
    in_ns = prices.turns[Turn.USER_SHOW] + round(away * prices.turns[Turn.MESSAGE_IN])
    load.items[hosts] += shown
    load.work_ns[hosts] += shown * in_ns
    load.work_ns[hosts] += told * round(away * prices.turns[Turn.MESSAGE_OUT])
    load.turns[:, Turn.USER_SHOW] += shown.sum(1)
    _push(rng, model, load, rng.binomial(load.presence, _online(model, minute)))


def channel(rng: np.random.Generator, model: Model, minute: int, load: Load) -> None:
    """A post in the one huge channel: edges are told once, and tell all connections."""
    if model.channel is None:
        return
    posts = rng.poisson(model.channel.posts_per_hour / HOUR_MINUTES)
    here = round(model.users * model.channel.members * _online(model, minute))
    frames = np.bincount(rng.integers(0, BINS, posts), minlength=BINS) * here
    load.tell(np.zeros(1, np.int64), "pushes", frames.sum(keepdims=True))
    _push(rng, model, load, frames)


def _online(model: Model, minute: int) -> float:
    """Which share of all people is connected."""
    return sum(
        region.share * shares[minute % DAY_MINUTES]
        for region, shares in zip(model.regions, model.connected, strict=True)
    )


def _push(rng: np.random.Generator, model: Model, load: Load, frames: Ints) -> None:
    """So many frames in each bin, to connections of all edges."""
    edges, shares = _edges(model, load)
    pushed = rng.multinomial(frames, shares).T
    np.add.at(load.items, edges, pushed)
    np.add.at(load.work_ns, edges, pushed * model.prices.frames[Frame.OUT])


def _edges(model: Model, load: Load) -> tuple[Ints, Floats]:
    """Stations, and the share of all connections that each has; one may serve several regions."""
    found = [
        (edge, region.share / len(here))
        for number, region in enumerate(model.regions)
        for here in (load.layout.in_region("edge", number),)
        for edge in here
    ]
    shares = np.array([share for _, share in found])
    return np.array([edge for edge, _ in found]), shares / shares.sum()
