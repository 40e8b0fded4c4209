"""The health and the figures that a real server tells its operators."""

from __future__ import annotations

import contextlib
import re
from typing import NamedTuple

import httpx2
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from api import limits
from fronts.metrics import DESCRIPTIONS, ONLY_WITH_COPIES
from tests.integration.raw_socket import register
from tests.integration.refusals import check_refusal
from tests.integration.running import ROOT, RunningServer, wait_for

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

HOSTS, EDGES = {"host-0", "host-1"}, {"edge-0"}
SENDS = 20


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_who_asks_for_its_health_is_answered(front: httpx2.Client, path: str) -> None:
    answer = front.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.strip() in ("ok", "ready")
    head = front.head(path)
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] == str(len(answer.content))


class Figures(NamedTuple):
    """What /metrics tells: the figures with their kinds, and their values by process."""

    kinds: dict[str, str]
    values: dict[str, dict[str, float]]

    def total(self, name: str) -> float:
        return sum(self.values[f"heliograph_{name}"].values())


def parsed(text: str) -> Figures:
    """Prometheus text; each figure is described right before its values, and there once."""
    comments = [line.split(" ", 3) for line in text.splitlines() if line.startswith("#")]
    described = [(name, keyword) for _, keyword, name, _ in comments]
    names = list(dict.fromkeys(name for name, _ in described))
    assert described == [(name, keyword) for name in names for keyword in ("HELP", "TYPE")]
    kinds: dict[str, str] = {}
    values: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(text):
        name = family.name + ("_total" if family.type == "counter" else "")
        assert name in names, f"{name} is not described"
        assert family.type in ("counter", "gauge"), name
        assert len(family.documentation) > 5, name
        kinds[name] = family.type
        for sample in family.samples:
            assert sample.name == name
            assert sample.labels.keys() == {"process"}
            of_name = values.setdefault(name, {})
            assert sample.labels["process"] not in of_name, f"{name} is there twice"
            of_name[sample.labels["process"]] = sample.value
    assert kinds.keys() == values.keys() == set(names)
    return Figures(kinds, values)


def figures(server: RunningServer) -> Figures:
    """The figures of all processes: one that is busy for seconds is left out of an answer."""
    found: list[Figures] = []

    def complete() -> bool:
        found[:] = [parsed(server.metrics())]
        processes = {process for of_name in found[0].values.values() for process in of_name}
        return processes >= HOSTS | EDGES

    wait_for(complete)
    return found[0]


def test_every_process_tells_its_figures(server: RunningServer) -> None:
    told = figures(server)
    here = DESCRIPTIONS.keys() - ONLY_WITH_COPIES
    assert told.kinds.keys() == {f"heliograph_{name}" for name in here}
    assert all((kind == "counter") == name.endswith("_total") for name, kind in told.kinds.items())
    for kind in (HOSTS, EDGES):
        of_kind = [values.keys() for values in told.values.values() if values.keys() & kind]
        assert of_kind
        assert all(processes >= kind for processes in of_kind), "some of a kind tell less"
    assert told.values["heliograph_turns_total"].keys() == HOSTS
    assert told.values["heliograph_connections"].keys() == EDGES
    assert told.values["heliograph_uptime_s"].keys() >= HOSTS | EDGES


def test_the_figures_that_operators_are_told_to_watch_are_there(server: RunningServer) -> None:
    documented = set(re.findall(r"heliograph_\w+", (ROOT / "docs/operations.md").read_text()))
    assert documented
    assert documented <= figures(server).kinds.keys()


def test_the_front_tells_its_own_figures(server: RunningServer) -> None:
    waiting = figures(server).values["heliograph_requests_waiting"]
    assert any(process.startswith("front") for process in waiting)


def test_who_hangs_is_left_out_of_the_figures(server: RunningServer) -> None:
    [pid] = server.pids("ray::Edge")
    edge = psutil.Process(pid)
    edge.suspend()
    try:
        told = parsed(server.metrics())
    finally:
        edge.resume()
    assert told.values["heliograph_turns_total"].keys() == HOSTS
    assert "heliograph_connections" not in told.values


def test_counters_count_what_happens(server: RunningServer, front: httpx2.Client) -> None:
    start = figures(server)
    alice = register(server)
    notes = alice.call("chats.open_private", user_id=alice.user_id)["id"]
    before = figures(server)
    assert before.total("password_hashes_total") > start.total("password_hashes_total")
    for number in range(1, SENDS + 1):
        alice.call("messages.send", chat_id=notes, text=f"message {number}", random_id=number)

    def moved(name: str) -> float:
        return figures(server).total(name) - before.total(name)

    # Each was answered before the next was sent, so each had a batch of its own.
    wait_for(lambda: moved("turns_total") >= SENDS and moved("commits_total") >= SENDS)
    assert moved("commit_seconds_total") > 0
    assert moved("failures_total") == 0
    refusals = figures(server).total("refusals_total")
    refused = front.post(
        "/api/messages.send",
        json={"chat_id": "g1", "text": "x", "random_id": 1},
        headers={"Authorization": f"Bearer {alice.token}"},
    )
    check_refusal(refused, "chat_not_found")
    wait_for(lambda: figures(server).total("refusals_total") > refusals)


def test_connections_are_counted_up_and_down(server: RunningServer) -> None:
    alice = register(server)
    count = limits.CONNECTIONS_PER_SESSION_MAX
    wait_for(lambda: figures(server).total("connections") == 0)
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(alice.connect(server.ws_port))
        wait_for(lambda: figures(server).total("connections") == count)
        wait_for(lambda: figures(server).total("online_actors") > 0)
    wait_for(lambda: figures(server).total("connections") == 0)
