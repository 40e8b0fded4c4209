"""The load client against a server in memory that keeps what it says, whatever happens to the
connections: nothing may be counted as lost, doubled or reordered, and nothing may get stuck."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from api import types as t
from api.errors import ApiError
from sim.load.accounts import Accounts
from sim.load.client import Client
from sim.load.endpoint import Endpoint
from sim.load.figures import figures
from sim.load.histogram import count_of
from sim.load.http import Http
from sim.load.measurement import Target, measure
from sim.load.meter import Meter
from sim.load.outcome import Outcome
from sim.load.plan import Account, Chats, Churn, File, Plan, Storm
from sim.load.run import Run, TokensRefused
from tests.unit.load.fake_server import FakeServer

FEW = 60
LONG_S = 60.0
"""What has not happened by then hangs."""
DRAIN_S = 3.0
"""The end is waited for as long as something comes."""
PLAN = Plan((Chats(4),), window=6, seconds=LONG_S)


def drive(
    prepare: Callable[[FakeServer], None],
    plan: Plan = PLAN,
    sends: int = 400,
    patience_s: float = DRAIN_S,
) -> Outcome:
    """Run the plan until the server has got so many sends."""

    async def run() -> Outcome:
        async with FakeServer() as server:
            accounts = []
            for number in range(plan.accounts):
                user = server.add_user(f"token-{number}")
                accounts.append(Account(user.user_id, f"token-{number}"))
            prepare(server)
            endpoint = Endpoint(server.ws_url, patience_s=patience_s)
            run = Run(plan, endpoint, accounts, lambda _: None)
            after_send = server.after_send

            def after(number: int) -> None:
                if number >= sends:
                    run.end()
                after_send(number)

            server.after_send = after
            return await run.drive()

    return asyncio.run(run())


def received(outcome: Outcome) -> int:
    return count_of(outcome.latencies["delivery"].intended)


def check_clean(outcome: Outcome) -> None:
    verdict = outcome.verdict
    assert outcome.verified
    assert verdict.clean, verdict
    assert verdict.unanswered == 0
    assert outcome.acknowledged > 50
    assert outcome.acknowledged == received(outcome)


def test_a_quiet_run_is_clean() -> None:
    outcome = drive(lambda server: None)
    check_clean(outcome)
    assert not outcome.errors
    assert outcome.verdict.reordered_by_retry == 0


@pytest.mark.parametrize("code", [0, 1001, 4001])
def test_connections_that_drop_are_taken_up_again(code: int) -> None:
    def prepare(server: FakeServer) -> None:
        def close(number: int) -> None:
            if number in (50, 200):
                server.close_connections(code)

        server.after_send = close

    outcome = drive(prepare)
    check_clean(outcome)
    assert outcome.errors["connection_lost" if code == 0 else f"closed_{code}"] >= 8
    assert max(outcome.worst_gaps) > 0.02


def test_a_server_that_goes_away_is_waited_for() -> None:
    def prepare(server: FakeServer) -> None:
        def restart(number: int) -> None:
            if number == 50:
                server.restart(after_s=0.2)

        server.after_send = restart

    outcome = drive(prepare)
    check_clean(outcome)
    assert outcome.errors["connect"] > 0
    assert figures(PLAN, outcome)["unavailable_s"] > 0.15


def back_after_the_run(slow_s: float) -> Callable[[FakeServer], None]:
    """The server goes away when the run is over, and comes back slow."""

    def prepare(server: FakeServer) -> None:
        def restart(number: int) -> None:
            if number == FEW:
                server.restart(after_s=0.4)
                server.slow_s = slow_s

        server.before_send = restart

    return prepare


def test_the_history_is_read_when_what_was_under_way_is_answered() -> None:
    outcome = drive(back_after_the_run(slow_s=0.1), sends=FEW)
    check_clean(outcome)
    assert outcome.errors["connect"] > 0


def test_what_is_answered_while_the_history_is_read_does_not_count() -> None:
    outcome = drive(back_after_the_run(slow_s=1.0), sends=FEW, patience_s=0.1)
    assert outcome.verified
    assert outcome.verdict.clean, outcome.verdict
    assert outcome.verdict.unanswered


@pytest.mark.parametrize("error", ["overloaded", "unavailable", "flood", "internal"])
def test_refused_sends_are_repeated(error: str) -> None:
    def prepare(server: FakeServer) -> None:
        def refuse(number: int) -> None:
            if number % 40 == 0:
                raise ApiError(error, retry_after=0.01)

        server.before_send = refuse

    outcome = drive(prepare)
    check_clean(outcome)
    assert outcome.errors[error] > 0


def test_a_send_that_was_stored_and_then_refused_is_stored_once() -> None:
    def prepare(server: FakeServer) -> None:
        def refuse(number: int) -> None:
            if number % 40 == 0:
                raise ApiError("unavailable", retry_after=0.01)

        server.after_send = refuse

    check_clean(drive(prepare))


def test_a_refusal_for_good_is_counted_and_not_repeated() -> None:
    def prepare(server: FakeServer) -> None:
        def refuse(number: int) -> None:
            if number % 40 == 0:
                raise ApiError("forbidden")

        server.before_send = refuse

    outcome = drive(prepare)
    assert outcome.verdict.clean
    assert outcome.errors["forbidden"] > 0


def test_pushes_that_never_come_are_fetched() -> None:
    def prepare(server: FakeServer) -> None:
        server.pushes = lambda number: number % 40 != 0

    outcome = drive(prepare)
    check_clean(outcome)
    assert outcome.gaps > 0


def test_a_last_push_that_never_comes_is_fetched_by_a_silent_pair() -> None:
    def prepare(server: FakeServer) -> None:
        server.pushes = lambda number: number != 60

    plan = Plan((Chats(1),), window=1, seconds=LONG_S)
    check_clean(drive(prepare, plan, sends=60))


@pytest.mark.parametrize("fault", ["lose", "double"])
def test_the_history_is_compared(fault: str) -> None:
    def prepare(server: FakeServer) -> None:
        def spoil(number: int) -> None:
            if number == 100:
                log = next(log for log in server.chats.values() if log)
                log[5:6] = [] if fault == "lose" else [log[5], log[5]]

        server.after_send = spoil

    verdict = drive(prepare).verdict
    assert (verdict.lost, verdict.duplicated) == ((1, 0) if fault == "lose" else (0, 1))


def test_a_group_gets_everything() -> None:
    plan = Plan((Chats(1, 120),), window=4, seconds=LONG_S)
    outcome = drive(lambda server: None, plan, sends=40)
    assert outcome.verified
    assert outcome.verdict.clean
    assert received(outcome) == 119 * outcome.acknowledged > 0


def test_all_who_write_into_a_group_are_heard() -> None:
    plan = Plan((Chats(2, 7, 3), Chats(2)), window=2, seconds=LONG_S)
    outcome = drive(lambda server: None, plan, sends=200)
    assert outcome.verified
    assert outcome.verdict.clean
    assert outcome.verdict.unanswered == 0
    assert outcome.acknowledged < received(outcome) < 6 * outcome.acknowledged


def test_what_is_received_is_acknowledged() -> None:
    servers: list[FakeServer] = []
    drive(servers.append, sends=4_000)
    (server,) = servers
    for user in server.users.values():
        assert server.acks[user.user_id] > len(user.mailbox) // 4


class Impatient(Client):
    """Connects anew while it still fetches what it missed: once."""

    async def _greeted(self, hello: t.Hello, first: bool) -> None:
        if first:
            self.reconnect()
            await self.call("users.me", {}, t.User)
        await super()._greeted(hello, first)


def test_who_gives_up_a_connection_has_not_failed_to_get_one() -> None:
    async def run() -> None:
        async with FakeServer() as server, asyncio.timeout(LONG_S):
            account = Account(server.add_user("token").user_id, "token")
            meter = Meter()
            client = Impatient(account, Endpoint(server.ws_url), meter, PLAN.backoff)
            keeper = asyncio.create_task(client.stay_connected())
            await client.ready(LONG_S)
            client.close()
            await keeper
            assert not meter.errors

    asyncio.run(run())


def test_refused_tokens_are_named() -> None:
    def prepare(server: FakeServer) -> None:
        del server.tokens["token-3"]

    with pytest.raises(TokensRefused) as refused:
        drive(prepare)
    assert refused.value.user_ids == [4]


def test_users_are_registered_once_and_replaced_when_refused(tmp_path: Path) -> None:
    async def run() -> None:
        async with FakeServer() as server, Http(server.url) as http:
            server.registrations_refused = 3
            seen: list[tuple[int, int]] = []
            first = await Accounts(http, "", tmp_path).take(6, lambda *n: seen.append(n))
            assert len({account.user_id for account in first}) == 6
            assert seen[-1] == (6, 6)
            again = Accounts(http, "", tmp_path)
            assert await again.take(6, lambda *n: pytest.fail("registered again")) == first
            again.forget([first[2].user_id])
            third = await Accounts(http, "", tmp_path).take(6, lambda *n: None)
            assert first[2] not in third
            assert await Accounts(http, "other", tmp_path).take(0, lambda *n: None) == []

    asyncio.run(run())
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


async def measured(
    plan: Plan,
    folder: Path,
    floor: bool = False,
    prepare: Callable[[FakeServer], None] = lambda server: None,
) -> dict[str, Any]:
    """The figures of a whole measurement of a server that was prepared so."""
    async with FakeServer() as server, asyncio.timeout(30):
        prepare(server)
        found = await measure(Target(server.url, folder, floor), plan, lambda _: None)
    return figures(plan, found.outcome, found.floor)


@pytest.mark.parametrize(("fanout", "floor"), [(0, True), (10, False)])
def test_the_whole_measurement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fanout: int, floor: bool
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    chats = Chats(1, fanout) if fanout else Chats(3)
    plan = Plan((chats,), window=4, seconds=0.3)
    summary = asyncio.run(measured(plan, tmp_path, floor))
    expected = {"sent_per_s", "p50_ms", "p99_ms", "ack_p50_ms", "ack_p99_ms", "client_cpu_s"}
    expected |= {"service_p50_ms", "service_p99_ms", "unavailable_s", "success_percent"}
    expected |= {"deliveries_per_s" if fanout else "delivered_per_s"}
    expected |= {"floor_per_s", "floor_ratio"} if floor else set()
    assert all(summary[key] for key in expected)
    assert [summary[key] for key in ("lost", "duplicated", "reordered")] == [0, 0, 0]
    assert summary["verified"]
    assert summary["errors"] == {}


def test_who_goes_away_comes_back_and_misses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    plan = Plan(
        (Chats(2, 8), Chats(2)),
        window=2,
        seconds=0.8,
        idle=20,
        churn=Churn(100.0, 0.01),
        storms=(Storm(0.1, 30), Storm(0.4, 10, 0.1)),
    )
    summary = asyncio.run(measured(plan, tmp_path))
    assert [summary[key] for key in ("lost", "duplicated", "reordered")] == [0, 0, 0]
    assert summary["verified"]
    first, second = summary["storms"]
    assert first["connections"] > 0
    assert first["recovered_s"] > 0
    assert all(storm["back"] == storm["connections"] for storm in (first, second))
    connects = summary["latencies"]["connect"]
    assert connects["count"] >= first["connections"] + second["connections"]
    assert connects["intended"]["max_ms"] >= connects["service"]["max_ms"] > 0
    assert summary["latencies"]["fetched"]["count"] > 0
    assert summary["errors"] == {}, "nobody is to blame for who goes by himself"


@pytest.mark.parametrize("damaged", [False, True])
def test_files_go_with_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damaged: bool
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    plan = Plan((Chats(3),), window=4, seconds=0.5, files=(File(20_000, 0.5),))

    def prepare(server: FakeServer) -> None:
        def damage(number: int) -> None:
            if server.files and damaged:
                server.files[next(iter(server.files))] = b"another"

        server.before_send = damage

    summary = asyncio.run(measured(plan, tmp_path, prepare=prepare))
    assert summary["verified"]
    assert summary["lost"] == summary["duplicated"] == summary["unanswered"] == 0
    of = {kind: each["count"] for kind, each in summary["latencies"].items()}
    assert of["upload"] == of["file_answer"] == of["file_delivery"] == of["download"] > 0
    assert of["answer"] > 0
    assert summary["sent"] == of["answer"] + of["file_answer"]
    assert summary["files_mb_per_s"] > 0
    assert (summary["corrupted"] > 0) == damaged


def test_it_ends_where_too_little_succeeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sim.load.success.WINDOW_S", 0.5)
    plan = Plan((Chats(4),), window=2, seconds=600, processes=2, abort_below=95)

    def prepare(server: FakeServer) -> None:
        def refuse(number: int) -> None:
            if number % 2:
                raise ApiError("overloaded", retry_after=0.01)

        server.before_send = refuse

    summary = asyncio.run(measured(plan, tmp_path, prepare=prepare))
    assert "succeeded, less than 95 %" in summary["aborted"]
    assert summary["success_percent"] < 95
    assert summary["seconds"] < 60
    assert [summary[key] for key in ("lost", "duplicated", "reordered")] == [0, 0, 0]


@pytest.mark.parametrize("processes", [1, 2])
def test_an_interrupt_ends_it_with_what_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    plan = Plan((Chats(3),), window=4, seconds=600, processes=processes)

    def interrupt(number: int) -> None:
        if number == 100:
            os.kill(os.getpid(), signal.SIGINT)

    def prepare(server: FakeServer) -> None:
        server.after_send = interrupt

    summary = asyncio.run(measured(plan, tmp_path, prepare=prepare))
    assert 100 <= summary["sent"] < 100_000
    assert [summary[key] for key in ("lost", "duplicated", "reordered")] == [0, 0, 0]
    assert summary["verified"]
    assert summary["unavailable_s"] < 10
