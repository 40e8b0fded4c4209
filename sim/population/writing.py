"""What is written in a slot, and what becomes of it.

What is the same for all sends of a session is worked out once: where its chat is, who is in it,
where they live, and who of them has a connection.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.population.arrays import Ints
from sim.population.block import Block
from sim.population.events import Repeated
from sim.population.fanout import Frame, Turn
from sim.population.load import Load, Samples, Work
from sim.population.model import File, Model
from sim.population.partitions import Partitions
from sim.population.people import Sends, Sessions, each_of, log_normal
from sim.population.talks import Talks

TYPED_US = 2_000_000
ACK_US = 300_000
"""A device confirms what it got after a quarter of a second (`heliograph.Timeouts.ack_s`)."""
SAMPLES = 256
"""So many deliveries of a block and minute are followed for their latency."""


@dataclass(frozen=True)
class Writers:
    """Sessions in which something is written, one element each: where who writes lives, and their
    edge; the chat, and how many of its others have a connection (`reached`)."""

    home: Partitions
    region: Ints
    edge: Ints
    chat: Partitions
    others: Ints
    reached: Ints


@dataclass(frozen=True)
class Others:
    """Who is in a chat beside who writes, one element each, chat after chat: the session (`of`, an
    index of `Writers`), and where they live."""

    of: Ints
    home: Partitions
    region: Ints

    def some(self, which: Ints) -> Others:
        return Others(self.of[which], self.home[which], self.region[which])


class Writing:
    """Of a block in a slot, whose `load` it adds to. `begun`: the sessions in which something is
    written; `sent`: what; `talks`: where."""

    def __init__(
        self,
        model: Model,
        block: Block,
        load: Load,
        rng: np.random.Generator,
        begun: Sessions,
        sent: Sends,
        talks: Talks,
    ) -> None:
        self.model, self.load, self.rng = model, load, rng
        self.work = work = Work(model, load)
        self.slot = load.slot
        self.members = members = Others(
            np.repeat(np.arange(len(begun.who)), talks.others),
            block.homes[talks.members],
            block.regions(talks.members),
        )
        up = np.flatnonzero(rng.random(len(members.of)) < load.online[members.region])
        self.up = members.some(up)
        """Those who are connected."""
        self.up_edge = work.edges(rng, self.up.region)
        region = block.regions(begun.who)
        self.writers = Writers(
            block.homes[begun.who],
            region,
            work.edges(rng, region),
            talks.partition,
            talks.others,
            np.bincount(self.up.of, minlength=len(begun.who)),
        )
        self.in_group = talks.in_group
        bins = self.slot.bins_of(sent.at_us)
        self.sends = Repeated.counted(bins, sent.session, len(begun.who))
        self.acked = self.sends.later(self.slot, ACK_US)
        self.pushed = self.sends.to_each(self.writers.reached)

    def run(self) -> None:
        self._send()
        self._deliver()
        self._told()
        self._type()
        self._texts()
        for file in self.model.files:
            self._files(file)
        self._follow()

    def _send(self) -> None:
        """The chat takes it, and all who are in it."""
        work, load, w, members, sends = self.work, self.load, self.writers, self.members, self.sends
        got = sends.to_each(w.others)
        load.tell(w.region, "sends", sends.times)
        load.tell(w.region, "group_sends", sends.times * self.in_group)
        load.tell(w.region, "private_sends", sends.times * ~self.in_group)
        load.tell(members.region, "deliveries", got.times)
        own = work.away(w.chat, w.home, w.region, sends.times)
        away = work.away(w.chat[members.of], members.home, w.region[members.of], got.times)
        out = np.bincount(members.of[away], minlength=len(own)) + own
        work.frames((Frame.IN, Frame.OUT), w.edge, sends)
        work.turns((Turn.CHAT_SEND,), w.chat, sends, out * work.out_ns)
        work.turns((Turn.USER_MESSAGE,), w.home, sends, own * work.in_ns)
        work.turns((Turn.USER_MESSAGE,), members.home, got, away * work.in_ns)

    def _deliver(self) -> None:
        """To those who are connected, whose devices confirm it."""
        work, w, up, pushed = self.work, self.writers, self.up, self.pushed
        self.load.tell(up.region, "pushes", pushed.times)
        work.frames((Frame.OUT,), self.up_edge, pushed)
        away = work.away(up.home, w.chat[up.of], up.region, pushed.times)
        acked = pushed.later(self.slot, ACK_US)
        work.confirmed(up.home, self.up_edge, acked, away * work.out_ns)
        came = np.bincount(up.of[away], minlength=len(w.home))
        work.turns((Turn.CHAT_DELIVERED,), w.chat, self.acked, came * work.in_ns, w.reached)

    def _told(self) -> None:
        """Who has sent something confirms it, is told once that it was delivered, and confirms
        that."""
        work, w, acked = self.work, self.writers, self.acked
        work.confirmed(w.home, w.edge, acked)
        first = acked.some(w.reached[acked.of] > 0)
        away = work.away(w.chat, w.home, w.region, first.times)
        # (The chat's turn was paid for; this is what it sends on.)
        work.turns((Turn.USER_MARKS,), w.home, first, away * (work.in_ns + work.out_ns))
        work.frames((Frame.OUT,), w.edge, first)
        work.confirmed(w.home, w.edge, first.later(self.slot, ACK_US))

    def _type(self) -> None:
        """Who writes tells so a moment before, and those who are there see it."""
        work, w = self.work, self.writers
        before = self.sends.later(self.slot, -TYPED_US)
        typed = before.some(self.rng.random(len(before.bins)) < self.model.chats.typing)
        work.turns((Turn.CHAT_TYPING,), w.chat, typed)
        work.turns((Turn.USER_SHOW,), self.members.home, typed.to_each(w.others))
        work.frames((Frame.OUT,), self.up_edge, typed.to_each(w.reached))

    def _texts(self) -> None:
        regions = self.writers.region[self.sends.of]
        sizes = log_normal(self.rng, self.model.text_bytes, self.model.text_sigma, len(regions))
        self.load.tell(regions, "text_bytes", sizes.astype(np.int64))

    def _files(self, file: File) -> None:
        """Which sends have a file of this kind: it is stored by some media actors, and some of
        those who get it fetch it from one of them."""
        rng, prices, w = self.rng, self.model.prices, self.writers
        has_file = rng.random(len(self.sends.bins)) < file.share
        when, of = self.sends.bins[has_file], self.sends.of[has_file]
        where = w.region[of]
        size = log_normal(rng, file.mean_bytes, file.sigma, len(of)).astype(np.int64)
        self.load.tell(where, "media_files")
        self.load.tell(where, "media_bytes", size)
        cost_ns = prices.media_in_ns + size * prices.media_in_ns_per_kb // 1_000
        for _ in range(self.model.layout.copies):
            self.work.files(rng, where, when, cost_ns)
        which, within = each_of(w.others[of])
        fetched = rng.random(len(which)) < file.fetched
        which, within = which[fetched], within[fetched]
        first = np.cumsum(w.others) - w.others
        member = first[of[which]] + within
        self.load.tell(self.members.region[member], "fetched_bytes", size[which])
        cost_ns = prices.media_out_ns + size * prices.media_out_ns_per_kb // 1_000
        self.work.files(rng, where[which], when[which], cost_ns[which])

    def _follow(self) -> None:
        """Note some deliveries to people who are connected, at even distances, to be followed."""
        w, up, pushed = self.writers, self.up, self.pushed
        count = len(pushed.bins)
        if not count:
            return
        looks = min(SAMPLES // self.slot.slots, count)
        some = np.linspace(0, count - 1, looks).astype(np.int64)
        other = pushed.of[some]
        of = up.of[other]
        host_of = self.load.layout.host_of
        self.load.samples.append(
            Samples(
                pushed.bins[some],
                w.edge[of],
                host_of[w.chat[of]],
                host_of[w.home[of]],
                host_of[up.home[other]],
                self.up_edge[other],
                w.region[of],
                up.region[other],
            )
        )
