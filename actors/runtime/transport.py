"""Ray calls: how fronts and hosts reach hosts. A call carries one `bytes` and is made at most once;
numbering, repeating and fencing are done above (`link`, `streams`)."""

from __future__ import annotations

import asyncio
from typing import Any

import ray

from actors.runtime.placement import partition_at
from actors.runtime.replication.directory import Directory
from actors.runtime.replication.protocol import NotLeading
from actors.runtime.settings import Settings

NAMESPACE = "heliograph"


class RayHost:
    """The calls of a named host (see `actors.runtime.link.HostCalls`). The handle is looked up when
    first needed, and again after a failure: the host may have been made anew."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._handle: Any = None

    async def submit(self, front: str, stream: str, number: int, payload: bytes) -> bytes:
        return await self._call("submit", front, stream, number, payload)

    async def poll(self, front: str) -> bytes:
        return await self._call("poll", front)

    async def receive(self, payload: bytes) -> bytes:
        return await self._call("receive", payload)

    async def stats(self) -> bytes:
        return await self._call("stats")

    async def _call(self, method: str, *args: Any) -> bytes:
        handle = self._handle
        if handle is None:
            handle = self._handle = _find(self._name)
        try:
            answer: bytes = await getattr(handle, method).remote(*args)
        except Exception:
            self._handle = None
            raise
        return answer


def _find(name: str) -> Any:
    if name.startswith("dedicated-"):
        # Hosts of dedicated actors are made by whoever needs one first.
        from actors.runtime.cluster import dedicated_host

        return dedicated_host(name)
    return ray.get_actor(name, namespace=NAMESPACE)


class Peers:
    """Calls of a host to other hosts."""

    def __init__(self) -> None:
        self._hosts: dict[str, RayHost] = {}

    async def __call__(self, name: str, parcel: bytes) -> bytes:
        host = self._hosts.get(name)
        if host is None:
            host = self._hosts[name] = RayHost(name)
        return await host.receive(parcel)


# --- replicated servers -------------------------------------------------------------------------


class Gcs:
    """Ray's key-value store (see `actors.runtime.replication.gcs.KeyValues`)."""

    def get(self, key: bytes) -> bytes | None:
        from ray.experimental import internal_kv

        value: bytes | None = internal_kv._internal_kv_get(key)
        return value

    def put(self, key: bytes, value: bytes, *, overwrite: bool) -> bool:
        from ray.experimental import internal_kv

        there = internal_kv._internal_kv_put(key, value, overwrite=overwrite)
        return overwrite or not there


_handles: dict[str, Any] = {}
_own: dict[str, Any] = {}


def answer_as(host: str, calls: Any) -> None:
    """What this process calls of this host, which lives in it, stays in it."""
    _own[host] = calls


async def call_host(host: str, method: str, *args: Any) -> Any:
    """Call a host of a replicated server, as this process knows it. Raises NotLeading, and what
    Ray raises."""
    if host in _own:
        return await getattr(_own[host], method)(*args)
    handle = _handles.get(host)
    if handle is None:
        find = asyncio.to_thread(ray.get_actor, host, namespace=NAMESPACE)
        handle = _handles[host] = await find
    try:
        return await getattr(handle, method).remote(*args)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, NotLeading):
            raise NotLeading(str(error.cause)) from None
        raise
    except ray.exceptions.RayError:
        _handles.pop(host, None)
        raise


class Routes:
    """How a process reaches the hosts that lead partitions."""

    def __init__(self, settings: Settings) -> None:
        names = [f"host-{number}" for number in range(settings.hosts)]
        self.directory = Directory(lambda: names, lambda host: call_host(host, "led"))

    def start(self) -> None:
        self.directory.start()

    async def close(self) -> None:
        await self.directory.close()

    async def receive(self, place: str, parcel: bytes) -> bytes:
        """Bring messages to the partition that is led at a place."""
        return await self.call(place, "receive", parcel)

    def reach(self, place: str) -> PlaceCalls:
        """The calls of a place (see `actors.runtime.link.HostCalls`)."""
        return PlaceCalls(self, place)

    async def call(self, place: str, method: str, *args: Any) -> bytes:
        """Call the host that leads there. Raises Unavailable, and what Ray raises."""
        partition = partition_at(place)
        answer: bytes = await self.directory.call(
            partition, lambda host: call_host(host, method, partition, *args)
        )
        return answer


class PlaceCalls:
    """The calls of whoever leads a partition that a front makes."""

    def __init__(self, routes: Routes, place: str) -> None:
        self._routes = routes
        self._place = place

    async def submit(self, front: str, stream: str, number: int, payload: bytes) -> bytes:
        return await self._routes.call(self._place, "submit", front, stream, number, payload)

    async def poll(self, front: str) -> bytes:
        return await self._routes.call(self._place, "poll", front)
