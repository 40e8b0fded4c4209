"""What listens on all addresses in this process, and how it is closed."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from shells import sockets

ALL = [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")]


@pytest.mark.parametrize(("family", "address"), ALL)
def test_what_comes_next_is_closed_and_nothing_else(
    family: socket.AddressFamily, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """gRPC, which opened it, is not asked."""
    monkeypatch.setattr(sockets, "LOOK_S", 0.001)

    async def run() -> None:
        with contextlib.ExitStack() as opened:
            before = opened.enter_context(socket.create_server(("0.0.0.0", 0)))
            closing = asyncio.create_task(sockets.close_the_next(sockets.open_to_others()))
            local = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
            unbound = opened.enter_context(socket.socket())
            await asyncio.sleep(0)
            stranger = opened.enter_context(socket.create_server((address, 0), family=family))
            await closing
            for kept in (before, local):
                socket.create_connection(("127.0.0.1", kept.getsockname()[1])).close()
            assert unbound.fileno() >= 0
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("localhost", stranger.getsockname()[1]))

    asyncio.run(run())


def test_what_never_comes_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sockets, "LOOK_S", 0.0)
    monkeypatch.setattr(sockets, "LOOKS_MAX", 3)
    asyncio.run(sockets.close_the_next(sockets.open_to_others()))
    assert "no port" in caplog.text
