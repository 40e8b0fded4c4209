"""What `heliograph up` checks before anything starts, and where it says it can be reached."""

from __future__ import annotations

import socket

import msgspec
import pytest
from typer.testing import CliRunner

from actors.runtime.settings import decode_settings
from api import limits
from heliograph.cli import app
from heliograph.server import up as up_module
from heliograph.server.config import ServerConfig
from heliograph.server.main import settings_of
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


# --- quotas -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "user_gib", "chat_gib"),
    [([], 50, 200), (["--user-quota", "0.5", "--chat-quota", "3"], 0.5, 3)],
)
def test_quotas_are_options(
    options: list[str], user_gib: float, chat_gib: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, object] = {}

    def run(**options: object) -> int:
        asked.update(options)
        return 0

    monkeypatch.setattr(up_module, "up", run)
    assert CliRunner().invoke(app, ["up", *options]).exit_code == 0
    assert asked["user_quota_bytes"] == user_gib * 1024**3
    assert asked["chat_quota_bytes"] == chat_gib * 1024**3


def test_quotas_come_to_every_process(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("MEDIA_BYTES_PER_USER_MAX", "MEDIA_BYTES_PER_CHAT_MAX")
    for name in names:  # they are put back afterwards
        monkeypatch.setattr(limits, name, getattr(limits, name))
    config = msgspec.structs.replace(CONFIG, user_quota_bytes=7, chat_quota_bytes=8)
    decode_settings(settings_of(config).encode()).set_limits()
    shown = limits.as_dict()
    assert [shown[name.lower()] for name in names] == [7, 8]
    decode_settings(settings_of(CONFIG).encode()).set_limits()
    assert [getattr(limits, name) for name in names] == [50 * 1024**3, 200 * 1024**3]
