"""What `heliograph up` checks before anything starts, and where it says it can be reached."""

from __future__ import annotations

import socket

import msgspec
import pytest

from heliograph.server.config import ServerConfig
from heliograph.server.up import UpError, check_port, check_public_url

CONFIG = ServerConfig(
    data="/data",
    cluster_id="c",
    host="127.0.0.1",
    port=8000,
    ws_port=8001,
    hosts=1,
    edges=1,
    partitions=64,
    registration="open",
    dedicated=(),
    resident_max=1,
    public_url="",
    proxies=0,
    temporary="",
    version="0",
)


@pytest.mark.parametrize(
    ("changes", "url", "ws_url"),
    [
        ({}, "http://127.0.0.1:8000", "ws://127.0.0.1:8001/ws"),
        ({"host": "::1"}, "http://[::1]:8000", "ws://[::1]:8001/ws"),
        ({"host": "0.0.0.0"}, "http://127.0.0.1:8000", ""),
        (
            {"host": "0.0.0.0", "public_url": "https://chat.example.org"},
            "http://127.0.0.1:8000",
            "wss://chat.example.org/ws",
        ),
        (
            {"public_url": "http://chat.lan:81"},
            "http://127.0.0.1:8000",
            "ws://chat.lan:81/ws",
        ),
    ],
)
def test_addresses(changes: dict[str, str], url: str, ws_url: str) -> None:
    config = msgspec.structs.replace(CONFIG, **changes)
    assert (config.url, config.ws_url) == (url, ws_url)


@pytest.mark.parametrize(
    "url", ["chat.example.org", "ftp://x", "https://", "https://x/path", "https://x?q=1"]
)
def test_a_public_url_is_checked(url: str) -> None:
    with pytest.raises(UpError, match="--public-url"):
        check_public_url(url)


def test_a_public_url_loses_its_slash() -> None:
    assert check_public_url("https://chat.example.org/") == "https://chat.example.org"
    assert check_public_url("") == ""


def test_a_port_in_use_is_told_with_the_option_to_change() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(UpError, match="--ws-port"):
            check_port("127.0.0.1", other.getsockname()[1], "--ws-port")
