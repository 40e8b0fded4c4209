"""Two people, their devices and a private chat."""

from __future__ import annotations

import pytest

from actors import addresses
from actors.chat.state import SENDS
from api import limits
from api import methods as m
from api.errors import ApiError
from runtime import refs
from runtime.refs import Caller
from tests.unit.actors.rows import refused_call, rows_of
from tests.unit.actors.town import Town


@pytest.fixture(params=[1, 3], ids=["one host", "three hosts"])
def town(request: pytest.FixtureRequest) -> Town:
    return Town(hosts=request.param)


def test_a_message_gets_through(town: Town) -> None:
    alice, bob = town.register("alice"), town.register("bobby")
    assert town.attach(bob, 7).pts == 0
    chat = town.private(alice, bob)
    sent = town.send(alice, chat, "hello")
    assert (sent.id, sent.pts) == (1, 1)
    assert town.pushed[7] == [
        {
            "pts": 1,
            "update": {
                "type": "message_new",
                "message": {
                    "chat_id": chat,
                    "id": 1,
                    "from_id": alice.user_id,
                    "date_ms": town.now_ms,
                    "text": "hello",
                },
            },
        }
    ]
    history = town.call(bob, m.GetHistory(chat))
    assert [message.text for message in history.messages] == ["hello"]


def test_a_resend_is_answered_alike_and_stored_once(town: Town) -> None:
    alice, bob = town.register("alice"), town.register("bobby")
    chat = town.private(alice, bob)
    first = town.send(alice, chat, "hello", 5)
    again = town.send(alice, chat, "hello", 5)
    assert (again.id, again.date_ms) == (first.id, first.date_ms)
    assert len(town.call(bob, m.GetHistory(chat)).messages) == 1
    assert len(town.mail(bob)) == 1
    # Another sender's equal random_id is another message.
    assert town.send(bob, chat, "hello", 5).id == 2


def test_other_devices_of_the_sender_see_the_message_and_the_sending_one_does_not(
    town: Town,
) -> None:
    alice, bob = town.register("alice"), town.register("bobby")
    chat = town.private(alice, bob)
    town.attach(alice, 1)
    town.attach(alice, 2)
    sent = town.call(Caller(alice.user_id, alice.session_id, 1), m.SendMessage(chat, "hi", 9))
    assert sent.pts == 1
    assert 1 not in town.pushed
    assert [frame["update"]["message"]["random_id"] for frame in town.pushed[2]] == [9]


def test_an_album_is_full_whatever_is_written_between(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ALBUM_MESSAGES_MAX", 3)
    alice, bob = town.register("alice"), town.register("bobby")
    chat = town.private(alice, bob)
    for number in range(1, 4):
        town.call(alice, m.SendMessage(chat, "one of three", number, album=5))
        for _ in range(4):
            town.send(bob, chat, "oh")
            town.send(alice, chat, "and")
    full = m.SendMessage(chat, "one of four", 4, album=5)
    assert refused_call(town, alice, full) == "too_many"
    again = town.call(alice, m.SendMessage(chat, "one of three", 3, album=5))
    assert again.id == 19, "it is there, and counts once"
    town.call(bob, m.SendMessage(chat, "another's", 5, album=5))
    town.call(alice, m.SendMessage(chat, "another", 6, album=6))


def test_a_send_is_forgotten_in_time_whatever_follows_it(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it is a service message that makes it too old."""
    monkeypatch.setattr(limits, "RANDOM_IDS_PER_CHAT_MAX", 3)
    alice = town.register("alice")
    group = town.call(alice, m.CreateGroup("Group", 1, [])).id
    for number in range(1, 4):
        town.send(alice, group, "a message", number)
    for number in range(4, 7):
        town.call(alice, m.RenameGroup(group, f"Group {number}"))
        town.send(alice, group, "a message", number)
    remembered = SENDS.all(rows_of(town, addresses.chat(group)))
    assert [row.message_id for _, row in remembered] == [8, 10]


def test_a_history_is_of_what_is_before_a_message_or_after_one(town: Town) -> None:
    alice, bob = town.register("alice"), town.register("bobby")
    chat = town.private(alice, bob)
    for number in range(1, 6):
        town.send(alice, chat, f"message {number}")
    asked = {
        m.GetHistory(chat, before_id=3): [1, 2],
        m.GetHistory(chat, after_id=3): [4, 5],
        m.GetHistory(chat, before_id=0, after_id=3): [4, 5],
    }
    for params, ids in asked.items():
        assert [message.id for message in town.call(bob, params).messages] == ids
    for after_id in (0, 1, 3):
        with pytest.raises(ApiError) as caught:
            town.call(bob, m.GetHistory(chat, before_id=3, after_id=after_id))
        assert (caught.value.code, caught.value.field) == ("invalid_params", "/after_id")


def test_marks_move_forward_and_are_told_to_the_sender(town: Town) -> None:
    alice, bob = town.register("alice"), town.register("bobby")
    chat = town.private(alice, bob)
    for number in range(3):
        town.send(alice, chat, f"message {number}")
    town.call(bob, m.Ack(2))
    kinds = [(entry.kind, entry.first) for _, entry in town.mail(alice, 3)]
    assert kinds == [("delivered", 2)]
    assert town.call(bob, m.MarkRead(chat, 2)).unread == 1
    assert town.call(bob, m.MarkRead(chat, 1)).max_id == 2
    kinds = [(entry.kind, entry.first) for _, entry in town.mail(alice, 4)]
    assert kinds == [("read_outbox", 2)]
    assert [(e.kind, e.first) for _, e in town.mail(bob, 3)] == [("read_inbox", 2)]


def test_strangers_cannot_tell_a_chat_from_none(town: Town) -> None:
    alice, bob, eve = (town.register(name) for name in ("alice", "bobby", "evelyn"))
    chat = town.private(alice, bob)
    town.send(alice, chat, "secret")
    for params in (
        m.GetHistory(chat),
        m.GetChat(chat),
        m.GetMessages(chat, [1]),
        m.SendMessage(chat, "x", 1),
        m.MarkRead(chat, 1),
        m.SetTyping(chat),
        m.GetHistory("p1-2"),
        m.SendMessage("g5", "x", 1),
    ):
        with pytest.raises(ApiError) as caught:
            town.call(eve, params)
        assert caught.value.code == "chat_not_found"
    assert len(town.call(bob, m.GetHistory(chat)).messages) == 1


def test_a_block_holds_before_and_after_the_chat_is_opened(town: Town) -> None:
    alice, bob = town.register("alice"), town.register("bobby")
    town.ask(_user(bob), m.Block(alice.user_id), bob)
    chat = town.private(alice, bob)
    with pytest.raises(ApiError) as caught:
        town.send(alice, chat, "let me in")
    assert caught.value.code == "blocked"
    town.call(bob, m.Unblock(alice.user_id))
    assert town.send(alice, chat, "thanks").id == 1
    town.ask(_user(alice), m.Block(bob.user_id), alice)
    with pytest.raises(ApiError):
        town.send(bob, chat, "and now?")


def test_names_are_unique_whatever_their_case(town: Town) -> None:
    town.register("alice")
    with pytest.raises(ApiError) as caught:
        town.register("ALICE")
    assert caught.value.code == "username_taken"


def test_an_ended_session_closes_its_connections_at_once(town: Town) -> None:
    alice = town.register("alice")
    town.attach(alice, 4)
    town.call(alice, m.Logout())
    assert town.closed == {4: 4003}
    with pytest.raises(ApiError) as caught:
        town.attach(alice, 5)
    assert caught.value.code == "unauthorized"


def _user(caller: Caller) -> refs.ActorRef:
    return addresses.user(caller.user_id)
