"""Rows written to the copies of a shard while no server runs, as a leader would have it done.

All copies in sync get the same records, after what they have in common, in an epoch of their own.
What one of them has beyond was never acknowledged and is taken back. The epoch is remembered by all
before a record of it is written: if this is broken off, no leader gives the same number and epoch
to another record.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from msgspec.structs import replace

from runtime.replication.protocol import Configuration, encode
from storage.folder import HostFolder
from storage.port import Writes
from storage.replica import LmdbReplica, encode_record, folder_of

LOCK_S = 5.0


def write_to_copies(
    data: Path,
    config: Configuration,
    partitions: Sequence[int],
    hosts: Sequence[str],
    after: int,
    batches: Sequence[Writes],
) -> None:
    """Write batches as records after number `after`. `config`: the newest of the shard, which has
    these `partitions`; `hosts`: those in sync whose copies can be written to, who will be in sync
    then. Raises StorageError."""
    assert hosts
    assert set(hosts) <= set(config.in_sync)
    leader = config.leader if config.leader in hosts else hosts[0]
    config = replace(config, epoch=config.epoch + 1, leader=leader, in_sync=tuple(hosts))
    records = [encode_record(config.epoch, writes) for writes in batches]
    with ExitStack() as stack:
        copies = []
        for host in hosts:
            stack.callback(HostFolder.lock(data / host, LOCK_S).close)
            copy = LmdbReplica(folder_of(data / host, config.shard), partitions)
            stack.callback(copy.close)
            copies.append(copy)
        for copy in copies:
            copy.remember(encode(config))
        for copy in copies:
            copy.truncate(after)
            assert copy.last == after
            copy.append_records(records)
