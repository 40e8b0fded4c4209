"""What must be true of the rows of a handle."""

from __future__ import annotations

from typing import Any

from actors.handle.turns import HEAD, HandleHead
from actors.verify.report import Facts, Report
from runtime.rows import Table


class HandleCheck:
    """Fed with the head."""

    tables: tuple[Table[Any, Any], ...] = (HEAD,)

    def __init__(self, key: str, where: str, facts: Facts, report: Report) -> None:
        self._name = key.removeprefix("username:")
        self._facts = facts

    def row(self, key: Any, row: HandleHead) -> None:
        self._facts.holders[self._name] = row.user_id

    def end(self) -> None:
        """There is nothing more to check."""
