"""A reader on another node: a process of its own there, beside the hosts whose stores it reads.

It is a Ray actor that belongs to the process of the backup: Ray ends it with that, however it ends.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray

from heliograph.admin.cut import History
from heliograph.admin.reader import Partitions, Reader, Unsettled
from storage.backup.chunks import Cut
from storage.chunk_reader import Held
from storage.port import StorageError

if TYPE_CHECKING:
    from shells.cluster import Home

ANSWER_S_MAX = 120.0
"""To open a store takes longest: all that is in its log is read."""


class RemoteReader:
    """See `heliograph.admin.reader.Reading`."""

    def __init__(self, home: Home) -> None:
        self._node = home.node
        self._actor: Any = (
            ray.remote(Reader)
            .options(num_cpus=0, max_restarts=0, max_task_retries=0, **home.pin)
            .remote(Path(home.data))
        )

    def _ask(self, method: str, *arguments: Any) -> Any:
        try:
            call = getattr(self._actor, method).remote(*arguments)
            return ray.get(call, timeout=ANSWER_S_MAX)
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, StorageError):
                raise error.cause from error
            raise
        except ray.exceptions.RayError as error:
            raise Unsettled(f"node {self._node} could not be read on: {error}") from error

    def close(self) -> None:
        with contextlib.suppress(ray.exceptions.RayError):
            ray.kill(self._actor)

    def add_hosts(self, names: Iterable[str]) -> Partitions:
        found: Partitions = self._ask("add_hosts", list(names))
        return found

    def add_copies(self, wanted: Mapping[int, Sequence[str]]) -> Partitions:
        found: Partitions = self._ask("add_copies", wanted)
        return found

    def catch_up(self) -> dict[str, int]:
        ends: dict[str, int] = self._ask("catch_up")
        return ends

    def histories(self) -> dict[str, History]:
        histories: dict[str, History] = self._ask("histories")
        return histories

    def last_with_rows(self, cut: Mapping[str, int]) -> dict[str, int]:
        records: dict[str, int] = self._ask("last_with_rows", cut)
        return records

    def not_shown(self, cut: Mapping[str, int]) -> list[str]:
        late: list[str] = self._ask("not_shown", cut)
        return late

    def settle(self, cut: Mapping[str, int]) -> None:
        self._ask("settle", cut)

    def begin(self, store: str, partition: int, salt: int) -> None:
        self._ask("begin", store, partition, salt)

    def more(self) -> list[Cut]:
        piece: list[Cut] = self._ask("more")
        return piece

    def packed(self, names: Sequence[str]) -> list[bytes]:
        chunks: list[bytes] = self._ask("packed", names)
        return chunks

    def media(self) -> list[str]:
        names: list[str] = self._ask("media")
        return names

    def held(self, media: str, after: bytes) -> list[Held]:
        found: list[Held] = self._ask("held", media, after)
        return found

    def file_chunks(self, names: Sequence[bytes]) -> list[bytes | None]:
        chunks: list[bytes | None] = self._ask("file_chunks", names)
        return chunks
