"""An event loop in simulated time, without sockets and threads.

Time stands still while anything can run, and jumps to the next timer when nothing can. What runs
belongs to a *life*: a simulated process from its start to its end. A life that is frozen runs
nothing until it thaws, and then all that has come meanwhile; a life that is over never runs again,
not even its `finally` blocks, as a killed process does not.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import warnings
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any, TypeVar, TypeVarTuple

R = TypeVar("R")
Ts = TypeVarTuple("Ts")

CLOSINGS_MAX = 5
"""How often a coroutine may catch its own end."""


class _Handle(asyncio.Handle):
    """A callback, made faster than asyncio makes it: that asks each time whether to debug."""

    __slots__ = ()

    def __init__(
        self, callback: Callable[..., object], args: Any, loop: Loop, context: Context | None
    ) -> None:
        self._context = copy_context() if context is None else context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._source_traceback = None


class _TimerHandle(asyncio.TimerHandle):
    """The same, of a timer."""

    __slots__ = ()

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: Any,
        loop: Loop,
        context: Context | None,
    ) -> None:
        _Handle.__init__(self, callback, args, loop, context)  # type: ignore[arg-type]
        self._when = when


class Stuck(AssertionError):
    """Everybody waits, and nobody will ever come."""


class Life:
    """What callbacks belong to; see the module."""

    def __init__(self) -> None:
        self.over = False
        self.frozen = False
        self.held: list[asyncio.Handle] = []

    def work(self, loop: Loop, executor: Any, job: Callable[[], Any]) -> asyncio.Future[Any]:
        """Do what is for a thread of an executor. Simulated processes take time for it."""
        future = loop.create_future()
        loop.call_soon(settle, future, job)
        return future


def settle(future: asyncio.Future[Any], job: Callable[[], Any]) -> None:
    """Do a job, and tell whoever waits for it how it ended."""
    try:
        result = job()
    except Exception as error:
        if not future.done():
            future.set_exception(error)
    else:
        if not future.done():
            future.set_result(result)


_NOBODY = Life()
_life: ContextVar[Life] = ContextVar("life", default=_NOBODY)


def current_life() -> Life:
    """The life that the running code belongs to."""
    return _life.get()


def context_of(life: Life) -> Context:
    """A context for callbacks of a life."""
    context = copy_context()
    context.run(_life.set, life)
    return context


def _close(coroutine: Any) -> None:
    for _ in range(CLOSINGS_MAX):
        try:
            coroutine.close()
        except RuntimeError:  # it went on waiting
            continue
        except BaseException:  # nobody is left to hear of it
            return
        return


class Loop(asyncio.BaseEventLoop):
    """See the module. `events` counts callbacks; `complain` is told of errors nobody handles."""

    def __init__(self, now_s: float = 1_000.0) -> None:
        self._running = False
        super().__init__()
        self.now_s = now_s
        self.events = 0
        self.complain: Callable[[dict[str, Any]], None] = lambda context: None
        self.tasks: list[asyncio.Task[Any]] = []
        """All tasks ever: one of a life that is over must not be collected, because that would run
        its `finally` blocks."""
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._numbers = itertools.count()
        self._outside = Context()
        self._closed = False

    # --- running ------------------------------------------------------------------------------

    def run(self, main: Coroutine[Any, Any, R]) -> R:
        """Run `main` to its end, and then nothing more. Raises `Stuck`."""
        asyncio._set_running_loop(self)
        self._running = True
        try:
            task: asyncio.Task[R] = self.create_task(main)
            while not task.done():
                self._step()
            return task.result()
        finally:
            self._end()
            self._running = False
            asyncio._set_running_loop(None)

    def _step(self) -> None:
        ready = self._ready
        while not ready:
            if not self._timers:
                raise Stuck("everybody waits, and nobody will ever come")
            when, _, timer = heapq.heappop(self._timers)
            if not timer._cancelled:
                self.now_s = max(self.now_s, when)
                ready.append(timer)
        handle = ready.popleft()
        if handle._cancelled:
            return
        life = handle._context.get(_life, _NOBODY)  # type: ignore[attr-defined]
        if life.over:
            return
        if life.frozen:
            life.held.append(handle)
            return
        self.events += 1
        handle._run()

    def outside(self, delay_s: float, callback: Callable[..., Any], *args: Any) -> None:
        """Call something later that belongs to no life: it happens whoever lives then."""
        self.call_later(delay_s, callback, *args, context=self._outside)

    def thaw(self, life: Life) -> None:
        """Let a frozen life go on, with all that has come meanwhile."""
        life.frozen = False
        held, life.held = life.held, []
        self._ready.extend(held)

    def _end(self) -> None:
        """Close what is left, while a loop runs, and quietly: what it still wants is not done."""
        self._closed = True
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # some have never begun
            for task in self.tasks:
                if not task.done():
                    task._log_destroy_pending = False  # type: ignore[attr-defined]
                    _close(task.get_coro())
            self.tasks.clear()
        self._ready.clear()
        self._timers.clear()

    # --- what asyncio asks for ----------------------------------------------------------------

    def time(self) -> float:
        return self.now_s

    def call_soon(
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.Handle:
        handle = _Handle(callback, args, self, context)
        if not self._closed:
            self._ready.append(handle)
        return handle

    def call_soon_threadsafe(
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.Handle:
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self.now_s + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        timer = _TimerHandle(when, callback, args, self, context)
        if not self._closed:
            heapq.heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It is passed over when its time comes."""

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Any,
        *,
        name: object = None,
        context: Context | None = None,
    ) -> asyncio.Task[Any]:
        if self._closed:
            coro.close()
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, context=context)
        if self._closed:
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        else:
            self.tasks.append(task)
        return task

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        return current_life().work(self, executor, lambda: func(*args))

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self._closed:
            self.complain(context)

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return self._running

    def is_closed(self) -> bool:
        return not self._running  # there is nothing to close
