"""Debian's Firefox, driven by Playwright over WebDriver BiDi.

It is older than what Playwright expects, and does not know all of its commands. So Playwright
starts this module in its place, which starts Firefox, and answers for it what it does not know.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from tests.integration.running import ROOT

PATH = Path("/usr/bin/firefox-esr")
LISTENS = re.compile(rb"WebDriver BiDi listening on (ws://\S+)")
NOT_KNOWN = ("emulation.setMediaFeaturesOverride",)
FRAME_BYTES_MAX = 2**28


@contextmanager
def running(folder: Path) -> Iterator[Browser]:
    """`folder`: for what Playwright starts."""
    started = folder / "firefox"
    started.write_text(f'#!/bin/sh\ncd {ROOT}\nexec {sys.executable} -m {__name__} "$@"\n')
    started.chmod(0o755)
    with sync_playwright() as playwright:
        preferences = {"media.navigator.permission.disabled": True}
        browser = playwright.firefox.launch(
            channel="moz-firefox", executable_path=started, firefox_user_prefs=preferences
        )
        yield browser
        browser.close()


async def _between(near: ServerConnection, address: str) -> None:
    """Carry what the two say to each other."""
    async with connect(address, max_size=FRAME_BYTES_MAX, compression=None) as far:

        async def asked() -> None:
            async for frame in near:
                said = json.loads(frame)
                if said["method"] in NOT_KNOWN:
                    await near.send(json.dumps({"type": "success", "id": said["id"], "result": {}}))
                else:
                    await far.send(frame, text=True)

        async def answered() -> None:
            async for frame in far:
                await near.send(frame, text=True)

        async with asyncio.TaskGroup() as both:
            both.create_task(asked())
            both.create_task(answered())


async def _main() -> int:
    process = await asyncio.create_subprocess_exec(
        PATH, *sys.argv[1:], stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    far = ""

    async def met(near: ServerConnection) -> None:
        assert near.request is not None
        await _between(near, far + near.request.path)

    async with serve(met, "127.0.0.1", 0, max_size=FRAME_BYTES_MAX, compression=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async for line in process.stderr:
            if found := LISTENS.search(line):
                far = found[1].decode()
            near = b"ws://127.0.0.1:%d" % port
            sys.stderr.buffer.write(line.replace(far.encode(), near) if far else line)
            sys.stderr.buffer.flush()
        return await process.wait()


if __name__ == "__main__":
    raise SystemExit(asyncio.run(_main()))
