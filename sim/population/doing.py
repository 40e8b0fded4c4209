"""A slot of a block of people: from what they do to what each station has to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim.population import chats, partitions
from sim.population.arrays import Bools, Ints
from sim.population.chats import Order
from sim.population.fanout import Frame, Turn
from sim.population.load import Load, Samples, Work
from sim.population.model import File, Model
from sim.population.partitions import Partitions
from sim.population.people import Sends, Sessions, each_of, log_normal, sends, sessions, stream
from sim.population.slot import DAY_MINUTES

TYPED_US = 2_000_000
ACK_US = 300_000
"""A device confirms what it got after a quarter of a second (`heliograph.Timeouts.ack_s`)."""
SAMPLES = 256
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
        self.homes = model.layout.settle(hashed, lambda: self.regions(np.arange(self.size)))

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


class Doing:
    """What a block's people do in a slot, which adds to a load."""

    def __init__(self, model: Model, block: Block, load: Load) -> None:
        self.model = model
        self.block = block
        self.load = load
        self.slot = slot = load.slot
        self.rng = stream(model.seed, block.block, slot.minute, slot.number)
        self.work = Work(model, load)
        self.online = np.array([shares[slot.of_day] for shares in model.connected])
        """By region, the share of people who are connected."""

    def run(self) -> None:
        """All that its people do."""
        model, rng = self.model, self.rng
        factor = model.factors[self.slot.minute // DAY_MINUTES % len(model.factors)]
        cohorts = model.cohorts(self.block.size)
        begun = sessions(rng, cohorts, model.habits, self.slot, factor)
        sent = sends(rng, begun, model.habits, self.slot)
        self.come_and_go(begun)
        self.come(self.returning())
        # Who writes nothing needs no chat to write in.
        writing, session = np.unique(sent.session, return_inverse=True)
        writers = Sessions(begun.who[writing], begun.at_us[writing])
        talks = _talks(rng, model, self.block, writers)
        self.send(writers, Sends(session, sent.at_us), talks)
        self.read(begun, talks)

    # --- to come and go -----------------------------------------------------------------------

    def come_and_go(self, begun: Sessions) -> None:
        """People connect and catch up, and are gone after a while."""
        self.come(begun)
        stay_s = self.rng.exponential(self.model.habits.session_s, len(begun.who))
        gone = self.slot.bins_of(begun.at_us + (stay_s * 1e6).astype(np.int64))
        home, work = self.block.homes[begun.who], self.work
        work.turns((Turn.SESSION_DETACH, Turn.USER_OFFLINE), home, gone, work.shown_ns)
        self.load.show(gone, self.model.chats.contacts)

    def come(self, begun: Sessions) -> None:
        """Devices connect, and ask what they have missed."""
        home, regions = self.block.homes[begun.who], self.block.regions(begun.who)
        bins, work = self.slot.bins_of(begun.at_us), self.work
        self.load.tell(regions, "opens")
        work.frames((Frame.OPEN,), work.edges(self.rng, regions), bins)
        work.turns((Turn.SESSION_ATTACH, Turn.USER_ONLINE), home, bins, work.shown_ns)
        asked = self.rng.random(len(home)) >= self.model.cached
        work.turns((Turn.READ_DIFFERENCE,), home[asked], bins[asked])
        self.load.show(bins, self.model.chats.contacts)

    def returning(self) -> Sessions:
        """Who has lost their connection at the beginning of a minute, and comes back now."""
        rng, wait_us = self.rng, self.model.reconnect_s * 1e6
        nobody = np.zeros(0, np.int64)
        who, at_us = [nobody], [nobody]
        for minute, shares in self.model.broken.items():
            begin_us, end_us = self.slot.part_of(minute, wait_us / 2, wait_us)
            if end_us <= begin_us:
                continue
            back = self.online * shares * (end_us - begin_us) / (wait_us / 2)
            for circle, share in zip(self.block.circles, back, strict=True):
                found = np.flatnonzero(rng.random(len(circle)) < share) + circle.start
                who.append(found)
                at_us.append(rng.uniform(begin_us, end_us, len(found)).astype(np.int64))
        return Sessions(np.concatenate(who), np.concatenate(at_us))

    # --- to write -----------------------------------------------------------------------------

    def send(self, begun: Sessions, sent: Sends, talks: Talks) -> None:
        """What is sent, and what becomes of it. `begun`: sessions in which something is."""
        block, load, work = self.block, self.load, self.work
        who, bins = begun.who[sent.session], self.slot.bins_of(sent.at_us)
        regions, chat = block.regions(who), talks.partition[sent.session]
        home, edge = block.homes[who], work.edges(self.rng, regions)
        load.tell(regions, "sends")
        in_group = talks.is_group[sent.session] == 1
        load.tell(regions[in_group], "group_sends")
        load.tell(regions[~in_group], "private_sends")
        which, member = _deliveries(talks, sent.session, len(begun.who))
        to_regions = block.regions(member)
        load.tell(to_regions, "deliveries")
        self._text(regions)
        for file in self.model.files:
            self._file(file, regions, which, to_regions, bins)

        to_home = block.homes[member]
        own = work.away(chat, home, regions)
        others = work.away(chat[which], to_home, regions[which])
        out = np.bincount(which[others], minlength=len(who)) + own
        work.frames((Frame.IN, Frame.OUT), edge, bins)
        work.turns((Turn.CHAT_SEND,), chat, bins, out * work.out_ns)
        work.turns((Turn.USER_MESSAGE,), home, bins, own * work.in_ns)
        work.turns((Turn.USER_MESSAGE,), to_home, bins[which], others * work.in_ns)
        to_edge = self._deliver(chat, which, to_home, bins, to_regions)
        self._told(home, chat, edge, bins, regions, to_edge >= 0, which)
        self._type(chat, which, to_home, bins, to_regions)
        self._follow(begun, sent, talks, edge, which, member, to_edge)

    def _deliver(
        self, chat: Partitions, which: Ints, to_home: Partitions, bins: Ints, to_regions: Ints
    ) -> Ints:
        """To those who are connected, whose devices confirm it. Returns the edge of each, -1 for
        who is not."""
        up = np.flatnonzero(self.rng.random(len(which)) < self.online[to_regions])
        edge = self.work.edges(self.rng, to_regions[up])
        send, home, work = which[up], to_home[up], self.work
        sent, to_chat = bins[send], chat[send]
        acked = self.slot.later(sent, ACK_US)
        self.load.tell(to_regions[up], "pushes")
        work.frames((Frame.OUT,), edge, sent)
        away = work.away(home, to_chat, to_regions[up])
        work.confirmed(home, edge, acked, away * work.out_ns)
        work.turns((Turn.CHAT_DELIVERED,), to_chat, acked, away * work.in_ns)
        found = np.full(len(which), -1)
        found[up] = edge
        return found

    def _told(
        self,
        home: Partitions,
        chat: Partitions,
        edge: Ints,
        bins: Ints,
        regions: Ints,
        up: Bools,
        which: Ints,
    ) -> None:
        """Who has sent something confirms it, is told once that it was delivered, and confirms
        that."""
        work = self.work
        acked = self.slot.later(bins, ACK_US)
        work.confirmed(home, edge, acked)
        reached = np.zeros(len(bins), bool)
        reached[which[up]] = True
        first = np.flatnonzero(reached)
        marked = acked[first]
        away = work.away(chat[first], home[first], regions[first])
        # (The chat's turn was paid for; this is what it sends on.)
        work.turns((Turn.USER_MARKS,), home[first], marked, away * (work.in_ns + work.out_ns))
        work.frames((Frame.OUT,), edge[first], marked)
        work.confirmed(home[first], edge[first], self.slot.later(marked, ACK_US))

    def _text(self, regions: Ints) -> None:
        sizes = log_normal(self.rng, self.model.text_bytes, self.model.text_sigma, len(regions))
        self.load.tell(regions, "text_bytes", sizes.astype(np.int64))

    def _file(self, file: File, regions: Ints, which: Ints, to_regions: Ints, bins: Ints) -> None:
        """Which sends have a file of this kind: it is stored by some media actors, and some of
        those who get it fetch it from one of them."""
        rng, prices = self.rng, self.model.prices
        with_file = np.flatnonzero(rng.random(len(regions)) < file.share)
        drawn = log_normal(rng, file.mean_bytes, file.sigma, len(with_file))
        size = np.zeros(len(regions), np.int64)
        size[with_file] = drawn.astype(np.int64)
        where, when = regions[with_file], bins[with_file]
        self.load.tell(where, "media_files")
        self.load.tell(where, "media_bytes", size[with_file])
        for _ in range(self.model.layout.copies):
            cost_ns = prices.media_in_ns + size[with_file] * prices.media_in_ns_per_kb // 1_000
            self.work.files(rng, where, when, cost_ns)
        has_file = np.zeros(len(regions), bool)
        has_file[with_file] = True
        got = np.flatnonzero(has_file[which])
        fetched = got[rng.random(len(got)) < file.fetched]
        send = which[fetched]
        self.load.tell(to_regions[fetched], "fetched_bytes", size[send])
        cost_ns = prices.media_out_ns + size[send] * prices.media_out_ns_per_kb // 1_000
        self.work.files(rng, regions[send], bins[send], cost_ns)

    def _type(
        self, chat: Partitions, which: Ints, to_home: Partitions, bins: Ints, to_regions: Ints
    ) -> None:
        """Who writes tells so a moment before, and those who are there see it."""
        typed = self.rng.random(len(chat)) < self.model.chats.typing
        before, work = self.slot.later(bins, -TYPED_US), self.work
        work.turns((Turn.CHAT_TYPING,), chat[typed], before[typed])
        seen = np.flatnonzero(typed[which])
        when, regions = before[which[seen]], to_regions[seen]
        work.turns((Turn.USER_SHOW,), to_home[seen], when)
        up = self.rng.random(len(seen)) < self.online[regions]
        work.frames((Frame.OUT,), work.edges(self.rng, regions[up]), when[up])

    def _follow(
        self,
        begun: Sessions,
        sent: Sends,
        talks: Talks,
        edge: Ints,
        which: Ints,
        member: Ints,
        to_edge: Ints,
    ) -> None:
        """Note some deliveries to people who are connected, at even distances, to be followed."""
        up = np.flatnonzero(to_edge >= 0)
        if not len(up):
            return
        some = up[
            np.linspace(0, len(up) - 1, min(SAMPLES // self.slot.slots, len(up))).astype(np.int64)
        ]
        send, other = which[some], member[some]
        who = begun.who[sent.session[send]]
        host_of = self.load.layout.host_of
        self.load.samples.append(
            Samples(
                self.slot.bins_of(sent.at_us[send]),
                edge[send],
                host_of[talks.partition[sent.session[send]]],
                host_of[self.block.homes[who]],
                host_of[self.block.homes[other]],
                to_edge[some],
                self.block.regions(who),
                self.block.regions(other),
            )
        )

    # --- to read ------------------------------------------------------------------------------

    def read(self, begun: Sessions, talks: Talks) -> None:
        """Chats are looked at: any that people write in, not only by those who write."""
        rng, block, work = self.rng, self.block, self.work
        reads = rng.poisson(self.model.chats.opened, len(begun.who))
        reader, _ = each_of(reads)
        if not len(reader) or not len(talks.partition):
            return
        chat = talks.partition[rng.integers(0, len(talks.partition), len(reader))]
        home, regions = block.homes[begun.who[reader]], block.regions(begun.who[reader])
        other = block.homes[rng.integers(0, block.size, len(reader))]
        spread_us = (rng.random(len(reader)) * self.model.habits.session_s * 1e6).astype(np.int64)
        bins = self.slot.bins_of(begun.at_us[reader] + spread_us)
        edge = work.edges(rng, regions)
        work.frames((Frame.IN, Frame.OUT) * 2, edge, bins)  # the history, and the mark
        asked = rng.random(len(chat)) >= self.model.cached
        work.turns((Turn.READ_HISTORY,), chat[asked], bins[asked])
        away = [work.away(chat, told, regions) for told in (home, other)]
        out = away[0].astype(np.int64) + away[1]
        work.turns((Turn.CHAT_READ,), chat, bins, out * work.out_ns)
        for told, apart in zip((home, other), away, strict=True):
            work.turns((Turn.USER_MARKS,), told, bins, apart * work.in_ns)
        work.confirmed(home, edge, self.slot.later(bins, ACK_US))


def _talks(rng: np.random.Generator, model: Model, block: Block, begun: Sessions) -> Talks:
    """Which chat each session is about."""
    count, habits = len(begun.who), model.chats
    in_group = rng.random(count) >= habits.private
    wide = (rng.random(count) < habits.wide) * WIDE
    rank = np.searchsorted(habits.ranks, rng.random(count), side="right")
    layer = np.where(in_group, GROUPS + rng.integers(0, habits.group_layers, count), rank) + wide
    partition = np.zeros(count, np.uint16)
    nobody = np.zeros(0, np.int64)
    which, members = [nobody], [nobody]
    by_layer = np.argsort(layer, kind="stable")
    layers, firsts, counts = np.unique(layer[by_layer], return_index=True, return_counts=True)
    for number, first, stop in zip(layers, firsts, firsts + counts, strict=True):
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
    return model.layout.settle(hashed, lambda: block.regions(low))


def _group(
    model: Model, block: Block, layer: int, circle: range, found: chats.Groups
) -> Partitions:
    """The number in a group's id is a hash in the real thing; here it says which group it is."""
    distinct, back = np.unique(found.number, return_inverse=True)
    ids = ((block.block * 2 * WIDE + layer) * block.size + circle.start + distinct) * 2 + 1
    hashed = partitions.of_groups(ids, model.layout.partitions)[back]
    region = block.regions(np.array([circle.start]))
    return model.layout.settle(hashed, lambda: np.repeat(region, len(back)))


def _deliveries(talks: Talks, session: Ints, sessions_count: int) -> tuple[Ints, Ints]:
    """For everybody who gets a send: which one, and who."""
    by_session = np.argsort(talks.which, kind="stable")
    count = np.bincount(talks.which, minlength=sessions_count)
    begins = np.cumsum(count) - count
    send, within = each_of(count[session])
    return send, talks.members[by_session[begins[session[send]] + within]]
