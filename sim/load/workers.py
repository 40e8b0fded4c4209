"""Several load processes that start together, each with its share of the plan."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from time import monotonic

import uvloop
from msgspec import Struct

from sim.load.endpoint import Endpoint
from sim.load.http import Http
from sim.load.interrupt import on_interrupt
from sim.load.outcome import Outcome
from sim.load.plan import Account, Plan, Say, shared_out
from sim.load.run import Run, TokensRefused
from sim.load.success import SoFar
from sim.load.watch import Watch

START_DELAY_S = 0.1
FLOOR_PATIENCE_S = 5.0


class Work(Struct):
    """What a process is given. `base`: the address of the API; empty: it is the floor."""

    plan: Plan
    ws_url: str
    base: str
    accounts: list[Account]

    def endpoint(self, http: Http) -> Endpoint:
        if self.base:
            return Endpoint(self.ws_url, http.ws_url)
        return Endpoint(self.ws_url, paced=False, patience_s=FLOOR_PATIENCE_S)


class Worker:
    """A process that works, and the pipe to it."""

    def __init__(self, work: Work) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(target=_work, args=(theirs, work))
        self._process.start()
        self._thread = ThreadPoolExecutor(1)
        theirs.close()

    async def ready(self) -> list[int]:
        """Wait until it is; the users whose tokens are refused."""
        found = await self._heard()
        return found if isinstance(found, list) else []

    def start(self, at: float) -> None:
        self._pipe.send(at)

    def enough(self) -> None:
        self._pipe.send(None)

    async def outcome(self, number: int, watch: Watch) -> Outcome:
        """Pass on how it gets on, until it is at its end."""
        while True:
            found = await self._heard()
            if isinstance(found, SoFar):
                watch.tell(number, found)
                continue
            assert isinstance(found, Outcome)
            return found

    def close(self) -> None:
        self._process.terminate()
        self._process.join()
        self._thread.shutdown()
        self._pipe.close()

    async def _heard(self) -> object:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._hear)

    def _hear(self) -> object:
        try:
            found = self._pipe.recv()
        except EOFError:
            raise ConnectionError("a load process has died") from None
        if isinstance(found, Exception):
            raise found
        return found


async def drive(work: Work, say: Say) -> Outcome:
    """Drive a plan in as many processes as it says, and add up what they found; one is this."""
    if work.plan.processes > 1:
        return await _drive_processes(work, say)
    watch = Watch(work.plan, say)
    async with Http(work.base) as http:
        run = Run(
            work.plan,
            work.endpoint(http),
            work.accounts,
            say,
            http,
            lambda so_far: watch.tell(0, so_far),
        )
        watch.enough = run.end
        with on_interrupt(run.end):
            outcome = await run.drive()
    outcome.aborted = watch.aborted
    return outcome


async def _drive_processes(work: Work, say: Say) -> Outcome:
    workers = []
    taken = 0
    for plan in shared_out(work.plan, work.plan.processes):
        own = work.accounts[taken : taken + plan.accounts]
        taken += plan.accounts
        workers.append(Worker(Work(plan, work.ws_url, work.base, own)))
    watch = Watch(work.plan, say)
    try:
        say(f"connecting {len(work.accounts)} users from {len(workers)} processes")
        refused = [user_id for worker in workers for user_id in await worker.ready()]
        if refused:
            raise TokensRefused(refused)

        def enough() -> None:
            for worker in workers:
                worker.enough()

        watch.enough = enough
        start = monotonic() + START_DELAY_S
        for worker in workers:
            worker.start(start)
        say(f"sending for {work.plan.seconds:g} s")
        with on_interrupt(enough):
            outcomes = await asyncio.gather(
                *(worker.outcome(number, watch) for number, worker in enumerate(workers))
            )
    finally:
        for worker in workers:
            worker.close()
    total = reduce(_added, outcomes)
    total.aborted = watch.aborted
    return total


def _added(total: Outcome, other: Outcome) -> Outcome:
    total.add(other)
    return total


# --- in the process that works --------------------------------------------------------------------


def _work(pipe: Connection, work: Work) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the first process
    try:
        pipe.send(uvloop.run(_drive(pipe, work)))
    except TokensRefused as refused:
        pipe.send(refused.user_ids)
    except (OSError, EOFError) as problem:
        pipe.send(ConnectionError(str(problem)))


async def _drive(pipe: Connection, work: Work) -> Outcome:
    loop = asyncio.get_running_loop()
    async with Http(work.base) as http:
        started = False

        def tell(so_far: SoFar) -> None:
            if started:
                pipe.send(so_far)

        run = Run(work.plan, work.endpoint(http), work.accounts, lambda _: None, http, tell)

        def enough() -> None:
            loop.remove_reader(pipe.fileno())
            run.end()

        async def start_at() -> float:
            nonlocal started
            pipe.send(None)
            start = float(await asyncio.to_thread(pipe.recv))
            loop.add_reader(pipe.fileno(), enough)
            started = True
            return start

        try:
            return await run.drive(start_at)
        finally:
            loop.remove_reader(pipe.fileno())
            os.set_blocking(pipe.fileno(), True)  # the loop made it another, which cuts figures off
