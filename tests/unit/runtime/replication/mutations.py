"""Rules of replication left out, one at a time: whoever checks it must find each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from runtime.replication.copy import Copy
from runtime.replication.leader import Leader
from runtime.replication.member import Member
from runtime.replication.protocol import Configuration
from runtime.streams import Streams
from storage.port import Writes
from storage.replica import encode_record

Patch = pytest.MonkeyPatch
Mutate = Callable[[Patch], None]


def acknowledge_before_the_followers_have_it(patch: Patch) -> None:
    patch.setattr(Leader, "_is_committed", lambda self, number: True)


def acknowledge_before_the_sync(patch: Patch) -> None:
    async def commit(self: Any, writes: Writes, idle: bool) -> bool:
        self._check()
        self._unsynced = [*getattr(self, "_unsynced", []), encode_record(self.config.epoch, writes)]
        if len(self._unsynced) < 20 and writes:
            self.committed += 1
            return False
        for record in self._unsynced:
            self._store.disk.records[self._store.disk.last + 1] = record
        self._unsynced = []
        self._wake_all()
        return False

    patch.setattr(Leader, "commit", commit)


def skip_the_check_of_epochs(patch: Patch) -> None:
    async def heed(self: Copy, config: Configuration) -> bool:
        await self._adopt(config)
        return True

    patch.setattr(Copy, "_heed", heed)
    patch.setattr(Leader, "_check", lambda self: None)
    patch.setattr(Leader, "has_lease", lambda self, now_s: True)


def forget_the_watermark(patch: Patch) -> None:
    def advance(self: Streams, source: int, target: int, mark: int) -> None:
        self._watermarks[(source, target)] = mark

    patch.setattr(Streams, "advance", advance)


def take_over_out_of_sync(patch: Patch) -> None:
    real = Member._claim

    async def claim(self: Member, fresh: bool) -> Configuration | None:
        config = self.copy.config
        if config.members and self.copy.host not in config.in_sync:
            self.copy.config = msgspec.structs.replace(
                config, in_sync=(*config.in_sync, self.copy.host)
            )
        return await real(self, fresh)

    patch.setattr(Member, "_claim", claim)


def never_ship_again(patch: Patch) -> None:
    patch.setattr(Streams, "rewind", lambda self, source, target: None)


def serve_without_a_lease(patch: Patch) -> None:
    patch.setattr(Leader, "has_lease", lambda self, now_s: True)
