"""The way of messages and of connections through one machine: client, edge, host, and back.

A message is a frame of its sender's, a send to the host, and when that is durable a frame to each
who is in the chat; devices confirm what they got four times a second at most, and who wrote it is
told when the first one has. What each takes comes from the calibration.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import cycle
from math import inf

from msgspec import Struct

from api import limits
from sim.load.client import ACK_INTERVAL_S
from sim.load.schedule import TICK_S_MIN
from sim.load.sender import IN_FLIGHT_MAX
from sim.population.calibration import Calibration
from sim.population.fanout import Frame, Turn
from sim.population.queueing.exact import Batch
from sim.population.queueing.parameters import Station
from sim.population.validation.machine import Machine, Process, Then

THREAD_S = 1e-5
"""What Python does not do is about so much at a time."""
CONFIRMED: tuple[Turn, ...] = (Turn.SESSION_ACK, Turn.USER_RECEIVED, Turn.CHAT_DELIVERED)
WARM_SHARE = 0.1
"""So much of the beginning is not counted."""


class Client(Struct, frozen=True):
    """What the load tool takes for a frame, a turn of its loop, and a connection, and the way
    between edge and host, in one direction, in microseconds; `late` and `stall_ms`: see
    `machine.Machine`."""

    frame_us: float
    batch_us: float
    open_us: float
    way_us: float
    late: float = 1.0
    stall_ms: float = 0.0


@dataclass(frozen=True)
class Costs:
    """What everything takes on this machine, in seconds of a core; `call_s`: a call of a host, of
    the loop of the edge; `host_call_s`, `edge_call_s`: of the other threads of these. `host_cores`,
    `edge_cores`: what these use while their loops work, with their other threads."""

    host: Station
    edge: Station
    client: Station
    turns: tuple[float, ...]
    frames: tuple[float, ...]
    open_s: float
    call_s: float
    host_call_s: float
    edge_call_s: float
    rest_cores: float
    cores: int
    host_cores: float = 1.0
    edge_cores: float = 1.0
    late: float = 1.0
    stall_s: float = 0.0

    @staticmethod
    def of(calibration: Calibration, cores: int, client: Client) -> Costs:
        prices = calibration.prices()
        turns = tuple(ns / 1e9 for ns in prices.turns)
        frames = tuple(ns / 1e9 for ns in prices.frames)
        host_s, edge_s = turns[Turn.USER_MESSAGE], frames[Frame.OUT]
        edge = calibration.station(calibration.edge, edge_s, 0.0, 1.0)
        host = calibration.station(calibration.host, host_s, 0.0, 1.0)
        return Costs(
            replace(host, travel_s=client.way_us / 1e6),
            replace(edge, batch_s=0.0),
            Station(client.frame_us / 1e6, batch_s=client.batch_us / 1e6, flying=1),
            turns,
            frames,
            client.open_us / 1e6,
            edge.batch_s,
            calibration.host.beside_batch_us / 1e6,
            calibration.edge.beside_batch_us / 1e6,
            calibration.rest_cores,
            cores,
            1.0 + calibration.host.beside,
            1.0 + calibration.edge.beside,
            client.late,
            client.stall_ms / 1e3,
        )

    def without_batching(self) -> Costs:
        """Each item is a batch of its own, with a commit of its own."""

        def alone(station: Station) -> Station:
            return replace(station, batch_items=1, step_items=1, flying=1)

        return replace(self, host=alone(self.host), edge=alone(self.edge))

    def slowed(self, times: float) -> Costs:
        """On a machine whose cores take so many times as long for everything. Disks and what stands
        still are as they were."""

        def slower(station: Station) -> Station:
            return replace(
                station,
                work_s=station.work_s * times,
                batch_s=station.batch_s * times,
                travel_s=station.travel_s * times,
            )

        return replace(
            self,
            host=slower(self.host),
            edge=slower(self.edge),
            client=slower(self.client),
            turns=tuple(turn_s * times for turn_s in self.turns),
            frames=tuple(frame_s * times for frame_s in self.frames),
            open_s=self.open_s * times,
            call_s=self.call_s * times,
            host_call_s=self.host_call_s * times,
            edge_call_s=self.edge_call_s * times,
            rest_cores=self.rest_cores * times,
        )

    def turn_s(self, *turns: Turn) -> float:
        return sum(self.turns[turn] for turn in turns)


class Asked(Process):
    """A host. Each batch of requests is a call, which takes of other threads and of the edge, too:
    half of it when it is made, and half when the answer comes. What comes of it reaches the edge
    with the answer."""

    def __init__(self, machine: Machine, costs: Costs, edge: Process, seed: int) -> None:
        super().__init__(machine, costs.host, seed, costs.host_cores)
        self._edge = edge
        self._half_s = costs.call_s / 2
        self._ways = [
            (Process(machine, Station(THREAD_S), seed + place), call_s / 2)
            for place, call_s in ((3, costs.edge_call_s), (4, costs.host_call_s))
        ]
        self._durable: list[int] = []

    def _arrive(self, batch: Batch) -> None:
        arrive = partial(super()._arrive, batch)
        self._edge.take(self._half_s, partial(passing, self._ways, arrive))

    def _answer(self, items: list[int]) -> None:
        way_s = self.station.travel_s
        passing(self._ways[::-1], lambda: self._machine.later(way_s, self._answered, items))

    def _land(self, sources: list[int]) -> None:
        self._durable += sources

    def _answered(self, items: list[int]) -> None:
        self._edge.take(self._half_s, nothing)
        super()._answer(items)
        durable, self._durable = self._durable, []
        super()._land(durable)


def passing(ways: Sequence[tuple[Process, float]], then: Then) -> None:
    """Through threads one after the other, each of which takes so much work."""
    if not ways:
        then()
        return
    (thread, work_s), *others = ways
    thread.take(work_s, partial(passing, others, then))


class Town:
    """One machine with a host, an edge and the client of all."""

    def __init__(self, costs: Costs, seed: int) -> None:
        self.costs = costs
        self.machine = Machine(costs.cores, costs.rest_cores, costs.late, costs.stall_s)
        self.edge = Process(self.machine, costs.edge, seed + 1, costs.edge_cores)
        self.host = Asked(self.machine, costs, self.edge, seed)
        self.client = Process(self.machine, costs.client, seed + 2)

    def said(self, then: Then) -> None:
        """A frame of a client's reaches the edge, which asks a host."""
        handle = partial(self.edge.take, self.costs.frames[Frame.IN], then)
        self.client.take(self.costs.client.work_s, handle)

    def told(self, then: Then) -> None:
        """A frame is sent by the edge, and read by a client."""
        read = partial(self.client.take, self.costs.client.work_s, then)
        self.edge.take(self.costs.frames[Frame.OUT], read)


@dataclass
class Member:
    """One of a chat. `left_s`: of those of their messages that wait for their answer."""

    chat: Chat
    got: int = 0
    under_way: int = 0
    waiting: deque[float] = field(default_factory=deque)
    confirmed_s: float = -ACK_INTERVAL_S
    confirms: bool = False


@dataclass
class Chat:
    members: list[Member] = field(default_factory=list)
    sent: int = 0
    told: int = 0
    """Which message is known to have reached somebody."""


@dataclass
class Passed:
    """What came of it: seconds from leaving until it was read, and when each was answered."""

    latency_s: list[float] = field(default_factory=list)
    answered_s: list[float] = field(default_factory=list)


class Talk(Town):
    """Chats of so many members, of whom both write in private chats and else the first; `rate`: of
    all of them together."""

    def __init__(self, costs: Costs, chats: int, size: int, rate: float, seed: int) -> None:
        super().__init__(costs, seed)
        self.passed = Passed()
        self._gap_s = 1 / rate
        self._number = 0
        writers: list[list[Member]] = [[], []]
        for _ in range(chats):
            chat = Chat()
            chat.members = [Member(chat) for _ in range(size)]
            for place in range(2 if size == 2 else 1):
                writers[place].append(chat.members[place])
        self._next = cycle(writers[0] + writers[1]).__next__
        self._send_s = costs.turn_s(Turn.CHAT_SEND, *[Turn.USER_MESSAGE] * size)

    def run(self, seconds: float) -> Passed:
        self._until_s = seconds
        self.machine.later(0.0, self._tick)
        self.machine.run(seconds)
        return self.passed

    def _tick(self, _: object) -> None:
        """All that is due leaves; the client looks every half a millisecond at most."""
        now_s = self.machine.now_s
        while self._number * self._gap_s <= now_s:
            self._number += 1
            self._due(self._next())
        due_s = self._number * self._gap_s
        self.machine.later(max(due_s - now_s, TICK_S_MIN), self._tick)

    def _due(self, sender: Member) -> None:
        if sender.under_way < IN_FLIGHT_MAX:
            self._leave(sender)
        else:
            sender.waiting.append(self.machine.now_s)

    def _leave(self, sender: Member) -> None:
        sender.under_way += 1
        left_s = self.machine.now_s
        self.said(partial(self.host.take, self._send_s, partial(self._sent, sender, left_s)))

    def _sent(self, sender: Member, left_s: float) -> None:
        sender.chat.sent += 1
        self.told(partial(self._answered, sender))
        for member in sender.chat.members:
            if member is not sender:
                self.told(partial(self._received, member, sender.chat.sent, left_s))

    def _answered(self, sender: Member) -> None:
        sender.under_way -= 1
        self.passed.answered_s.append(self.machine.now_s)
        if sender.waiting:
            sender.waiting.popleft()
            self._leave(sender)

    def _received(self, member: Member, number: int, left_s: float) -> None:
        now_s = self.machine.now_s
        if now_s >= WARM_SHARE * self._until_s:
            self.passed.latency_s.append(now_s - left_s)
        member.got = max(member.got, number)
        self._confirm_soon(member)

    def _confirm_soon(self, member: Member) -> None:
        if not member.confirms:
            member.confirms = True
            wait_s = member.confirmed_s + ACK_INTERVAL_S - self.machine.now_s
            self.machine.later(max(0.0, wait_s), self._confirm, member)

    def _confirm(self, member: Member) -> None:
        member.confirms, member.confirmed_s = False, self.machine.now_s
        chat, turns, then = member.chat, CONFIRMED, nothing
        if member.got > chat.told:
            chat.told = member.got
            turns, then = (*CONFIRMED, Turn.USER_MARKS), partial(self._mark, member)
        self.said(partial(self.host.take, self.costs.turn_s(*turns), then))

    def _mark(self, member: Member) -> None:
        """Who wrote it is told that it has reached somebody."""
        first = next(each for each in member.chat.members if each is not member)
        self.told(partial(self._confirm_soon, first))


def nothing() -> None:
    """Nobody waits for it."""


class Storm(Town):
    """So many connections are lost at once, and come back as fast as they can."""

    def run(self, connections: int) -> float:
        """Seconds until the last one is back."""
        self._back_s = 0.0
        costs = self.costs
        gone_s = costs.turn_s(Turn.SESSION_DETACH)
        for number in range(connections):
            self.host.take(gone_s, nothing)
            first = number % limits.CONNECTIONS_PER_SESSION_MAX == 0
            here = (Turn.SESSION_ATTACH, *((Turn.USER_ONLINE,) if first else ()))
            asked = partial(self.host.take, costs.turn_s(*here), self._greet)
            opened = partial(self.edge.take, costs.frames[Frame.OPEN], asked)
            self.client.take(costs.open_s / 2, opened)
        self.machine.run(inf)
        return self._back_s

    def _greet(self) -> None:
        read = partial(self.client.take, self.costs.open_s / 2, self._is_back)
        self.edge.take(self.costs.frames[Frame.OUT], read)

    def _is_back(self) -> None:
        self._back_s = self.machine.now_s
