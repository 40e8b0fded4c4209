"""How fronts and hosts reach hosts: Ray tells where one is, and what is said goes over lines (see
`runtime.lines.lines`). A call is made at most once; numbering, repeating and fencing are done above
(`link`, `streams`)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Any

import ray

from runtime.lines.calls import Places
from runtime.lines.door import Address
from runtime.lines.lines import Lines
from runtime.replication.directory import Directory
from runtime.replication.protocol import Seat, Unavailable, encode
from shells.gcs import GcsRoster

ROSTER_S, ROSTER_S_MIN = 3.0, 0.5
"""Between two looks at the roster, and while somebody waits for a leader."""
GCS_S_MAX = 1.0
"""How long a tool waits for the head."""
ZONE_LABEL = "zone"
"""The label of a Ray node that says which zone it is in (`ray start --labels zone=a`)."""


class RayProcess:
    """A process of the server, as Ray calls it. The handle is looked up when first needed, and
    again after a failure: the process may have been made anew."""

    def __init__(self, name: str, find: Callable[[str], Any]) -> None:
        self._name = name
        self._find = find
        self._handle: Any = None

    async def stats(self) -> bytes:
        if self._handle is None:
            self._handle = self._find(self._name)
        try:
            answer: bytes = await self._handle.stats.remote()
        except Exception:
            self._handle = None
            raise
        return answer


@contextlib.contextmanager
def key_values_of(address: str) -> Iterator[None]:
    """`Gcs` reads the store of the Ray cluster at this address, in a process that does not join it:
    that would take seconds, and a living node. Raises OSError where nobody answers there."""
    from ray._raylet import GcsClient  # type: ignore[attr-defined]
    from ray.experimental import internal_kv

    host, _, port = address.rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), GCS_S_MAX).close()
    internal_kv._initialize_internal_kv(GcsClient(address=address))
    try:
        yield
    finally:
        internal_kv._internal_kv_reset()  # type: ignore[no-untyped-call]


# --- replicated servers -------------------------------------------------------------------------


class Gcs:
    """Ray's key-value store (see `shells.gcs.KeyValues`)."""

    def get(self, key: bytes) -> bytes | None:
        from ray.experimental import internal_kv

        value: bytes | None = internal_kv._internal_kv_get(key)
        return value

    def put(self, key: bytes, value: bytes, *, overwrite: bool) -> bool:
        from ray.experimental import internal_kv

        there = internal_kv._internal_kv_put(key, value, overwrite=overwrite)
        return overwrite or not there

    def keys(self, prefix: bytes) -> list[bytes]:
        from ray.experimental import internal_kv

        found: list[bytes] = internal_kv._internal_kv_list(prefix)
        return found

    def delete(self, key: bytes) -> None:
        from ray.experimental import internal_kv

        internal_kv._internal_kv_del(key)


def here(host: str, door: Address) -> Seat:
    """The place of a host that lives in this process."""
    context = ray.get_runtime_context()
    zone = context.get_node_labels().get(ZONE_LABEL, "")
    return Seat(host, context.get_node_id(), str(zone), door=encode(door))


def own_address() -> str:
    """Of this node, as other nodes reach it."""
    address: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
    return address


class Routes:
    """How a process reaches the hosts that lead shards: those on the roster, and those `hosts`
    that the server begins with, until they are on it."""

    def __init__(self, hosts: int, roster: GcsRoster, lines: Lines) -> None:
        self._lines = lines
        self._first = {f"host-{number}" for number in range(hosts)}
        self._names = self._first
        self._roster = roster
        self._task: asyncio.Task[None] | None = None
        self._directory = Directory(lambda: self._names, lambda host: lines.call(host, "led"))
        self.places = Places(self._directory, lines)

    def start(self) -> None:
        self._directory.start()
        self._task = asyncio.create_task(self._read_roster())

    async def _read_roster(self) -> None:
        while True:
            with contextlib.suppress(Unavailable):
                seats = await self._roster.seats()
                self._first -= seats.keys()
                self._names = self._first | seats.keys()
            await self._directory.pause(ROSTER_S, ROSTER_S_MIN)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._directory.close()
        self._lines.close()
