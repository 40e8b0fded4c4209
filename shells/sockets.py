"""Closing what listens for others and should not."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import os
import socket
import stat

log = logging.getLogger(__name__)

LOOK_S = 0.1
LOOKS_MAX = 600


def open_to_others() -> set[int]:
    """The sockets of this process, by inode, that listen on all addresses."""
    found = set()
    for descriptor in _descriptors():
        with contextlib.suppress(OSError), _socket(descriptor) as sock:
            if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and _is_everywhere(sock):
                found.add(os.fstat(sock.fileno()).st_ino)
    return found


async def close_the_next(known: set[int]) -> None:
    """Wait until something in this process listens on all addresses that is not among the known,
    and let it listen no more.

    Each replica of Serve opens a port for calls between deployments by gRPC, on all addresses,
    right after its constructor, and has no option for it (Ray 2.60); calls by handles do not use
    it."""
    for _ in range(LOOKS_MAX):
        await asyncio.sleep(LOOK_S)
        if strangers := open_to_others() - known:
            for descriptor in _descriptors():
                with contextlib.suppress(OSError), _socket(descriptor) as sock:
                    if os.fstat(sock.fileno()).st_ino in strangers:
                        log.info("closing %s, which nobody needs", sock.getsockname())
                        sock.shutdown(socket.SHUT_RD)
            return
    log.warning("no port for calls between deployments was opened")


def _descriptors() -> list[int]:
    """Those of sockets."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # closed meanwhile
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                found.append(int(name))
    return found


def _socket(descriptor: int) -> socket.socket:
    """A second hold on a socket of this process. Raises OSError where it was closed meanwhile."""
    return socket.socket(fileno=os.dup(descriptor))


def _is_everywhere(sock: socket.socket) -> bool:
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return False
    return ipaddress.ip_address(sock.getsockname()[0]).is_unspecified
