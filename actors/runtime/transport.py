"""Ray calls: how fronts and hosts reach hosts. A call carries one `bytes` and is made at most once;
numbering, repeating and fencing are done above (`link`, `streams`)."""

from __future__ import annotations

from typing import Any

import ray

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
