"""Memory that a front needed for a while."""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path

import pytest

from media import memory

PART, PARTS = 512 * 1024, 128


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(sys.platform != "linux", reason="glibc gives it back")
def test_what_is_free_between_small_things_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "RETURN_S", 0.0)
    trimmed = asyncio.Event()

    async def story() -> None:
        loop = asyncio.get_running_loop()
        trim = memory._trim

        def told() -> None:
            trim()
            loop.call_soon_threadsafe(trimmed.set)

        monkeypatch.setattr(memory, "_trim", told)
        source = random.Random(1).randbytes(PART)
        parts, kept = [], []
        for _ in range(PARTS):
            parts.append(b"".join([source[:-1], b"x"]))
            kept.append([bytes(700) for _ in range(50)])
        flooded = resident_bytes()
        del parts
        memory.return_memory_soon()
        memory.return_memory_soon()
        await trimmed.wait()
        assert resident_bytes() < flooded - PARTS * PART // 2
        assert len(kept) == PARTS
        assert not memory._due

    asyncio.run(story())
