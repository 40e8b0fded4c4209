"""The rows of one file."""

from __future__ import annotations

from typing import Any

from actors.file.turns import HEAD, KEEPERS, REFERRERS, FileHead, ReferrerRow
from actors.verify.report import Chunks, Facts, Report
from api.files import name_in, part_count, split
from runtime.rows import Table


class FileCheck:
    """Fed with the rows in the order of their keys: head, who refers to it, who uploaded it."""

    tables: tuple[Table[Any, Any], ...] = (HEAD, REFERRERS, KEEPERS)

    def __init__(self, key: str, where: str, facts: Facts, report: Report) -> None:
        self._key = key
        self._where = where
        self._facts = facts
        self._report = report
        self._size = 0
        self._counted = 0
        self._found = 0

    def row(self, key: Any, row: Any) -> None:
        if isinstance(row, FileHead):
            self._size = row.size
            self._counted = row.references
        elif isinstance(row, ReferrerRow):
            self._found += row.references
            self._facts.referred[(self._key, key)] = row.references

    def end(self) -> None:
        self._report.counts["files"] += 1
        if self._counted != self._found:
            self._report.add(
                self._where, f"{self._counted} references were counted, and {self._found} are there"
            )
        if self._size and self._facts.chunks is not None:
            self._look_for_chunks(self._facts.chunks)

    def _look_for_chunks(self, chunks: Chunks) -> None:
        root = name_in(self._key)
        names = [root]
        if part_count(self._size) > 1:
            names += split(chunks.get(root) or b"")
        missing = sum(not chunks.has(name) for name in names)
        if missing:
            self._report.add(self._where, f"{missing} of its {len(names)} chunks are missing")
