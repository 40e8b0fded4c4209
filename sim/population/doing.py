"""A slot of a block of people: from what they do to what each station has to do."""

from __future__ import annotations

import numpy as np

from sim.population.block import Block
from sim.population.events import Events
from sim.population.fanout import Frame, Turn
from sim.population.load import Load, Work
from sim.population.model import Model
from sim.population.people import Sends, Sessions, each_of, sends, sessions, stream
from sim.population.slot import DAY_MINUTES
from sim.population.talks import Talks, talks_of
from sim.population.writing import ACK_US, Writing


class Doing:
    """What a block's people do in a slot, which adds to a load."""

    def __init__(self, model: Model, block: Block, load: Load) -> None:
        self.model = model
        self.block = block
        self.load = load
        self.slot = slot = load.slot
        self.rng = stream(model.seed, block.block, slot.minute, slot.number)
        self.work = Work(model, load)

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
        talks = talks_of(rng, model, self.block, writers)
        written = Sends(session, sent.at_us)
        Writing(model, self.block, self.load, rng, writers, written, talks).run()
        self.read(begun, talks)

    # --- to come and go -----------------------------------------------------------------------

    def come_and_go(self, begun: Sessions) -> None:
        """People connect and catch up, and are gone after a while."""
        self.come(begun)
        stay_s = self.rng.exponential(self.model.habits.session_s, len(begun.who))
        gone = Events(self.slot.bins_of(begun.at_us + (stay_s * 1e6).astype(np.int64)))
        home, work = self.block.homes[begun.who], self.work
        work.turns((Turn.SESSION_DETACH, Turn.USER_OFFLINE), home, gone, work.shown_ns)
        self.load.show(gone.bins, self.model.chats.contacts)

    def come(self, begun: Sessions) -> None:
        """Devices connect, and ask what they have missed."""
        home, regions = self.block.homes[begun.who], self.block.regions(begun.who)
        bins, work = self.slot.bins_of(begun.at_us), self.work
        self.load.tell(regions, "opens")
        work.frames((Frame.OPEN,), work.edges(self.rng, regions), Events(bins))
        work.turns((Turn.SESSION_ATTACH, Turn.USER_ONLINE), home, Events(bins), work.shown_ns)
        asked = self.rng.random(len(home)) >= self.model.cached
        work.turns((Turn.READ_DIFFERENCE,), home[asked], Events(bins[asked]))
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
            back = self.load.online * shares * (end_us - begin_us) / (wait_us / 2)
            for circle, share in zip(self.block.circles, back, strict=True):
                found = np.flatnonzero(rng.random(len(circle)) < share) + circle.start
                who.append(found)
                at_us.append(rng.uniform(begin_us, end_us, len(found)).astype(np.int64))
        return Sessions(np.concatenate(who), np.concatenate(at_us))

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
        looks = Events(self.slot.bins_of(begun.at_us[reader] + spread_us))
        edge = work.edges(rng, regions)
        work.frames((Frame.IN, Frame.OUT) * 2, edge, looks)  # the history, and the mark
        asked = rng.random(len(chat)) >= self.model.cached
        work.turns((Turn.READ_HISTORY,), chat[asked], Events(looks.bins[asked]))
        away = [work.away(chat, told, regions) for told in (home, other)]
        out = away[0].astype(np.int64) + away[1]
        work.turns((Turn.CHAT_READ,), chat, looks, out * work.out_ns)
        for told, apart in zip((home, other), away, strict=True):
            work.turns((Turn.USER_MARKS,), told, looks, apart * work.in_ns)
        work.confirmed(home, edge, looks.later(self.slot, ACK_US))
