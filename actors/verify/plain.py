"""Actors whose rows only have to be readable."""

from __future__ import annotations

from typing import Any

from actors.verify.report import Facts, Report
from runtime.rows import Table


class PlainCheck:
    """See the module."""

    tables: tuple[Table[Any, Any], ...] = ()

    def __init__(self, key: Any, where: str, facts: Facts, report: Report) -> None:
        """Nothing is kept."""

    def row(self, key: Any, row: Any) -> None:
        """Reading it was the check."""

    def end(self) -> None:
        """There is nothing more to check."""
