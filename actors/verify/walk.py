"""The way through the rows of all partitions."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import msgspec

from actors.chat.check import ChatCheck
from actors.file.check import FileCheck
from actors.handle.check import HandleCheck
from actors.invitation.check import InvitationCheck
from actors.kinds import KINDS
from actors.session.check import SessionCheck
from actors.throttle.check import ThrottleCheck
from actors.user.check import UserCheck
from actors.verify.across import check_across
from actors.verify.plain import PlainCheck
from actors.verify.report import Chunks, Facts, Report
from runtime.placement import Placement
from runtime.refs import KIND_NAMES, ActorRef
from runtime.residence import residences_in
from runtime.rows import Table
from runtime.streams import DEAD, NUMBERS, OUTBOX, WATERMARKS
from storage.keys import split_key
from storage.port import BadKey

Rows = Iterator[tuple[bytes, bytes | None]]
NOWHERE = -1


Check = UserCheck | ChatCheck | SessionCheck | HandleCheck | FileCheck | PlainCheck
CHECKS: dict[int, type[Check]] = {
    KINDS["user"].number: UserCheck,
    KINDS["session"].number: SessionCheck,
    KINDS["chat"].number: ChatCheck,
    KINDS["handle"].number: HandleCheck,
    KINDS["throttle"].number: ThrottleCheck,
    KINDS["invitation"].number: InvitationCheck,
    KINDS["file"].number: FileCheck,
}


class RowSource(Protocol):
    """A host's store at one moment (`storage.snapshot.Snapshot`)."""

    partitions: list[int]

    def rows(self, partition: int) -> Rows: ...


def verify(
    placement: Placement, hosts: Iterable[tuple[str, RowSource]], chunks: Chunks | None = None
) -> Report:
    """Check everything. `hosts`: all hosts by name; `chunks`: those of files, to see whether all
    are there."""
    report, facts = Report(), Facts(chunks)
    hosts = list(hosts)
    moving = _find_moves(placement, (source for _, source in hosts))
    report.counts["actors moved"] = len(moving)
    for name, source in hosts:
        for partition in source.partitions:
            walk = _Walk(placement, partition, moving, facts, report)
            walk.go(source.rows(partition))
            report.counts["partitions"] += 1
            if placement.host(partition) != name:
                report.add(name, f"partition {partition} belongs to {placement.host(partition)}")
    check_across(placement, facts, report)
    return report


def _find_moves(placement: Placement, sources: Iterable[RowSource]) -> dict[ActorRef, int]:
    """Which actors move or have moved, and the partition that each is in now. One that has left
    and has not arrived is in none: what there is of it, here and there, is not all. The placement
    learns of those that have arrived; whom else it takes for moved (fronts are told as soon as an
    actor has left), the rows do not say yet."""
    phases: dict[ActorRef, set[str]] = {}
    for source in sources:
        for partition in source.partitions:
            for residence in residences_in(source.rows(partition)):
                phases.setdefault(residence.ref, set()).add(residence.phase)
                if residence.phase == "here":
                    placement.learn(residence.ref, residence.partition)
    return {
        ref: NOWHERE if "left" in seen and "here" not in seen else placement.partition(ref)
        for ref, seen in phases.items()
    }


class _Walk:
    """Through one partition."""

    def __init__(
        self,
        placement: Placement,
        partition: int,
        moving: dict[ActorRef, int],
        facts: Facts,
        report: Report,
    ) -> None:
        self._placement = placement
        self._moving = moving
        self._partition = partition
        self._facts = facts
        self._report = report
        self._actor: tuple[int, int | str] | None = None
        self._check: Any = None
        self._where = ""
        self._tables: dict[int, Table[Any, Any]] = {}

    def go(self, rows: Rows) -> None:
        for key, row in rows:
            self._report.counts["rows"] += 1
            try:
                kind, actor, table, suffix = split_key(key)
            except BadKey as error:
                self._report.add(f"partition {self._partition}", str(error))
                continue
            if kind and (kind, actor) != self._actor:
                self._begin(kind, actor)
            if row is None:
                where = self._where if kind else f"partition {self._partition}"
                self._report.add(where, f"row {suffix.hex()} of table {table} fails its check")
            elif kind == 0:
                self._stream_row(table, suffix, row)
            elif self._check is not None:
                self._actor_row(table, suffix, row)
        self._finish()

    def _begin(self, kind: int, actor: Any) -> None:
        self._finish()
        self._actor = (kind, actor)
        make = CHECKS.get(kind)
        if make is None:
            self._report.add(f"partition {self._partition}", f"actors of kind {kind} are unknown")
            return
        ref = ActorRef(KIND_NAMES[kind], actor)
        self._where = str(ref)
        if self._moving.get(ref, self._partition) != self._partition:
            return  # a copy that is not complete yet, or what is left over here
        try:
            self._check = make(actor, self._where, self._facts, self._report)
        except (ValueError, TypeError, AttributeError) as error:
            self._report.add(self._where, f"is no actor that there can be: {error}")
            return
        self._tables = {table.number: table for table in self._check.tables}
        if self._placement.partition(ref) != self._partition:
            self._report.add(self._where, f"lies in partition {self._partition}, where it is not")

    def _finish(self) -> None:
        if self._check is not None:
            self._check.end()
        self._check = None

    def _actor_row(self, number: int, suffix: bytes, raw: bytes) -> None:
        assert self._check is not None
        table = self._tables.get(number)
        if table is None:
            self._report.add(self._where, f"has rows in table {number}, which it does not have")
            return
        try:
            key, row = table.key.decode(suffix), table.decode(raw)
        except (msgspec.MsgspecError, struct.error, ValueError) as error:
            self._report.add(self._where, f"row {suffix.hex()} of table {number}: {error}")
        else:
            self._check.row(key, row)

    def _stream_row(self, table: int, suffix: bytes, row: bytes) -> None:
        """The runtime's own rows; timers and dead letters only have to be readable."""
        other = int.from_bytes(suffix[:8], "big")
        facts, here = self._facts, self._partition
        if table == OUTBOX:
            number = int.from_bytes(suffix[8:], "big")
            facts.waiting.setdefault((here, other), []).append(number)
        elif table == NUMBERS:
            facts.sent[(here, other)] = int.from_bytes(row, "big")
        elif table == WATERMARKS:
            facts.watermarks[(other, here)] = int.from_bytes(row, "big")
        elif table == DEAD:
            self._report.counts["dead letters"] += 1
