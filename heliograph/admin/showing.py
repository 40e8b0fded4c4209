"""Tables of which nothing is cut: as they are where they fit, else each row as a paragraph. What is
piped is as wide as it needs to be."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

PIPED_CHARS = 100_000
FOLDED_CHARS_MIN = 12
"""A column that may fold is at least so wide."""


def show(table: Table) -> None:
    """Print it. Only columns with `overflow="fold"` may be narrower than what is in them."""
    console = Console(highlight=False, width=width())
    folding = [column for column in table.columns if column.overflow == "fold"]
    for column in table.columns:
        column.no_wrap = column not in folding
        column.width = FOLDED_CHARS_MIN if column in folding else None
    unbounded = console.options.update(max_width=PIPED_CHARS)
    least = Measurement.get(console, unbounded, table).minimum
    for column in folding:
        column.width = None
    if least <= console.width:
        console.print(table)
        return
    names = [_plain(column.header) for column in table.columns]
    for row in zip(*(column.cells for column in table.columns), strict=True):
        cells = [_plain(cell) for cell in row]
        print(f"{names[0]} {cells[0]}".strip())
        for name, cell in zip(names[1:], cells[1:], strict=True):
            if cell:
                print(" ", *filter(None, (name, cell)))


def width() -> int | None:
    """How wide what is printed may be; None: as the terminal."""
    return None if sys.stdout.isatty() else PIPED_CHARS


def _plain(cell: object) -> str:
    return cell.plain if isinstance(cell, Text) else str(cell)
