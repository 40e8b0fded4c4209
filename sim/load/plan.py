"""What a run does: the `[load]` table of a scenario, which the options of the command line also
come to. Pure.

Every user is in one chat. A chat of two who both write is a private one; any other is a group, in
which the first members write and the others listen. Those who do not write, idle connections among
them, are the ones that go away and come back, by churn and in storms: whoever writes stays, so that
what the others do to them is measured, and not their own absence.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

from api import limits

CHATS_MAX = 10_000
USERS_MAX = 100_000
WRITERS_MAX = 65_536
"""Their texts begin with their number in four hexadecimal digits."""
WINDOW = 8
WINDOW_MAX = limits.REQUESTS_IN_FLIGHT_PER_CONNECTION_MAX - 4
RATE_MAX = 1_000_000
SECONDS_MAX = 7 * 24 * 3600
PROCESSES_MAX = 64
FILE_BYTES_MAX = 64 * 1024 * 1024
"""Files are made, and looked at again, in memory."""
SHARES_ERROR = 1e-6

Seconds = Annotated[float, Meta(ge=0, le=SECONDS_MAX)]
Some = Annotated[float, Meta(gt=0, le=SECONDS_MAX)]
Rate = Annotated[float, Meta(gt=0, le=RATE_MAX)]
Share = Annotated[float, Meta(ge=0, le=1)]
Say = Callable[[str], None]


class Account(Struct, frozen=True):
    user_id: int
    token: str


class Table(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A table of a scenario."""


class Chats(Table, frozen=True):
    """`count` chats of `size` members, of whom `senders` write. `share`: of all messages."""

    count: Annotated[int, Meta(ge=1, le=CHATS_MAX)]
    size: Annotated[int, Meta(ge=2, le=limits.GROUP_MEMBERS_MAX)] = 2
    senders: Annotated[int, Meta(ge=1, le=limits.GROUP_MEMBERS_MAX)] | None = None
    share: Share | None = None

    def __post_init__(self) -> None:
        if self.writers > self.size:
            raise ValueError(f"senders: at most all {self.size} members write")

    @property
    def writers(self) -> int:
        return self.senders or (2 if self.size == 2 else 1)

    @property
    def private(self) -> bool:
        return self.size == self.writers == 2

    @property
    def users(self) -> int:
        return self.count * self.size


class File(Table, frozen=True):
    """A sort of files. `share`: of all messages have one; `download`: of those who receive one
    fetch it."""

    bytes: Annotated[int, Meta(ge=16, le=FILE_BYTES_MAX)]
    share: Share
    download: Share = 1.0


class Churn(Table, frozen=True):
    """`per_s` connections a second are closed, and come back after `away_s` on average."""

    per_s: Rate
    away_s: Seconds = 1.0


class Storm(Table, frozen=True):
    """At `at_s` so many connections are lost at once, and come back within `spread_s`; with 0 all
    at once."""

    at_s: Seconds
    connections: Annotated[int, Meta(ge=1, le=USERS_MAX)]
    spread_s: Seconds = 0.0


class Backoff(Table, frozen=True):
    """Who can't connect waits for `first_s`, then for twice as long, up to `max_s`; each time
    between half and one and a half of it, by chance."""

    first_s: Some = 0.05
    max_s: Some = 2.0

    def __post_init__(self) -> None:
        if self.max_s < self.first_s:
            raise ValueError("max_s: at least first_s")


class Plan(Table, frozen=True):
    """With a `rate` (messages a second over all chats) a run is an open loop: messages leave when
    they are due, whatever the answers do, evenly or as chance has it (`poisson`), `burst` of them
    at once. Without one, each chat has `window` messages under way. `idle`: connections that do
    nothing. `abort_below`: per cent of success at which it ends early."""

    chats: tuple[Chats, ...] = ()
    seconds: Some = 10.0
    window: Annotated[int, Meta(ge=1, le=WINDOW_MAX)] | None = None
    rate: Rate | None = None
    arrivals: Literal["even", "poisson"] = "even"
    burst: Annotated[int, Meta(ge=1, le=10_000)] = 1
    files: tuple[File, ...] = ()
    idle: Annotated[int, Meta(ge=0, le=USERS_MAX)] = 0
    churn: Churn | None = None
    storms: tuple[Storm, ...] = ()
    backoff: Backoff = Backoff()
    processes: Annotated[int, Meta(ge=1, le=PROCESSES_MAX)] = 1
    abort_below: Annotated[float, Meta(ge=0, le=100)] = 0.0
    seed: Annotated[int, Meta(ge=0, le=limits.JSON_INT_MAX)] = 1
    verify: bool = True

    def __post_init__(self) -> None:
        self._check_size()
        self._check_loop()
        if (sent := sum(file.share for file in self.files)) > 1 + SHARES_ERROR:
            raise ValueError(f"files: their shares sum to {sent:g}; at most 1 is allowed")
        for number, storm in enumerate(self.storms):
            if storm.at_s >= self.seconds:
                raise ValueError(f"storms[{number}].at_s: below seconds, {self.seconds:g}")
            if storm.connections > self.listeners:
                raise ValueError(
                    f"storms[{number}].connections: at most the {self.listeners} that do not write"
                )
        if self.churn is not None and not self.listeners:
            raise ValueError("churn: only those who do not write go away, and here all write")

    def _check_size(self) -> None:
        if not self.chats and not self.idle:
            raise ValueError("chats: there is nobody; there must be chats, or idle connections")
        if self.users > USERS_MAX:
            raise ValueError(f"chats: {self.users:,} users; at most {USERS_MAX:,} are allowed")
        if self.writers > WRITERS_MAX:
            raise ValueError(f"chats: {self.writers:,} write; at most {WRITERS_MAX:,} are allowed")

    def _check_loop(self) -> None:
        if self.rate is None:
            if any(each.share is not None for each in self.chats):
                raise ValueError("chats: shares are of a rate, and there is none")
            if self.arrivals != "even" or self.burst != 1:
                raise ValueError("arrivals: how messages arrive is said of a rate; there is none")
            return
        if self.window is not None:
            raise ValueError("window: there is either a window or a rate")
        if not self.chats:
            raise ValueError("rate: there are no chats to send to")
        shares = [each.share for each in self.chats]
        if len(shares) == 1 and shares[0] is None:
            return
        if None in shares:
            raise ValueError("chats: each needs its share of the rate")
        if abs((total := sum(filter(None, shares))) - 1) > SHARES_ERROR:
            raise ValueError(f"chats: their shares sum to {total:g}; they must sum to 1")

    @property
    def users(self) -> int:
        """Those in chats."""
        return sum(each.users for each in self.chats)

    @property
    def writers(self) -> int:
        return sum(each.count * each.writers for each in self.chats)

    @property
    def listeners(self) -> int:
        """Connections that may go away: of those who do not write."""
        return self.users - self.writers + self.idle

    @property
    def accounts(self) -> int:
        """Users that are needed: idle connections share sessions."""
        return self.users + -(-self.idle // limits.CONNECTIONS_PER_SESSION_MAX)

    @property
    def fanout(self) -> int:
        """The size of the group, where there is nothing else; 0 otherwise."""
        alone = len(self.chats) == 1 and self.chats[0].count == 1 and not self.chats[0].private
        return self.chats[0].size if alone else 0

    @property
    def has_floor(self) -> bool:
        """Whether the bare floor can do the like: one kind of chats, and only texts."""
        alone = len(self.chats) == 1 and (self.chats[0].private or self.fanout > 0)
        return alone and not self.files

    @property
    def slots(self) -> int:
        """The window, where there is no rate."""
        return self.window or WINDOW

    def rate_of(self, chats: Chats) -> float:
        return (self.rate or 0.0) * (1.0 if chats.share is None else chats.share)


def shared_out(plan: Plan, processes: int) -> list[Plan]:
    """The plan cut into at most so many, which together are it."""
    parts: list[Plan] = []
    before = 0
    for place in range(processes):
        idle = _part(plan.idle, place, processes)
        counts = [_part(each.count, place, processes) for each in plan.chats]
        if not idle and not any(counts):
            continue
        own = [(each, n) for each, n in zip(plan.chats, counts, strict=True) if n]
        rates = [plan.rate_of(each) * n / each.count for each, n in own]
        rate = math.fsum(rates)
        after = before + idle + sum(n * (each.size - each.writers) for each, n in own)
        parts.append(
            replace(
                plan,
                chats=tuple(
                    replace(each, count=n, share=share / rate if rate else None)
                    for (each, n), share in zip(own, rates, strict=True)
                ),
                rate=rate or None,
                idle=idle,
                churn=_churn(plan, after - before),
                storms=tuple(_storm(storm, before, after, plan.listeners) for storm in plan.storms),
                seed=plan.seed + place,
            )
        )
        before = after
    return parts


def _part(count: int, place: int, processes: int) -> int:
    return count // processes + (place < count % processes)


def _churn(plan: Plan, listeners: int) -> Churn | None:
    if plan.churn is None or not listeners:
        return None
    return replace(plan.churn, per_s=plan.churn.per_s * listeners / plan.listeners)


def _storm(storm: Storm, before: int, after: int, listeners: int) -> Storm:
    """What of a storm falls on the listeners from number `before` to `after` of all."""
    some = storm.connections
    return replace(storm, connections=some * after // listeners - some * before // listeners)
