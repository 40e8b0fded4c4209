"""What a run is summed up to, and its tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import typer

from heliograph.cli import app
from sim.peers import debian
from sim.peers.program import Failed
from sim.peers.report import faulty, short, summary, tables
from sim.peers.rounds import Peer, Plan, Turns, everybody, measure
from sim.peers.workload import Figures, Load

PROGRAM: Any = typer.main.get_command(app)
SMALL, LARGE = Load(1, 1), Load(200, 8)
PLAN = Plan([SMALL, LARGE], rounds=3, seconds=5.0)
FIGURES = Figures(1_000.0, 2.0, 9.0, 400.0, 20.0, 0, 0, 0, 0)


def turns(name: str, factor: float = 1.0, pairs_max: int = 200, **other: Any) -> Turns:
    peer = cast(Peer, SimpleNamespace(name=name, keeps="synced", pairs_max=pairs_max))
    each = [replace(FIGURES, per_s=factor * per_s, **other) for per_s in (900.0, 1_000.0, 1_200.0)]
    return Turns(peer, "1.0", {SMALL: each, LARGE: each}, [2.0, 1.0, 1.0], [50.0] * 3)


FOUND = [turns("heliograph"), turns("slow", 0.25, pairs_max=20)]


def test_medians_with_noise() -> None:
    result = summary(PLAN, FOUND, {"absent": "not installed: it"})
    assert (result["rounds"], result["seconds"]) == (3, 5.0)
    row = result["peers"]["slow"]["loads"]["200x8"]
    assert row["per_s"] == {"median": 250.0, "min": 225.0, "max": 300.0}
    assert (row["pairs"], row["window"], row["lost"]) == (20, 8, 0)
    assert result["skipped"] == {"absent": "not installed: it"}
    assert not faulty(result)


def test_a_table_for_each_load() -> None:
    told = tables(summary(PLAN, FOUND, {"absent": "not installed: it"}))
    assert told.startswith("3 rounds of 5 s for each load, ")
    assert "\n\n**1 pair, window 1**\n\n| peer " in told
    rows = [line for line in told.splitlines() if line.startswith("|")]
    assert len({len(line) for line in rows[:4]}) == 1
    assert rows[2].split() == [
        "|",
        "heliograph",
        "|",
        "1.0",
        "|",
        "1.00",
        "(1.00–2.00)",
        "|",
        "50.0",
        "|",
    ]
    cells = [cell.strip() for cell in rows[-1].strip("|").split("|")]
    assert cells[:4] == ["slow (20 pairs)", "synced", "250 (225–300)", "0.25"]
    assert cells[4:6] == ["2.00", "9.00"]
    assert told.endswith("\n\nskipped: absent: not installed: it")


def test_faults_are_told() -> None:
    bad = summary(PLAN, [turns("heliograph", lost=1, refused=2)], {})
    assert faulty(bad)
    assert "heliograph, 1x1: 3 lost, 6 refused" in tables(bad)
    again = summary(PLAN, [turns("heliograph", refused=2)], {})
    assert not faulty(again)


def test_one_that_failed_at_once() -> None:
    peer = cast(Peer, SimpleNamespace(name="gone", keeps="nothing", pairs_max=20))
    result = summary(PLAN, [FOUND[1], Turns(peer, "1.0", failed="it said no")], {})
    assert faulty(result)
    told = tables(result)
    assert "failed: gone: it said no" in told
    assert "| - " in told.replace("  ", ""), "no ratio without Heliograph"


def test_a_peer_that_fails_gets_no_other_turn(tmp_path: Path) -> None:
    asked = []

    class Broken:
        name, keeps, pairs_max = "broken", "nothing", 1

        def version(self, home: Path) -> str:
            return "1.0"

        def running(self, folder: Path, home: Path) -> Any:
            asked.append(folder)
            raise Failed("it does\nnot start")

    (found,) = measure([cast(Peer, Broken())], PLAN, tmp_path, tmp_path, lambda what: None)
    assert (found.failed, asked) == ("it does not start", [tmp_path / "broken"])


@pytest.mark.parametrize(
    ("value", "told"), [(0.1234, "0.12"), (12.34, "12.3"), (123.4, "123"), (37_512.0, "37,512")]
)
def test_short(value: float, told: str) -> None:
    assert short(value) == told


def test_names_are_different() -> None:
    names = [peer.name for peer in everybody()]
    assert len(set(names)) == len(names) == 6


def command(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        PROGRAM.main(["bench", "peers", *arguments])
    return cast(int, end.value.code)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--load", "3"), "--load 3: it is pairs and window"),
        (("--load", "0x1"), "with 1 to 200 pairs"),
        (("--load", "201x1"), "with 1 to 200 pairs"),
        (("--load", "1x65"), "a window of 1 to 64"),
        (("--only", "nobody"), "--only nobody: there are heliograph, ejabberd,"),
        (("--only", "ejabberd"), "--only ejabberd: not installed: ejabberd, "),
        (("--only", "synapse", "--home", "."), "matrix-synapse; --install installs it"),
    ],
)
def test_bad_input(
    arguments: tuple[str, ...],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(debian, "version_of", lambda package: "")
    assert command(*arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("heliograph: ")
    assert said.count("\n") == 1
    assert told in said


def test_who_is_not_installed_is_skipped_loudly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(debian, "version_of", lambda package: "")
    monkeypatch.setattr("sim.peers.rounds.measure", lambda peers, *_: [FOUND[0]])
    assert command("--home", str(tmp_path)) == 0
    said = capsys.readouterr().out
    for name in ("ejabberd", "ejabberd-bare", "prosody", "prosody-bare", "synapse"):
        assert said.count(f"skipped: {name}: not installed: ") == 2, "before, and in the end"
