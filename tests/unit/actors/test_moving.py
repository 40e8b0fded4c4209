"""Chats move to partitions of their own in the middle of everything that `test_model` has people,
devices and crashing hosts do; and what verification says of it at any moment."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from actors import addresses
from actors.verify.walk import verify
from api import methods as m
from api.errors import ApiError
from runtime import moves
from runtime.messages import Dedicate, WhereIs
from runtime.placement import MOVED_BASE, own_partition
from tests.unit.actors.cluster import Cluster
from tests.unit.actors.device import fetch
from tests.unit.actors.story import rows_of_chat
from tests.unit.actors.test_model import NUMBERS, SETTINGS, CityMachine


class MovingCityMachine(CityMachine):
    @rule(chat=NUMBERS)
    def dedicate(self, chat: int) -> None:
        self.cluster.post(addresses.chat(self._chat(chat).id), Dedicate())

    @rule(chat=NUMBERS, steps=st.integers(1, 30))
    def dedicate_and_look(self, chat: int, steps: int) -> None:
        """On its way nothing is found that is not as it must be."""
        self.dedicate(chat)
        for _ in range(steps):
            self.cluster.step()
            report = verify(self.cluster.placement, self.cluster.stored())
            assert report.clean, report.findings


@pytest.mark.draws
@pytest.mark.parametrize("hosts", [1, 2])
def test_any_order_of_events(hosts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moves, "COPY_ROWS_MAX", 3)
    monkeypatch.setattr(moves, "COPIES_PER_STEP", 1)

    class Machine(MovingCityMachine):
        pass

    Machine.hosts = hosts
    run_state_machine_as_test(Machine, settings=SETTINGS)


def test_a_private_chat_is_opened_blocked_and_read_after_the_move() -> None:
    cluster = Cluster()
    alice, bob = cluster.register("alice"), cluster.register("bobby")
    chat_id = cluster.private(alice, bob)
    cluster.send(alice, chat_id, "here", random_id=1)
    moved = cluster.ask(addresses.chat(chat_id), Dedicate())
    assert moved[0] == own_partition(addresses.chat(chat_id)) >= MOVED_BASE
    assert cluster.private(alice, bob) == chat_id
    again = cluster.send(alice, chat_id, "here", random_id=1)
    assert (again.id, again.pts) == (1, 0), "a repeated send is known"
    assert cluster.send(bob, chat_id, "there").id == 2
    cluster.call(bob, m.Block(alice.user_id))
    cluster.settle()
    with pytest.raises(ApiError) as caught:
        cluster.send(alice, chat_id, "and now?")
    assert caught.value.code == "blocked"
    assert [row.text for row in rows_of_chat(cluster, chat_id).values()] == ["here", "there"]
    pts, shown = fetch(cluster, alice)
    assert pts == 2
    assert shown.dialogs[chat_id].top_id == 2


def test_only_what_exists_is_moved() -> None:
    cluster = Cluster()
    alice = cluster.register("alice")
    for message in (Dedicate(), WhereIs()):
        with pytest.raises(ApiError) as caught:
            cluster.ask(addresses.chat("g5"), message)
        assert caught.value.code == "chat_not_found"
        with pytest.raises(ApiError) as caught:
            cluster.ask(addresses.user(alice.user_id), message)
        assert caught.value.code == "bad_request"


def test_a_chat_tells_where_it_is() -> None:
    cluster = Cluster()
    alice, bob = cluster.register("alice"), cluster.register("bobby")
    chat = addresses.chat(cluster.private(alice, bob))
    home = cluster.placement.partition(chat)
    assert cluster.ask(chat, WhereIs())[0] == home
    assert cluster.placement.partition(chat) == home, "to ask moves nothing"
    cluster.ask(chat, Dedicate())
    assert cluster.ask(chat, WhereIs())[0] == own_partition(chat)


@pytest.mark.parametrize("seed", range(3))
def test_one_that_has_left_is_on_its_way_also_where_fronts_know_it_already(seed: int) -> None:
    """What it was told last, before it left, has not arrived there."""
    cluster = Cluster(seed=seed)
    alice, bob = cluster.register("alice"), cluster.register("bobby")
    chat_id = cluster.private(alice, bob)
    number = cluster.post(addresses.chat(chat_id), Dedicate())
    for random_id in itertools.count(1):
        cluster.begin(alice, m.SendMessage(chat_id, "on we go", random_id))
        cluster.step()
        report = verify(cluster.placement, cluster.stored())
        assert report.clean, report.findings
        if number in cluster.answers:
            break


@pytest.mark.parametrize("seed", range(20))
def test_who_has_just_arrived_is_read_with_all_that_was_told(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read sees what is durable: it waits until that is all of it."""
    monkeypatch.setattr(moves, "COPY_ROWS_MAX", 3)
    monkeypatch.setattr(moves, "COPIES_PER_STEP", 1)
    cluster = Cluster(seed=seed)
    alice, bob = cluster.register("alice"), cluster.register("bobby")
    chat_id = cluster.private(alice, bob)
    for random_id in range(1, 6):
        cluster.send(alice, chat_id, "here we are", random_id=random_id)
    cluster.settle()
    number, draw = cluster.post(addresses.chat(chat_id), Dedicate()), random.Random(seed)
    for random_id in itertools.count(10):
        cluster.begin(alice, m.SendMessage(chat_id, "on we go", random_id))
        for _ in range(draw.randrange(8) + 1):
            cluster.step()
        (dialog,) = cluster.call(bob, m.GetDialogs()).dialogs
        assert dialog.message is not None
        assert dialog.message.id == dialog.top_id
        if number in cluster.answers:
            break
