"""Where a server listens, and for whom: what `--host`, `--port`, `--ws-port`, `--files-port`,
`--public-url`, `--exempt`, `--origin` and `--allow-origin` mean, checked before anything starts."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from api.addresses import parse_networks
from api.site import origin_of
from api.urls import bracketed, server_url
from heliograph.failing import Told

PORT_MAX = 65_535
FILES_BESIDE = 2
"""The port for files comes so far after the HTTP port, if it is not said otherwise."""


class CannotListen(Told):
    """The server cannot be reached like this; the message says what to do."""


def check_host(host: str) -> str:
    """The address of this machine that is meant, as HAProxy and sockets understand it: a name is
    looked up, brackets go. Raises CannotListen where this machine has no such address."""
    given = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    if not given.strip():
        raise CannotListen("--host is empty; 127.0.0.1 is for this machine alone, :: for all")
    try:
        found = socket.getaddrinfo(given, 0, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TypeError) as error:
        why = getattr(error, "strerror", None) or "it is no name"
        raise CannotListen(
            f"--host {host[:80]!r} is no address of this machine ({why}); 127.0.0.1 is for this "
            "machine alone, 0.0.0.0 for all who reach it, :: for all by IPv6 too"
        ) from error
    family, _, _, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    try:
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.bind(address)
    except OSError as error:
        raise CannotListen(
            f"--host {host}: this machine does not have the address {address[0]} "
            f"({error.strerror}); see: ip address"
        ) from error
    return _with_zone(str(address[0]), given)


def _with_zone(address: str, given: str) -> str:
    """A link-local address means nothing without its interface."""
    _, percent, zone = given.partition("%")
    return f"{address}%{zone}" if percent and "%" not in address else address


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address, as `check_host` gives it."""
    return ipaddress.ip_address(host).is_loopback


def different_ports(port: int, ws_port: int, files_port: int) -> None:
    """Raises CannotListen if they are not. `files_port`: 0 is none."""
    named = {"--port": port, "--ws-port": ws_port, "--files-port": files_port}
    options: dict[int, str] = {}
    for option, number in named.items():
        if number and options.setdefault(number, option) != option:
            raise CannotListen(f"{option} must not be {number}, which is {options[number]}")


def check_ports(host: str, port: int, ws_port: int, files_port: int) -> None:
    """Raises CannotListen if they cannot be had. `files_port`: 0 is none."""
    different_ports(port, ws_port, files_port)
    _check_port(host, port, "--port")
    _check_port(host, ws_port, "--ws-port")
    if files_port:
        _check_port(host, files_port, "--files-port")


def files_port_of(port: int, ws_port: int) -> int:
    """The port for files of who names none. 0, which is none, if there is no such port left."""
    found = port + FILES_BESIDE
    return found if found <= PORT_MAX and found != ws_port else 0


def free_files_port(host: str, port: int, ws_port: int) -> int:
    """The same, and 0 where others listen on it."""
    found = files_port_of(port, ws_port)
    try:
        if found:
            _check_port(host, found, "--files-port")
    except CannotListen:
        return 0
    return found


def _check_port(host: str, port: int, option: str) -> None:
    info = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    family, _, _, _, address = info[0]
    try:
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
            sock.bind(address)
    except OSError as error:
        raise CannotListen(
            f"cannot listen on {bracketed(host)}:{port} ({error.strerror}); choose another with "
            f"{option}"
        ) from error


def check_public_url(url: str) -> str:
    """The address with a small scheme, and without a slash at its end. Raises CannotListen."""
    return _address(url, f"--public-url {url}") if url else ""


def check_origins(texts: Iterable[str], option: str) -> tuple[str, ...]:
    """The origins one by one, several in a text separated by commas. Raises CannotListen."""
    words = [word.strip() for word in ",".join(texts).split(",")]
    found = [origin_of(_address(word, f"{option} {word[:80]}")) for word in words if word]
    return tuple(dict.fromkeys(found))


def _address(text: str, told: str) -> str:
    """An address without a path, plain. `told`: how it was given. Raises CannotListen."""
    try:
        plain = server_url(text)
        if urlsplit(plain).path:
            raise ValueError("it has a path")
    except ValueError as error:
        raise CannotListen(
            f"{told} is no address like https://chat.example.org: {error}"
        ) from error
    return plain


def check_networks(text: str) -> tuple[str, ...]:
    """The networks one by one. Raises CannotListen."""
    try:
        return tuple(map(str, parse_networks([text])))
    except ValueError as error:
        raise CannotListen(f"--exempt: {error}") from error
