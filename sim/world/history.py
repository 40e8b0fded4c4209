"""What users did and saw in a run, for the checkers to judge.

Everything carries simulated times: what was answered before something else began must be seen by
it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from api import types as t
from api.methods import Params


@dataclass
class Op:
    """A call by a user, with all its repetitions. `ended_s` stays infinite where no answer came: it
    may have been carried out at any time. `refused` is the code of a refusal, which says nothing
    about attempts before the last one."""

    number: int
    user_id: int
    device: str
    params: Params
    began_s: float
    ended_s: float = math.inf
    result: Any = None
    refused: str = ""

    @property
    def answered(self) -> bool:
        """It was carried out, and that was told."""
        return self.result is not None

    def __str__(self) -> str:
        return f"{self.device} {self.params}"


@dataclass
class DeviceLife:
    """What a device handed to its application from one start to its end, after `pts`."""

    pts: int
    updates: list[Any] = field(default_factory=list)


@dataclass
class Device:
    """What a device showed, life by life."""

    name: str
    user_id: int
    lives: list[DeviceLife] = field(default_factory=list)
    resyncs: int = 0
    logged_out: str = ""
    """Why its login is not valid any more; nobody ends one."""

    def begin(self, pts: int) -> DeviceLife:
        life = DeviceLife(pts)
        self.lives.append(life)
        return life

    @property
    def pts(self) -> int:
        """How far it is."""
        last = self.lives[-1]
        return last.pts + len(last.updates)


@dataclass
class History:
    """See the module. `clock` gives simulated seconds."""

    clock: Callable[[], float]
    ops: list[Op] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)

    def device(self, name: str, user_id: int) -> Device:
        """The record of a new device."""
        device = Device(name, user_id)
        self.devices.append(device)
        return device

    def begin(self, user_id: int, device: str, params: Params) -> Op:
        op = Op(len(self.ops), user_id, device, params, self.clock())
        self.ops.append(op)
        return op

    def answer(self, op: Op, result: Any) -> None:
        op.ended_s, op.result = self.clock(), result

    def refuse(self, op: Op, code: str) -> None:
        op.ended_s, op.refused = self.clock(), code

    def of(self, *kinds: type[Params]) -> list[Op]:
        """The calls of some methods."""
        return [op for op in self.ops if isinstance(op.params, kinds)]

    def sightings(self) -> list[tuple[int, t.Message]]:
        """Every message that a user was shown during the run, and to whom."""
        seen: list[tuple[int, t.Message]] = []
        for op in self.ops:
            if isinstance(op.result, t.History):
                seen += [(op.user_id, message) for message in op.result.messages]
        for device in self.devices:
            for life in device.lives:
                seen += [
                    (device.user_id, update.message)
                    for update in life.updates
                    if isinstance(update, t.MessageNew | t.MessageEdited)
                ]
        return seen
