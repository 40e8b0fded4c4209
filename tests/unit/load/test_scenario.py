"""Scenarios: what a file says is what is done, and what is wrong with it is said in one line."""

from __future__ import annotations

from math import isclose
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import limits
from sim.load.options import Given, plan_of
from sim.load.plan import Backoff, Chats, Churn, File, Plan, Storm, shared_out
from sim.load.scenario import read_scenario
from sim.population import scenario as population
from sim.population.scenario import SHIPPED
from sim.tables import TableError

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "load.toml"
WHOLE = """
[population]
whatever = "another tool's"

[load]
seconds = 60
rate = 100
arrivals = "poisson"
burst = 3
idle = 50
processes = 2
abort_below = 95
chats = [{count = 20, share = 0.75}, {count = 2, size = 10, senders = 3, share = 0.25}]

[[load.files]]
bytes = 200_000
share = 0.1
download = 0.5

[load.churn]
per_s = 4

[[load.storms]]
at_s = 20
connections = 60

[load.backoff]
max_s = 30
"""


def scenario(folder: Path, text: str) -> Path:
    path = folder / "scenario.toml"
    path.write_text(text)
    return path


def test_a_file_says_what_is_done(tmp_path: Path) -> None:
    plan = read_scenario(scenario(tmp_path, WHOLE))
    assert plan == Plan(
        chats=(Chats(20, share=0.75), Chats(2, 10, 3, 0.25)),
        seconds=60.0,
        rate=100.0,
        arrivals="poisson",
        burst=3,
        files=(File(200_000, 0.1, 0.5),),
        idle=50,
        churn=Churn(4.0),
        storms=(Storm(20.0, 60),),
        backoff=Backoff(max_s=30.0),
        processes=2,
        abort_below=95.0,
    )
    assert (plan.users, plan.writers, plan.listeners) == (60, 46, 64)
    assert plan.accounts == 60 + 50 // limits.CONNECTIONS_PER_SESSION_MAX + 1
    assert [plan.rate_of(each) for each in plan.chats] == [75.0, 25.0]


def test_the_population_and_the_load_share_a_file(tmp_path: Path) -> None:
    town = (SHIPPED / "working-day.toml").read_text()
    path = scenario(tmp_path, f"{town}\n[load]\nidle = 4\n")
    assert population.load(str(path)).regions
    assert read_scenario(path).idle == 4


def test_the_example_can_be_run() -> None:
    plan = read_scenario(EXAMPLE)
    assert plan.rate_of(plan.chats[0]) == 48
    assert len(shared_out(plan, plan.processes)) == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[load", "not TOML: "),
        ("[laod]", "there is no table [load]"),
        ("load = 3", "load: not allowed; it is a table; there are chats, seconds, "),
        ("[load]", "load.chats: there is nobody; "),
        ("[load]\nsecnds = 1", "load.secnds: there is no such field; there are chats, seconds, "),
        ("[load]\nidle = 1\nseconds = '5 s'", "load.seconds: not allowed; it is a number above 0 "),
        ("[load]\nidle = 1\nseconds = '5 s'", " and up to 604,800, in seconds"),
        ("[load]\nidle = 1\nseconds = nan", "load.seconds: not allowed; "),
        ("[load]\nidle = 1\nseconds = 1e400", "load.seconds: not allowed; "),
        ("[load]\nidle = -1", "load.idle: not allowed; it is a whole number from 0 to 100,000"),
        ("[load]\nidle = 1.5", "load.idle: not allowed; it is a whole number from 0 to 100,000"),
        ("[load]\nchats = [{size = 3}]", "load.chats[0].count: missing; it is a whole number from"),
        ("[load]\nchats = [{count = 0}]", "load.chats[0].count: not allowed; it is a whole"),
        ("[load]\nchats = {count = 1}", "load.chats: not allowed; it is a list; each is a table; "),
        (
            "[load]\nchats = [{count = 1, size = 3, senders = 4}]",
            "load.chats[0].senders: at most all 3 members write",
        ),
        (
            "[load]\nrate = 4\nchats = [{count = 1, share = 0.5}, {count = 1, share = 0.6}]",
            "load.chats: their shares sum to 1.1; they must sum to 1",
        ),
        (
            "[load]\nrate = 4\nchats = [{count = 1}, {count = 1, size = 3}]",
            "load.chats: each needs its share of the rate",
        ),
        ("[load]\nchats = [{count = 1, share = 1}]", "load.chats: shares are of a rate, and there"),
        ("[load]\nrate = 0\nchats = [{count = 1}]", "load.rate: not allowed; it is a number above"),
        ("[load]\nrate = 4\nwindow = 2\nchats = [{count = 1}]", "load.window: there is either a "),
        ("[load]\nrate = 4\nidle = 1", "load.rate: there are no chats to send to"),
        ("[load]\nidle = 1\nburst = 2", "load.arrivals: how messages arrive is said of a rate; "),
        ("[load]\nidle = 1\narrivals = 'x'", 'load.arrivals: not allowed; it is "even" or "poiss'),
        (
            "[load]\nidle = 1\nfiles = [{bytes = 3, share = 0.1}]",
            "load.files[0].bytes: not allowed; it is a whole number from 16 to 67,108,864, in by",
        ),
        (
            "[load]\nidle = 1\nfiles = [{bytes = 30, share = 1}, {bytes = 30, share = 0.5}]",
            "load.files: their shares sum to 1.5; at most 1 is allowed",
        ),
        (
            "[load]\nidle = 1\nstorms = [{at_s = 1, connections = 2}]",
            "load.storms[0].connections: at most the 1 that do not write",
        ),
        (
            "[load]\nidle = 1\nstorms = [{at_s = 10, connections = 1}]",
            "load.storms[0].at_s: below seconds, 10",
        ),
        ("[load]\nchats = [{count = 1}]\nchurn = {per_s = 1}", "load.churn: only those who do not"),
        ("[load]\nidle = 1\nbackoff = {first_s = 3}", "load.backoff.max_s: at least first_s"),
        ("[load]\nchats = [{count = 9000, size = 200}]", "load.chats: 1,800,000 users; at most "),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, text: str, told: str) -> None:
    path = scenario(tmp_path, text)
    with pytest.raises(TableError) as error:
        read_scenario(path)
    said = str(error.value)
    assert said.startswith(f"{path}: ")
    assert told in said
    assert said.isprintable()


def test_options_change_what_a_file_says(tmp_path: Path) -> None:
    path = scenario(tmp_path, WHOLE)
    assert plan_of(path, Given(rate=7.0, seconds=40.0)).rate == 7.0
    closed = plan_of(path, Given(window=3, processes=1))
    assert (closed.rate, closed.slots, closed.burst, closed.processes) == (None, 3, 1, 1)
    assert plan_of(path, Given(fanout=90, window=3)).chats == (Chats(1, 90, 1),)
    assert plan_of(None, Given()).chats == (Chats(50),)
    assert plan_of(None, Given(fanout=12, rate=3.0)).fanout == 12
    assert plan_of(None, Given(fanout=2)).fanout == 2
    with pytest.raises(TableError, match="either a window or a rate"):
        plan_of(None, Given(window=3, rate=2.0))
    with pytest.raises(TableError, match="--fanout takes 2 to 200"):
        plan_of(None, Given(fanout=201))
    with pytest.raises(TableError, match=r"these options: storms\[0\].at_s: below seconds, 5"):
        plan_of(path, Given(seconds=5.0))


chats = st.builds(Chats, st.integers(1, 40), st.integers(2, 9), st.sampled_from([None, 1, 2]))


@given(
    st.lists(chats, min_size=1, max_size=3),
    st.integers(0, 50),
    st.sampled_from([None, 0.5, 700.0]),
    st.integers(1, 7),
    st.floats(0, 1),
)
def test_the_parts_of_a_plan_are_all_of_it(
    kinds: list[Chats], idle: int, rate: float | None, processes: int, some: float
) -> None:
    shares = [each.count for each in kinds]
    if rate is not None:
        kinds = [
            Chats(each.count, each.size, each.senders, share / sum(shares))
            for each, share in zip(kinds, shares, strict=True)
        ]
    whole = Plan(tuple(kinds), rate=rate, idle=idle)
    taken = round(some * whole.listeners)
    whole = Plan(
        whole.chats,
        rate=rate,
        idle=idle,
        churn=Churn(3.0) if whole.listeners else None,
        storms=(Storm(1.0, taken), Storm(2.0, whole.listeners)) if taken else (),
    )
    parts = shared_out(whole, processes)
    assert len(parts) <= processes
    for name in ("users", "writers", "idle", "listeners"):
        assert sum(getattr(part, name) for part in parts) == getattr(whole, name)
    assert isclose(sum(part.rate or 0.0 for part in parts), rate or 0.0)
    assert isclose(sum(p.churn.per_s for p in parts if p.churn), 3.0 if whole.churn else 0.0)
    for number, storm in enumerate(whole.storms):
        assert sum(part.storms[number].connections for part in parts) == storm.connections
        assert all(part.storms[number].connections <= part.listeners for part in parts)
    assert len({part.seed for part in parts}) == len(parts)
