"""Nothing of a table is cut."""

from __future__ import annotations

import itertools

import pytest
from rich.table import Column, Table
from rich.text import Text

from heliograph.admin import showing
from heliograph.admin.showing import show

PROCESSES = [
    f"{kind}-{number}" for kind in ("host", "edge", "front", "media") for number in range(3)
]


@pytest.fixture
def columns(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> int | None:
    """Of the terminal; None: piped."""
    columns: int | None = request.param
    if columns is not None:
        monkeypatch.setattr(showing, "width", lambda: columns)
    return columns


@pytest.mark.parametrize("columns", [None, 1, 20, 80, 300], indirect=True)
@pytest.mark.parametrize("processes", [1, 2, 12])
def test_every_figure_is_there(
    columns: int | None, processes: int, capsys: pytest.CaptureFixture[str]
) -> None:
    table = Table("figure", *PROCESSES[:processes])
    for name, number in (("turns_total", 12_345_678), ("commit_s", 7)):
        table.add_row(name, *(f"{number + column:,}" for column in range(processes)))
    show(table)
    shown = capsys.readouterr().out
    for process, name in itertools.product(PROCESSES[:processes], ("turns_total", "commit_s")):
        assert process in shown
        assert name in shown
    for column, number in itertools.product(range(processes), (12_345_678, 7)):
        assert f"{number + column:,}" in shown
    assert "…" not in shown
    if columns is not None and "─" in shown:
        assert max(map(len, shown.splitlines())) <= columns
    if columns is None:
        assert "─" in shown


@pytest.mark.parametrize("columns", [10, 80], indirect=True)
def test_what_may_fold_goes_on_below(columns: int, capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("user name", Column("name", overflow="fold"))
    table.add_row("alice", Text("[red]" + "a" * 100))
    show(table)
    shown = capsys.readouterr().out
    assert shown.count("a") >= 100
    assert "[red]" in shown
    assert ("─" in shown) == (columns == 80)


@pytest.mark.parametrize("columns", [40], indirect=True)
def test_a_row_is_a_paragraph(columns: int, capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("figure", *PROCESSES)
    table.add_row("turns_total", "5", *[""] * 10, "7")
    show(table)
    assert capsys.readouterr().out == "figure turns_total\n  host-0 5\n  media-2 7\n"
