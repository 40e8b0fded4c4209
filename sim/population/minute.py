"""A minute of a block of people: from what they do to what each station has to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim.population import chats, partitions
from sim.population.chats import Order
from sim.population.fanout import Frame, Turn
from sim.population.load import BIN_US, Load, Samples, Work
from sim.population.model import File, Model
from sim.population.partitions import Partitions
from sim.population.people import (
    DAY_MINUTES,
    Floats,
    Ints,
    Sends,
    Sessions,
    sends,
    sessions,
    stream,
)

ACK_US = 300_000
"""A device confirms what it got after a quarter of a second (`heliograph.Timeouts.ack_s`)."""
SAMPLES = 64
"""So many deliveries of a block and minute are followed for their latency."""
WIDE = 1_000
"""Layers of contacts and groups over regions are numbered from here."""
GROUPS = 500
"""Layers of groups are numbered from here."""


class Block:
    """The people of a block in a minute of a day."""

    def __init__(self, model: Model, block: int, folder: Path) -> None:
        self.model = model
        self.block = block
        users = model.blocks[block]
        self.first_id, self.size = users.start, len(users)
        self.circles = model.circles(self.size)
        self.region_starts = np.array([each.start for each in self.circles[1:]], np.int64)
        hashed = partitions.kept(folder, users.start, len(users), model.layout.partitions)
        self.homes = model.layout.settle(hashed, self.regions(np.arange(self.size)))

    def regions(self, who: Ints) -> Ints:
        return np.searchsorted(self.region_starts, who, side="right")

    def orders(self, layer: int) -> list[tuple[Order, range]]:
        """Of a layer: one of each region, or of all where regions are not looked at."""
        circles = self.circles if layer < WIDE else (range(self.size),)
        seed = self.model.seed
        return [
            (Order.of(seed, self.block, layer, each.start, len(each)), each)
            for each in circles
            if len(each)
        ]


@dataclass(frozen=True)
class Talks:
    """The chats that sessions are about, one element each. `members`: of all chats one after the
    other, everybody but who writes; `which`: the session of each."""

    partition: Partitions
    is_group: Ints
    which: Ints
    members: Ints


def minute_of(model: Model, block: Block, minute: int, load: Load) -> None:
    """Add what a block does in a minute, counted from the beginning of the run."""
    rng = stream(model.seed, block.block, minute)
    factor = model.factors[minute // DAY_MINUTES % len(model.factors)]
    begun = sessions(rng, model.cohorts(block.size), model.habits, minute % DAY_MINUTES, factor)
    sent = sends(rng, begun, model.habits)
    talks = _talks(rng, model, block, begun)
    online = np.array([shares[minute % DAY_MINUTES] for shares in model.connected])
    work = Work(model, load)
    _come_and_go(rng, model, block, begun, work, load)
    come(rng, model, block, returning(rng, model, block, minute, online), work, load)
    send(rng, model, block, begun, sent, talks, online, work, load)
    work.add()


def _talks(rng: np.random.Generator, model: Model, block: Block, begun: Sessions) -> Talks:
    """Which chat each session is about."""
    count, habits = len(begun.who), model.chats
    in_group = rng.random(count) >= habits.private
    wide = (rng.random(count) < habits.wide) * WIDE
    rank = np.searchsorted(habits.ranks, rng.random(count), side="right")
    layer = np.where(in_group, GROUPS + rng.integers(0, habits.group_layers, count), rank) + wide
    partition = np.zeros(count, np.uint16)
    which: list[Ints] = []
    members: list[Ints] = []
    by_layer = np.argsort(layer, kind="stable")
    layers, firsts = np.unique(layer[by_layer], return_index=True)
    for number, first, stop in zip(layers, firsts, [*firsts[1:], count], strict=True):
        for order, circle in block.orders(int(number)):
            mine = by_layer[first:stop]
            mine = mine[(begun.who[mine] >= circle.start) & (begun.who[mine] < circle.stop)]
            if not len(mine):
                continue
            who = begun.who[mine]
            if number % WIDE < GROUPS:
                other = chats.contact(order, who)
                partition[mine] = _private(model, block, who, other)
                which.append(mine)
                members.append(other)
            else:
                found = chats.groups(order, model.sizes[number % WIDE - GROUPS], who)
                partition[mine] = _group(model, block, int(number), circle, found)
                index, people = chats.members(order, found)
                others = people != who[index]
                which.append(mine[index[others]])
                members.append(people[others])
    return Talks(
        partition, in_group.astype(np.int64), np.concatenate(which), np.concatenate(members)
    )


def _private(model: Model, block: Block, who: Ints, other: Ints) -> Partitions:
    low, high = np.minimum(who, other), np.maximum(who, other)
    ids = block.first_id + low, block.first_id + high
    hashed = partitions.of_private_chats(*ids, model.layout.partitions)
    return model.layout.settle(hashed, block.regions(low))


def _group(
    model: Model, block: Block, layer: int, circle: range, found: chats.Groups
) -> Partitions:
    """The number in a group's id is a hash in the real thing; here it says which group it is."""
    distinct, back = np.unique(found.number, return_inverse=True)
    ids = ((block.block * 2 * WIDE + layer) * block.size + circle.start + distinct) * 2 + 1
    hashed = partitions.of_groups(ids, model.layout.partitions)[back]
    return model.layout.settle(
        hashed, np.full(len(back), block.regions(np.array([circle.start]))[0])
    )


def _come_and_go(
    rng: np.random.Generator, model: Model, block: Block, begun: Sessions, work: Work, load: Load
) -> None:
    """People connect and catch up, and are gone after a while."""
    come(rng, model, block, begun, work, load)
    home, count = block.homes[begun.who], len(begun.who)
    stay_us = (rng.exponential(model.habits.session_s, count) * 1e6).astype(np.int64)
    gone_us = begun.at_us + stay_us
    work.turn(Turn.SESSION_DETACH, home, gone_us)
    work.turn(Turn.USER_OFFLINE, home, gone_us)
    load.show(gone_us, model.chats.contacts)


def come(
    rng: np.random.Generator, model: Model, block: Block, begun: Sessions, work: Work, load: Load
) -> None:
    """Devices connect, and ask what they have missed."""
    home, regions = block.homes[begun.who], block.regions(begun.who)
    load.tell(regions, "opens")
    work.frame(Frame.OPEN, work.edges(rng, regions), begun.at_us)
    for kind in (Turn.SESSION_ATTACH, Turn.USER_ONLINE, Turn.READ_DIFFERENCE):
        work.turn(kind, home, begun.at_us)
    load.show(begun.at_us, model.chats.contacts)


def returning(
    rng: np.random.Generator, model: Model, block: Block, minute: int, online: Floats
) -> Sessions:
    """Who has lost their connection at the beginning of this minute, and comes back."""
    shares = model.coming_back(minute)
    who = [
        np.flatnonzero(rng.random(len(circle)) < online[region] * shares[region]) + circle.start
        for region, circle in enumerate(block.circles)
        if shares[region]
    ]
    people = np.concatenate([np.zeros(0, np.int64), *who])
    wait_us = rng.uniform(model.reconnect_s / 2, model.reconnect_s, len(people)) * 1e6
    return Sessions(people, wait_us.astype(np.int64))


def send(
    rng: np.random.Generator,
    model: Model,
    block: Block,
    begun: Sessions,
    sent: Sends,
    talks: Talks,
    online: Floats,
    work: Work,
    load: Load,
) -> None:
    """What is sent (`online`: by region, the share of people who are), and what becomes of it."""
    session, at_us = sent.session, sent.at_us
    who = begun.who[session]
    regions, chat, home = block.regions(who), talks.partition[session], block.homes[who]
    edge = work.edges(rng, regions)
    load.tell(regions, "sends")
    load.tell(regions[talks.is_group[session] == 1], "group_sends")
    load.tell(regions[talks.is_group[session] == 0], "private_sends")
    work.frame(Frame.IN, edge, at_us)
    work.frame(Frame.OUT, edge, at_us)
    work.turn(Turn.CHAT_SEND, chat, at_us)
    work.turn(Turn.USER_MESSAGE, home, at_us)
    work.message(chat, home, at_us, regions)
    _text(rng, model, regions, load)

    which, member = _deliveries(talks, session, len(begun.who))
    to_regions, to_home, to_us = block.regions(member), block.homes[member], at_us[which]
    load.tell(to_regions, "deliveries")
    work.turn(Turn.USER_MESSAGE, to_home, to_us)
    work.message(chat[which], to_home, to_us, regions[which])
    for file in model.files:
        _media(rng, model, file, regions, which, to_regions, at_us, work, load)

    to_edge = work.edges(rng, to_regions)
    up = np.flatnonzero(rng.random(len(which)) < online[to_regions])
    load.tell(to_regions[up], "pushes")
    work.frame(Frame.OUT, to_edge[up], to_us[up])
    work.confirmed(to_home[up], to_edge[up], to_us[up] + ACK_US)
    work.turn(Turn.CHAT_DELIVERED, chat[which[up]], to_us[up] + ACK_US)
    work.message(to_home[up], chat[which[up]], to_us[up] + ACK_US, to_regions[up])
    # Who sent it confirms it, is told once that it was delivered, and confirms that.
    work.confirmed(home, edge, at_us + ACK_US)
    first = np.unique(which[up])
    marked_us = at_us[first] + ACK_US
    work.turn(Turn.USER_MARKS, home[first], marked_us)
    work.message(chat[first], home[first], marked_us, regions[first])
    work.frame(Frame.OUT, edge[first], marked_us)
    work.confirmed(home[first], edge[first], marked_us + ACK_US)

    _read(rng, model, block, begun, talks, work)
    _type(rng, model, block, sent, talks, online, which, member, work)
    _follow(block, sent, talks, begun, edge, which, member, to_edge, load)


def _deliveries(talks: Talks, session: Ints, sessions_count: int) -> tuple[Ints, Ints]:
    """For everybody who gets a send: which one, and who."""
    by_session = np.argsort(talks.which, kind="stable")
    count = np.bincount(talks.which, minlength=sessions_count)
    begins = np.cumsum(count) - count
    each = count[session]
    send = np.repeat(np.arange(len(session)), each)
    before = np.cumsum(each) - each
    within = np.arange(len(send)) - before[send]
    return send, talks.members[by_session[begins[session[send]] + within]]


def _text(rng: np.random.Generator, model: Model, regions: Ints, load: Load) -> None:
    sigma = model.text_sigma
    sizes = rng.lognormal(np.log(model.text_bytes) - sigma * sigma / 2, sigma, len(regions))
    load.tell(regions, "text_bytes", sizes.astype(np.int64))


def _media(
    rng: np.random.Generator,
    model: Model,
    file: File,
    regions: Ints,
    send: Ints,
    to_regions: Ints,
    at_us: Ints,
    work: Work,
    load: Load,
) -> None:
    """Which sends have a file of this kind: it is stored by some media actors, and some of those
    who get it fetch it from one of them."""
    with_file = np.flatnonzero(rng.random(len(regions)) < file.share)
    sigma = file.sigma
    drawn = rng.lognormal(np.log(file.mean_bytes) - sigma * sigma / 2, sigma, len(with_file))
    size = np.zeros(len(regions), np.int64)
    size[with_file] = drawn.astype(np.int64)
    load.tell(regions[with_file], "media_files")
    load.tell(regions[with_file], "media_bytes", size[with_file])
    for _ in range(model.layout.copies):
        work.bytes(rng, with_file, size, regions, at_us, model.prices.media_in_ns_per_kb)
    fetched = np.flatnonzero((size[send] > 0) & (rng.random(len(send)) < file.fetched))
    load.tell(to_regions[fetched], "fetched_bytes", size[send[fetched]])
    work.bytes(rng, send[fetched], size, regions, at_us, model.prices.media_out_ns_per_kb)


def _read(
    rng: np.random.Generator, model: Model, block: Block, begun: Sessions, talks: Talks, work: Work
) -> None:
    """Chats are looked at: any that people have, not only those that they write in."""
    reader = np.repeat(np.arange(len(begun.who)), rng.poisson(model.chats.opened, len(begun.who)))
    if not len(reader):
        return
    chat = talks.partition[rng.integers(0, len(talks.partition), len(reader))]
    home, regions = block.homes[begun.who[reader]], block.regions(begun.who[reader])
    other = block.homes[rng.integers(0, block.size, len(reader))]
    spread_us = (rng.random(len(reader)) * model.habits.session_s * 1e6).astype(np.int64)
    at_us = begun.at_us[reader] + spread_us
    edge = work.edges(rng, regions)
    for turn in (Turn.READ_HISTORY, Turn.CHAT_READ):
        work.frame(Frame.IN, edge, at_us)
        work.frame(Frame.OUT, edge, at_us)
        work.turn(turn, chat, at_us)
    for told in (home, other):
        work.turn(Turn.USER_MARKS, told, at_us)
        work.message(chat, told, at_us, regions)
    work.confirmed(home, edge, at_us + ACK_US)


def _type(
    rng: np.random.Generator,
    model: Model,
    block: Block,
    sent: Sends,
    talks: Talks,
    online: Floats,
    send: Ints,
    member: Ints,
    work: Work,
) -> None:
    """Who writes tells so a moment before, and those who are there see it."""
    typed = rng.random(len(sent.session)) < model.chats.typing
    before_us = sent.at_us - 2_000_000
    work.turn(Turn.CHAT_TYPING, talks.partition[sent.session[typed]], before_us[typed])
    seen = np.flatnonzero(typed[send])
    regions = block.regions(member[seen])
    work.turn(Turn.USER_SHOW, block.homes[member[seen]], before_us[send[seen]])
    up = rng.random(len(seen)) < online[regions]
    work.frame(Frame.OUT, work.edges(rng, regions[up]), before_us[send[seen[up]]])


def _follow(
    block: Block,
    sent: Sends,
    talks: Talks,
    begun: Sessions,
    edge: Ints,
    send: Ints,
    member: Ints,
    to_edge: Ints,
    load: Load,
) -> None:
    """Note some deliveries, at even distances, to be followed."""
    if not len(send):
        return
    some = np.linspace(0, len(send) - 1, min(SAMPLES, len(send))).astype(np.int64)
    which, other = send[some], member[some]
    who = begun.who[sent.session[which]]
    host_of = load.layout.host_of
    load.samples.append(
        Samples(
            sent.at_us[which] // BIN_US,
            edge[which],
            host_of[talks.partition[sent.session[which]]],
            host_of[block.homes[who]],
            host_of[block.homes[other]],
            to_edge[some],
            block.regions(who),
            block.regions(other),
        )
    )
