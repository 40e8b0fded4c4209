"""What must be true of the rows of a session."""

from __future__ import annotations

from typing import Any

from actors.session.turns import HEAD, SessionHead
from actors.verify.report import Facts, Report
from runtime.rows import Table


class SessionCheck:
    """Fed with the head."""

    tables: tuple[Table[Any, Any], ...] = (HEAD,)

    def __init__(self, key: str, where: str, facts: Facts, report: Report) -> None:
        user_id, _, session_id = key.partition(".")
        self._key = (int(user_id), int(session_id))
        self._facts = facts
        self._report = report

    def row(self, key: Any, row: SessionHead) -> None:
        self._facts.sessions.add(self._key)
        self._report.counts["sessions"] += 1

    def end(self) -> None:
        """There is nothing more to check."""
