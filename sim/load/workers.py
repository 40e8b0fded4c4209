"""Several load processes that start together, each with its share of the pairs."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from dataclasses import replace
from multiprocessing.connection import Connection
from time import monotonic

import uvloop

from sim.load.accounts import Http
from sim.load.endpoint import Endpoint
from sim.load.interrupt import on_interrupt
from sim.load.outcome import Outcome
from sim.load.run import Account, Plan, Run, Say, TokensRefused

START_DELAY_S = 0.1


def shares(plan: Plan, processes: int) -> list[Plan]:
    """The plan cut into one per process."""
    counts = [plan.pairs // processes + (n < plan.pairs % processes) for n in range(processes)]
    return [replace(plan, pairs=n, rate=plan.rate * n / plan.pairs) for n in counts if n]


async def drive_processes(
    plan: Plan, ws_url: str, base: str, accounts: list[Account], processes: int, say: Say
) -> Outcome:
    """Drive the plan in several processes, and add up what they found."""
    context = multiprocessing.get_context("spawn")
    workers = []
    taken = 0
    for share in shares(plan, processes):
        ours, theirs = context.Pipe()
        own = accounts[taken : taken + share.accounts]
        taken += share.accounts
        process = context.Process(target=_work, args=(theirs, share, ws_url, base, own))
        process.start()
        theirs.close()
        workers.append((process, ours))
    try:
        say(f"connecting {len(accounts)} users from {len(workers)} processes")
        hear = asyncio.to_thread
        ready = [await hear(_hear, ours) for _, ours in workers]
        refused = [user_id for found in ready if isinstance(found, list) for user_id in found]
        if refused:
            raise TokensRefused(refused)
        start = monotonic() + START_DELAY_S
        for _, ours in workers:
            ours.send(start)
        say(f"sending for {plan.seconds:g} s")

        def enough() -> None:
            for _, ours in workers:
                ours.send(None)

        with on_interrupt(enough):
            outcomes = [await hear(_hear, ours) for _, ours in workers]
    finally:
        for process, ours in workers:
            ours.close()
            process.terminate()
            process.join()
    total: Outcome | None = None
    for outcome in outcomes:
        assert isinstance(outcome, Outcome)
        if total is None:
            total = outcome
        else:
            total.add(outcome)
    assert total is not None
    return total


def _hear(pipe: Connection) -> object:
    try:
        found = pipe.recv()
    except EOFError:
        raise ConnectionError("a load process has died") from None
    if isinstance(found, Exception):
        raise found
    return found


def _work(pipe: Connection, plan: Plan, ws_url: str, base: str, accounts: list[Account]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the first process
    try:
        pipe.send(uvloop.run(_drive(pipe, plan, ws_url, base, accounts)))
    except TokensRefused as refused:
        pipe.send(refused.user_ids)
    except (OSError, EOFError) as problem:
        pipe.send(ConnectionError(str(problem)))


async def _drive(
    pipe: Connection, plan: Plan, ws_url: str, base: str, accounts: list[Account]
) -> Outcome:
    loop = asyncio.get_running_loop()
    async with Http(base) as http:
        endpoint = Endpoint(ws_url, http.ws_url if base else None)
        run = Run(plan, endpoint, accounts, lambda _: None)

        def enough() -> None:
            loop.remove_reader(pipe.fileno())
            run.end()

        async def start_at() -> float:
            pipe.send(None)
            start = float(await asyncio.to_thread(pipe.recv))
            loop.add_reader(pipe.fileno(), enough)
            return start

        try:
            return await run.drive(start_at)
        finally:
            loop.remove_reader(pipe.fileno())
            os.set_blocking(pipe.fileno(), True)  # the loop made it another, which cuts figures off
