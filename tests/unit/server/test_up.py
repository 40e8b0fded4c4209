"""What `heliograph up` checks before anything starts, and where it says it can be reached."""

from __future__ import annotations

import io
import itertools
import shlex
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
import psutil
import pytest
from click.testing import Result
from rich.console import Console
from typer.testing import CliRunner

from api import limits, names
from api.site import Site
from heliograph.cli import app
from heliograph.server import up as up_module
from heliograph.server.config import ServerConfig
from heliograph.server.floods import read_exempt, read_floods
from heliograph.server.listening import (
    CannotListen,
    check_host,
    check_networks,
    check_origins,
    check_ports,
    check_public_url,
    different_ports,
    files_port_of,
    free_files_port,
    is_loopback,
)
from heliograph.server.parts import settings_of
from heliograph.server.ports import free_ports
from shells.edge import config_of
from shells.settings import decode_settings
from shells.site import site_of

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


@pytest.fixture(autouse=True)
def _names_as_before() -> Iterator[None]:
    """What a server is told is told to all of this process."""
    yield
    names.set_reserved(False)


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
    "url",
    [
        *(
            "chat.example.org",
            "ftp://x",
            "https://",
            "https://x/path",
            "https://x?q=1",
            "https://x?",
        ),
        *(
            "https://x:99999",
            "https://x:0",
            "https://x:",
            "https://x y",
            " https://x",
            "https://x\n",
        ),
        *(
            "https://[::1",
            "https://::1",
            "https://[x]",
            "https://a..b",
            "https://me@x",
            "https://%41",
        ),
    ],
)
def test_a_public_url_is_checked(url: str) -> None:
    with pytest.raises(CannotListen, match="--public-url"):
        check_public_url(url)


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("", ""),
        ("https://chat.example.org/", "https://chat.example.org"),
        ("HTTPS://Chat.Example.org", "https://Chat.Example.org"),
        ("http://[2001:db8::1]:81", "http://[2001:db8::1]:81"),
        ("https://bücher.example", "https://bücher.example"),
    ],
)
def test_a_public_url_is_written_in_one_way(url: str, plain: str) -> None:
    assert check_public_url(url) == plain


def test_clients_are_told_the_public_address_with_a_scheme_of_sockets() -> None:
    url = check_public_url("HTTPS://Chat.Example.org")
    assert msgspec.structs.replace(CONFIG, public_url=url).ws_url == "wss://Chat.Example.org/ws"


PORTS = ("--port", "--ws-port", "--files-port")


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that another program listens at."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


@pytest.mark.parametrize("option", PORTS)
def test_a_port_in_use_is_told_with_the_option_to_change(option: str, taken: int) -> None:
    ports = dict(zip(PORTS, free_ports(3), strict=True)) | {option: taken}
    with pytest.raises(CannotListen, match=option):
        check_ports("127.0.0.1", *ports.values())


@pytest.mark.parametrize(
    ("ports", "told"),
    [
        ((8000, 8000, 8002), "--ws-port must not be 8000, which is --port"),
        ((8000, 8001, 8000), "--files-port must not be 8000, which is --port"),
        ((8000, 8001, 8001), "--files-port must not be 8001, which is --ws-port"),
    ],
)
def test_ports_are_different(ports: tuple[int, int, int], told: str) -> None:
    with pytest.raises(CannotListen, match=told):
        different_ports(*ports)


def test_the_port_for_files_comes_after_both_unless_there_is_none_or_it_is_taken(
    taken: int,
) -> None:
    assert files_port_of(8000, 8001) == 8002
    assert files_port_of(8000, 8002) == 0
    assert files_port_of(65_534, 65_535) == 0
    assert free_files_port("127.0.0.1", taken - 2, taken - 1) == 0
    (free,) = free_ports(1)
    assert free_files_port("127.0.0.1", free - 2, free - 1) == free
    different_ports(8000, 8001, 0)
    check_ports("127.0.0.1", *free_ports(2), 0)


def test_clients_are_told_the_port_for_files_where_no_proxy_is_before_it() -> None:
    """They would go around it."""
    config = msgspec.structs.replace(CONFIG, files_port=8002)
    assert config_of(settings_of(config)).files_port == 8002
    assert config_of(settings_of(CONFIG)).files_port == 0
    behind = msgspec.structs.replace(config, proxies=1)
    assert config_of(settings_of(behind)).files_port == 0


# --- addresses --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "meant", "here_only"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.2", "127.0.0.2", True),
        ("localhost", "127.0.0.1", True),
        ("0.0.0.0", "0.0.0.0", False),
        ("::", "::", False),
        ("::1", "::1", True),
        ("[::1]", "::1", True),
        ("0:0::1", "::1", True),
    ],
)
def test_an_address_of_this_machine(host: str, meant: str, here_only: bool) -> None:
    assert check_host(host) == meant
    assert is_loopback(meant) == here_only


@pytest.mark.parametrize(
    "host",
    [
        *(
            "",
            " ",
            "[]",
            "192.0.2.1",
            "2001:db8::1",
            "fe80::1%nope",
            "no such name",
            "a\0b",
            "\udcff",
        ),
        *("256.0.0.1", "1.2.3.4.5", "http://127.0.0.1", "127.0.0.1:80", "x" * 300, "."),
    ],
)
def test_what_this_machine_does_not_have_is_refused(host: str) -> None:
    with pytest.raises(CannotListen, match="--host"):
        check_host(host)


def test_every_address_of_this_machine_can_be_listened_on() -> None:
    """Also those that mean nothing without their interface."""
    for one in itertools.chain(*psutil.net_if_addrs().values()):
        if one.family in (socket.AF_INET, socket.AF_INET6):
            assert check_host(one.address) == one.address
            check_ports(one.address, *free_ports(3))


@pytest.mark.parametrize("text", ["192.0.2.1/24", "chat.example.org", "127.0.0.0/8,::1/129"])
def test_networks_are_checked(text: str) -> None:
    with pytest.raises(CannotListen, match="--exempt"):
        check_networks(text)
    assert check_networks("192.0.2.0/24, ::1") == ("192.0.2.0/24", "::1/128")
    assert check_networks("") == ()


@pytest.mark.parametrize(("proxies", "per_address"), [(0, 20), (1, 0)])
def test_behind_a_proxy_the_entrance_counts_nobody(proxies: int, per_address: int) -> None:
    """All come from the proxy's address there."""
    changes = {"proxies": proxies, "connections_per_address_max": 20, "exempt": ("::1/128",)}
    config = msgspec.structs.replace(CONFIG, **changes)
    entrance = config.entrance("secret")
    assert entrance.connections_per_address_max == per_address
    assert entrance.exempt == ["::1/128"]
    assert settings_of(config).connections_per_address_max == 20
    assert settings_of(config).callers == (proxies, "x-forwarded-for", ("::1/128",))


# --- origins ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "own"),
    [
        ({"public_url": "https://chat.example.org"}, {"https://chat.example.org"}),
        (
            {"public_url": "https://chat.example.org", "origins": ("http://10.0.0.1:8000",)},
            {"https://chat.example.org", "http://10.0.0.1:8000"},
        ),
        ({}, {f"http://{host}:8000" for host in ("localhost", "127.0.0.1", "[::1]")}),
        ({"port": 80}, {f"http://{host}" for host in ("localhost", "127.0.0.1", "[::1]")}),
        (
            {"host": "fe80::7%eth0"},
            {f"http://{host}:8000" for host in ("localhost", "127.0.0.1", "[::1]", "[fe80::7]")},
        ),
    ],
)
def test_own_pages_are_where_the_server_is_reached(changes: dict[str, Any], own: set[str]) -> None:
    config = msgspec.structs.replace(CONFIG, **changes)
    site = site_of(decode_settings(settings_of(config).encode()))
    assert site == Site("c", frozenset(own), frozenset())


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_server_on_all_addresses_knows_those_of_its_machine(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "Box.home.example")
    own = site_of(settings_of(msgspec.structs.replace(CONFIG, host=host))).own
    assert {"http://box.home.example:8000", "http://box.local:8000"} <= own
    for one in itertools.chain(*psutil.net_if_addrs().values()):
        if one.family == socket.AF_INET:
            assert f"http://{one.address}:8000" in own
    assert not any("%" in origin or "0.0.0.0" in origin for origin in own)


@pytest.mark.parametrize("name", ["", ".x", "x..y", "a" * 64, "a b", "-"])
def test_a_machine_may_be_called_what_no_page_can(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: name)
    own = site_of(settings_of(msgspec.structs.replace(CONFIG, host="0.0.0.0"))).own
    assert "http://localhost:8000" in own
    assert not any(f"//{name}:" in origin or "//." in origin for origin in own)


def test_origins_are_options(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}
    monkeypatch.setattr(up_module, "up", lambda **options: asked.update(options) or 0)
    options = [
        "--origin",
        "http://chat.lan:8000,http://x",
        "--origin",
        "https://y",
        "--allow-origin",
    ]
    assert CliRunner().invoke(app, ["up", *options, "https://app.example"]).exit_code == 0
    assert asked["origins"] == ("http://chat.lan:8000,http://x", "https://y")
    assert asked["allow_origins"] == ("https://app.example",)
    found = check_origins(["http://Chat.lan:80, https://y", "https://y", ""], "--origin")
    assert found == ("http://chat.lan", "https://y")


# --- nodes ------------------------------------------------------------------------------------


def test_a_folder_of_nodes_is_told_with_the_option_that_made_it(tmp_path: Path) -> None:
    def up(nodes: int) -> Result:
        ports = free_ports(2)
        options = ["--port", str(ports[0]), "--ws-port", str(ports[1]), "--nodes", str(nodes)]
        return CliRunner().invoke(app, ["up", "--data", str(tmp_path / "data"), *options])

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(up_module.Supervisor, "run", lambda *_: 0)
        assert up(3).exit_code == 0
        refused = up(4)
        assert up(3).exit_code == 0
    assert refused.exit_code == 2
    assert refused.stderr.endswith("was made with 3 nodes; start it with --nodes 3\n")


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
    quotas = ("MEDIA_BYTES_PER_USER_MAX", "MEDIA_BYTES_PER_CHAT_MAX")
    for name in quotas:  # they are put back afterwards
        monkeypatch.setattr(limits, name, getattr(limits, name))
    config = msgspec.structs.replace(CONFIG, user_quota_bytes=7, chat_quota_bytes=8)
    decode_settings(settings_of(config).encode()).set_limits()
    shown = limits.as_dict()
    assert [shown[name.lower()] for name in quotas] == [7, 8]
    decode_settings(settings_of(CONFIG).encode()).set_limits()
    assert [getattr(limits, name) for name in quotas] == [50 * 1024**3, 200 * 1024**3]


# --- flood limits -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "floods"),
    [
        ([], {}),
        (["groups=5/7"], {"groups": (5, 7)}),
        (["groups=off", "names=1/2"], {"groups": (0, 0), "names": (1, 2)}),
        (["off"], dict.fromkeys(limits.FLOODS, (0, 0))),
        (["off", "groups=5/7"], {**dict.fromkeys(limits.FLOODS, (0, 0)), "groups": (5, 7)}),
    ],
)
def test_flood_limits_are_options(texts: list[str], floods: dict[str, tuple[int, int]]) -> None:
    """And come to every process."""
    with patch.dict(limits.FLOODS):
        config = msgspec.structs.replace(
            CONFIG, floods=read_floods(texts), flood_exempt=read_exempt(["192.0.2.0/24,2001:db8::"])
        )
        settings = decode_settings(settings_of(config).encode())
        settings.set_limits()
        for kind, (per_hour, burst) in floods.items():
            assert limits.FLOODS[kind][:2] == (per_hour, burst)
            assert limits.as_dict()[f"flood_{kind}_per_hour"] == per_hour
        assert settings.flood_exempt == ("192.0.2.0/24", "2001:db8::/128")
        decode_settings(settings_of(CONFIG).encode()).set_limits()
        assert limits.FLOODS["groups"][:2] == (20, 20)


@pytest.mark.parametrize(
    ("option", "text"),
    [("--flood", text) for text in ("", "on", "=", "groups", "groups=", "groups=1", "groups=0/1")]
    + [
        ("--flood", text)
        for text in ("groups=1/0", "groups=-1/2", "group=1/1", "groups=99999999/1")
    ]
    + [("--origin", text) for text in ("chat.lan", "http://x/path", "*", "null", "ftp://x")]
    + [("--allow-origin", text) for text in ("*", "https://*.example.org")]
    + [("--flood-exempt", text) for text in ("x", "1.2.3", "1.2.3.4/33", "1.2.3.4/8")],
)
@pytest.mark.parametrize("command", [["up"], ["cluster", "start"]], ids=["up", "cluster start"])
def test_options_that_mean_nothing_are_told_in_one_line(
    command: list[str], option: str, text: str
) -> None:
    done = CliRunner().invoke(app, [*command, option, text])
    assert done.exit_code == 2
    assert done.output.startswith(f"heliograph: {option}")
    assert done.output.count("\n") == 1


@pytest.mark.parametrize("host", ["fe80::1%eth0", "127.0.0.1"])
def test_the_address_is_told_as_it_is(host: str) -> None:
    """Brackets are no markup."""
    config = msgspec.structs.replace(CONFIG, host=host)
    told = announced(config)
    assert f"Open {config.url} in a browser" in told
    assert f"--url {shlex.quote(config.url)}" in told


@pytest.mark.parametrize("there", [True, False])
def test_that_there_is_no_ffmpeg_is_told(there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}" if there else None)
    assert ("Without ffmpeg" in announced(CONFIG)) is not there


def announced(config: ServerConfig) -> str:
    console = Console(width=200, file=io.StringIO())
    up_module.announce(config, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()
