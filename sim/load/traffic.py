"""What makes messages leave: windows that are kept full, or schedules; and the files with them.

The window counts slots per chat. A slot is taken by sending a message and free again when the
message has been acknowledged to its sender *and* received by all others; the slots are dealt out to
the senders one by one, and each sends again from its own. Where there are fewer slots than senders,
a slot goes from one to the next: one slot in a private chat alternates.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import cycle
from random import Random
from time import monotonic

from sim.load.arrivals import due_times
from sim.load.chats import LoadChat
from sim.load.client import Client
from sim.load.files import Files, Uploaded
from sim.load.meter import Meter
from sim.load.plan import Plan
from sim.load.schedule import Schedule
from sim.load.sender import Sender


class Traffic:
    """The messages of a process. `chats`: for each kind of chats of the plan those of it."""

    def __init__(
        self,
        plan: Plan,
        chats: list[list[LoadChat]],
        files: Files | None,
        meter: Meter,
        chance: Random,
    ) -> None:
        self._plan = plan
        self._chats = chats
        self._files = files
        self._meter = meter
        self._chance = chance
        self._schedules: list[Schedule] = []
        if not plan.rate:
            for chat in (chat for some in chats for chat in some):
                self._close_loop(chat.senders)

    def begin(self, start: float, stop: float) -> None:
        for kind, chats in zip(self._plan.chats, self._chats, strict=True):
            if not self._plan.rate:
                for chat in chats:
                    self._fill(chat.senders)
            elif rate := self._plan.rate_of(kind):
                plan = self._plan
                times = due_times(plan.arrivals, rate, plan.burst, start, self._chance)
                picked = self._picked([chat.senders for chat in chats])
                self._schedules.append(Schedule(times, stop, partial(self._due, picked)))

    def end(self, stop: float) -> None:
        for schedule in self._schedules:
            schedule.close(stop)
        self._schedules.clear()

    def _close_loop(self, senders: list[Sender]) -> None:
        moves = self._plan.slots < len(senders)
        for place, sender in enumerate(senders):
            again = senders[(place + 1) % len(senders)] if moves else sender
            sender.on_free = partial(self._send_again, again)

    def _fill(self, senders: list[Sender]) -> None:
        for slot in range(self._plan.slots):
            now = monotonic()
            self._send(senders[slot % len(senders)], now, now)

    def _send_again(self, sender: Sender) -> None:
        now = monotonic()
        if now < self._meter.stop:
            self._send(sender, now, now)

    def _picked(self, senders: list[list[Sender]]) -> Callable[[], Sender]:
        """Who sends next: one after the other, or whoever it is."""
        places = range(max(map(len, senders)))
        all_of_them = [some[n] for n in places for some in senders if n < len(some)]
        if self._plan.arrivals == "even":
            return cycle(all_of_them).__next__
        return lambda: self._chance.choice(all_of_them)

    def _due(self, picked: Callable[[], Sender], due: float, now: float) -> None:
        self._meter.due += 1
        self._meter.late.append(now - due)
        self._send(picked(), due, now)

    def _send(self, sender: Sender, due: float, now: float) -> None:
        file = self._files and self._files.drawn()
        if not file:
            sender.send(due, now)
            return
        assert self._files is not None
        assert isinstance(sender.line, Client)

        def uploaded(found: Uploaded | None) -> None:
            if found is None:
                sender.free_later()
            elif not sender.stopped:
                sender.send(due, monotonic(), found)

        self._files.upload(file, due, sender.line.token, uploaded)
