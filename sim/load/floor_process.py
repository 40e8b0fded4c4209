"""The floor in a process of its own, as the load command measures against it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from sim.load.plan import Account, Plan

START_S_MAX = 30.0
STOP_S_MAX = 10.0


class Address(msgspec.Struct):
    ws_url: str


@asynccontextmanager
async def floor_server(data: Path | None) -> AsyncIterator[str]:
    """Run `sim.floor`; the address of its live connections."""
    folder = ["--data", str(data)] if data is not None else []
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sim.floor",
        *folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), START_S_MAX)
        yield msgspec.json.decode(line, type=Address).ws_url
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), STOP_S_MAX)
        except TimeoutError:
            process.kill()
            await process.wait()


def floor_accounts(plan: Plan) -> list[Account]:
    """Users as the floor knows them: rooms of two, or one room of all."""
    size = plan.fanout or 2
    return [Account(number + 1, f"r{number // size}.{number + 1}") for number in range(plan.users)]
