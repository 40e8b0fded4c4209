"""Tests on a few simulated processes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from sim.world.loop import Loop


class OnLoop(Protocol):
    """Processes of this loop."""

    loop: Loop


N = TypeVar("N", bound=OnLoop)


def run_on(net: N, test: Callable[[N], Awaitable[None]]) -> None:
    """Run a test once the processes have started."""

    async def main() -> None:
        await asyncio.sleep(0.1)
        await test(net)

    net.loop.run(main())
