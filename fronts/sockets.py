"""The sockets that fronts listen at."""

from __future__ import annotations

import socket

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
