"""`make soak`: what takes longer than the gate may, piece by piece.

Each part is a run of the tests, or of the simulator, that ends by itself. The parts take turns: the
one that has waited longest comes first, so that one hour after the other goes through all of them,
and who stops in the middle goes on there. What ran stands in a table of `docs/testing.md`, which
is also where the next run looks. `SOAK_MINUTES` bounds a run; `SOAK_PARTS=faults,worlds` chooses.
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from dataclasses import astuple, dataclass
from pathlib import Path

from tests.profile import SEED_VARIABLE, SOAK_VARIABLE
from tests.times import between

ROOT = Path(__file__).parents[1]
LOGS = ROOT / ".venv" / "soak-logs"
TABLE = ROOT / "docs" / "testing.md"
BEGIN, END = "<!-- soak: begin -->\n", "<!-- soak: end -->\n"
HEAD = (
    "| part | when (UTC) | commit | seed | took, s | runs | in all, s | result |",
    "|---|---|---|--:|--:|--:|--:|---|",
)
NEVER = ("", "", 0, 0, 0, 0, "has not run")
MINUTES = float(os.environ.get("SOAK_MINUTES") or 60)
LONGER = 1.5
"""A part that takes so much longer than it did the last time is stopped when the time is over."""
STOP_S_MAX = 120
FACTOR = 10
"""How many times as many examples and seeds as the gate tries."""
BIN = Path(sys.executable).parent
SUMMED_UP = re.compile(r"\d+ (passed|failed|errors?)\b.* in [\d.]+s")


@dataclass(frozen=True)
class Part:
    """`arguments`: of pytest, or, where they begin with `heliograph`, a command. `guess_s`: how
    long it takes, until it has run here."""

    name: str
    arguments: tuple[str, ...]
    guess_s: int
    factor: int = FACTOR

    def command(self, seed: int) -> list[str]:
        if self.arguments[0] == "heliograph":
            words = [str(seed) if word == "SEED" else word for word in self.arguments]
            return [str(BIN / "heliograph"), *words[1:]]
        return [str(BIN / "pytest"), "-q", "-p", "no:cacheprovider", *self.arguments]


def faults(name: str, module: str, guess_s: int) -> Part:
    """All tests of a module that starts servers: unthrottled loads, checked after every fault."""
    return Part(name, (f"tests/integration/{module}.py",), guess_s, 1)


def ignored(part: Part) -> str:
    """The option that leaves out its module."""
    return f"--ignore={part.arguments[0]}"


OF_FAULTS = (
    faults("faults", "test_faults", 500),
    faults("copies", "test_replication", 500),
    faults("moves", "test_moves", 400),
    faults("moving", "test_moving", 300),
    faults("moving copies", "test_moving_copies", 400),
    faults("nodes", "test_nodes", 300),
    faults("machines", "test_machines", 1_500),
    faults("backup", "test_backup", 400),
    faults("dedicated", "test_dedicated", 150),
    faults("disk", "test_disk", 200),
    faults("media", "test_media", 400),
)
PARTS = (
    *OF_FAULTS,
    Part("others", ("tests/integration", "-m", "soak", *map(ignored, OF_FAULTS)), 120, 1),
    Part("browser", ("tests/browser", "-m", "soak"), 400, 1),
    Part("fuzz", ("tests/integration/test_fuzz.py",), 900),
    Part("mutations", ("tests/unit", "-n", "logical", "-m", "soak"), 900, 1),
    Part("properties", ("tests/unit", "-n", "logical", "-m", "hypothesis or draws"), 1_200),
    Part("worlds", ("heliograph", "sim", "world", "--first", "SEED", "--seeds", "600"), 300),
)


@dataclass
class Ran:
    """A row of the table: what a part came to the last time, and how often and how long it has run
    in all."""

    part: str
    when: str
    commit: str
    seed: int
    took_s: int
    runs: int
    in_all_s: int
    result: str

    def line(self) -> str:
        return "| " + " | ".join(str(value) for value in astuple(self)) + " |"

    @staticmethod
    def of(line: str) -> Ran:
        part, when, commit, seed, took_s, runs, in_all_s, result = line.strip("| \n").split(" | ")
        return Ran(part, when, commit, int(seed), int(took_s), int(runs), int(in_all_s), result)


def commit() -> str:
    def git(*words: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=ROOT, capture_output=True, text=True, check=False
        ).stdout.strip()

    changed = git("status", "--porcelain", "--", ":!docs/testing.md")
    return git("rev-parse", "--short=10", "HEAD") + ("+" if changed else "")


def recorded() -> dict[str, Ran]:
    """What the table says, which goes from machine to machine with the code."""
    lines = TABLE.read_text().split(BEGIN)[1].split(END)[0].splitlines()
    rows = [Ran.of(line) for line in lines[len(HEAD) :]]
    return {row.part: row for row in rows if row.runs}


def write_table(rows: dict[str, Ran]) -> None:
    """Put what ran into `docs/testing.md`."""
    all_rows = [rows.get(part.name) or Ran(part.name, *NEVER) for part in PARTS]
    lines = [*HEAD, *(row.line() for row in all_rows)]
    TABLE.write_text(between(TABLE.read_text(), BEGIN, END, lines))


def next_part(rows: dict[str, Ran], left_s: float, chosen: set[str]) -> Part | None:
    """The one that has waited longest, of those that can end in time."""

    def waited(part: Part) -> str:
        return rows[part.name].when if part.name in rows else ""

    def takes_s(part: Part) -> float:
        return rows[part.name].took_s if part.name in rows else part.guess_s

    fitting = [part for part in PARTS if part.name in chosen and takes_s(part) <= left_s]
    return min(fitting, key=waited, default=None)


def run(part: Part, seed: int, at_most_s: float) -> tuple[int, str]:
    """Run a part; its exit code, and the line in which it says what it came to. It is asked to end
    after `at_most_s`."""
    LOGS.mkdir(exist_ok=True)
    log = LOGS / f"{part.name.replace(' ', '-')}.log"
    environment = {
        **os.environ,
        SEED_VARIABLE: str(seed),
        SOAK_VARIABLE: str(part.factor),
    }
    with open(log, "wb") as output:
        running = subprocess.Popen(
            part.command(seed), cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            code = running.wait(at_most_s)
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGINT)
            try:
                running.wait(STOP_S_MAX)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()
            return 1, f"did not end within {at_most_s:.0f} s"
    return code, came_to(log.read_text(errors="replace"))


def came_to(log: str) -> str:
    """The last line, or that in which pytest sums up: others may follow it."""
    lines = [line.strip("= ") for line in log.splitlines() if line.strip("= ")]
    return next((line for line in reversed(lines) if SUMMED_UP.search(line)), (lines or [""])[-1])


def main(arguments: list[str]) -> int:
    argparse.ArgumentParser("make soak", description=__doc__).parse_args(arguments)
    end_s = time.monotonic() + 60 * MINUTES
    names = {part.name for part in PARTS}
    chosen = set(filter(None, os.environ.get("SOAK_PARTS", "").split(","))) or names
    if not chosen <= names:
        print(f"SOAK_PARTS: there are {', '.join(sorted(names))}")
        return 2
    rows, ran, failed = recorded(), set[str](), []
    while part := next_part(rows, end_s - time.monotonic(), chosen - ran):
        seed, begun_s = secrets.randbelow(10**9), time.monotonic()
        print(f"{part.name} (seed {seed}) ...", flush=True)
        expected_s = rows[part.name].took_s if part.name in rows else part.guess_s
        code, result = run(part, seed, max(LONGER * expected_s, end_s - begun_s))
        took_s = round(time.monotonic() - begun_s)
        before = rows.get(part.name) or Ran(part.name, *NEVER)
        rows[part.name] = Ran(
            part.name,
            time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
            commit(),
            seed,
            took_s,
            before.runs + 1,
            before.in_all_s + took_s,
            result.replace("|", "/") or "said nothing",
        )
        write_table(rows)
        ran.add(part.name)
        print(f"{part.name}: {result} ({took_s:.0f} s)", flush=True)
        if code:
            failed.append(part.name)
            print(f"    see {LOGS.relative_to(ROOT)}/{part.name.replace(' ', '-')}.log", flush=True)
    print(f"{len(ran)} parts ran, {len(failed)} found something; {TABLE.relative_to(ROOT)}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
