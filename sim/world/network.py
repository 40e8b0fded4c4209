"""The simulated network between named processes: calls, as Ray carries them between processes.

A message takes its own time, so that a later one may overtake it. Between two names, in one
direction, the way may be *cut* or *lossy*. What is sent into a cut is lost, or waits and arrives
when the cut is mended; the caller, who cannot tell which, sees an error in the end. The callee may
have done what was asked.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from api.errors import ApiError
from sim.world.loop import Loop
from sim.world.process import Process
from sim.world.trace import Trace

NEAR_S_MIN, NEAR_S_MAX = 0.0002, 0.002
FAR_P, FAR_S_MAX = 0.04, 0.08
GIVEN_UP_S_MAX = 4.0
NOTICED_S_MAX = 0.3

Way = tuple[str, str]
"""From a name to a name."""


class NetworkError(ConnectionError):
    """A call failed on its way. `maybe_done`: it may have been carried out."""

    def __init__(self, what: str, maybe_done: bool = True) -> None:
        super().__init__(what)
        self.maybe_done = maybe_done


class Call:
    """A call on its way. The caller waits for `future`."""

    __slots__ = ("arguments", "caller", "future", "method", "name")

    def __init__(
        self,
        caller: Process,
        name: str,
        method: str,
        arguments: tuple[Any, ...],
        future: asyncio.Future[Any],
    ) -> None:
        self.caller = caller
        self.name = name
        self.method = method
        self.arguments = arguments
        self.future = future


class Network:
    """See the module. `find(name)` gives the live process of a name, or None."""

    def __init__(
        self,
        loop: Loop,
        rng: random.Random,
        trace: Trace,
        find: Callable[[str], Process | None],
    ) -> None:
        self.loop = loop
        self.rng = rng
        self.trace = trace
        self.find = find
        self.loss: dict[Way, float] = {}
        self.slow: dict[Way, float] = {}
        self.happened: Counter[str] = Counter()
        self._cuts: Counter[Way] = Counter()
        self._waiting: dict[Way, list[Callable[[], None]]] = {}

    # --- ways ---------------------------------------------------------------------------------

    def cut(self, way: Way) -> None:
        """Nothing passes until it is mended as often as it was cut."""
        self._cuts[way] += 1

    def mend(self, way: Way) -> None:
        self._cuts[way] -= 1
        if not self._cuts[way]:
            del self._cuts[way]
            for arrive in self._waiting.pop(way, []):
                self.loop.outside(self.delay_s(way), arrive)

    def is_cut(self, way: Way) -> bool:
        return way in self._cuts

    def when_open(self, way: Way, arrive: Callable[[], None]) -> None:
        """Call `arrive` some time after the way was mended."""
        self._waiting.setdefault(way, []).append(arrive)

    def delay_s(self, way: Way) -> float:
        """How long the next message takes."""
        rng = self.rng
        delay_s = rng.uniform(NEAR_S_MIN, NEAR_S_MAX)
        if rng.random() < FAR_P:
            delay_s += rng.random() * FAR_S_MAX
        return delay_s * self.slow.get(way, 1.0)

    def is_lost(self, way: Way) -> bool:
        """Whether a lossy way loses the next message."""
        loss = self.loss.get(way)
        return loss is not None and self.rng.random() < loss

    # --- calls --------------------------------------------------------------------------------

    async def call(self, caller: Process, name: str, method: str, *arguments: Any) -> Any:
        """Call a method of the service of the process of that name. Raises what it raises, and
        `NetworkError`."""
        call = Call(caller, name, method, arguments, self.loop.create_future())
        self._carry((caller.name, name), call, lambda: self._arrive(call))
        return await call.future

    def _carry(self, way: Way, call: Call, arrive: Callable[[], None]) -> None:
        """Bring one leg of a call to its end, or not."""
        if self.is_cut(way) or self.is_lost(way):
            self.trace.note(way[0], f"{call.method} to {way[1]} does not get through")
            self.happened["call cut off" if self.is_cut(way) else "call lost"] += 1
            if self.is_cut(way) and self.rng.random() < 0.5:
                self.happened["call held up"] += 1
                self.when_open(way, arrive)
            self._fail(call, self.rng.random() * GIVEN_UP_S_MAX, f"{way[1]} does not answer")
        else:
            self.loop.outside(self.delay_s(way), arrive)

    def _arrive(self, call: Call) -> None:
        self.trace.mark(call.caller.name, f"{call.method} reaches {call.name}")
        process = self.find(call.name)
        if process is None or process.service is None:
            delay_s = self.delay_s((call.name, call.caller.name))
            self._fail(call, delay_s, f"{call.name} is down", maybe_done=False)
        else:
            process.endings[call] = lambda: self._fail(
                call, self.rng.random() * NOTICED_S_MAX, f"{call.name} died"
            )
            process.spawn(self._serve(call, process))

    async def _serve(self, call: Call, process: Process) -> None:
        result: Any = None
        error: Exception | None = None
        try:
            result = await getattr(process.service, call.method)(*call.arguments)
        except Exception as raised:
            error = raised
            if not isinstance(raised, ApiError):
                self.trace.note(call.name, f"{call.method} raises {raised!r}")
        del process.endings[call]
        back = (call.name, call.caller.name)
        self._carry(back, call, lambda: self._answer(call, result, error))

    def _answer(self, call: Call, result: Any, error: Exception | None) -> None:
        if call.caller.over or call.future.done():
            return
        self.trace.mark(call.name, f"{call.method} answers {call.caller.name}")
        if error is not None:
            call.future.set_exception(error)
        else:
            call.future.set_result(result)

    def _fail(self, call: Call, after_s: float, what: str, maybe_done: bool = True) -> None:
        self.loop.outside(
            after_s, self._answer, call, None, NetworkError(what, maybe_done=maybe_done)
        )
