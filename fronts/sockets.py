"""The sockets that fronts listen at."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from os import dup

BACKLOG = 1024


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there; processes of one machine share the port (SO_REUSEPORT). Raises
    OSError."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    sock = socket.create_server(
        address, family=family, reuse_port=True, backlog=BACKLOG, dualstack_ipv6=host == "::"
    )
    sock.setblocking(False)
    return sock


def held(transport: asyncio.BaseTransport) -> socket.socket:
    """A second hold on the socket of a connection. Raises OSError if it is closed."""
    try:
        return socket.socket(fileno=dup(transport.get_extra_info("socket").fileno()))
    except (AttributeError, RuntimeError) as error:  # as uvloop says it
        raise OSError(*error.args) from None


def cut(transport: asyncio.Transport) -> None:
    """End a connection at once, for all who hold its socket."""
    with suppress(OSError), held(transport) as sock:
        sock.shutdown(socket.SHUT_RDWR)
    transport.abort()
