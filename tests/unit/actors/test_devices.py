"""Devices in situations that are worth telling by themselves."""

from __future__ import annotations

import pytest

from actors import addresses
from api import limits
from api import methods as m
from api.errors import ApiError
from tests.unit.actors.cluster import Cluster
from tests.unit.actors.device import Device, fetch


def test_a_device_that_is_too_far_behind_starts_afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mailbox has been trimmed; what happens after the new snapshot is applied to it."""
    monkeypatch.setattr(limits, "MAILBOX_EVENTS_MAX", 50)
    city = Cluster()
    alice, bobby = city.register("alice"), city.register("bobby")
    chat_id = city.private(alice, bobby)
    old, recent = Device(city, bobby), Device(city, bobby)
    for number in range(300):
        if number == 270:
            recent.catch_up()
        city.send(alice, chat_id, f"message {number}")
    kept = city.mail(bobby, 250)
    assert [pts for pts, _ in kept] == list(range(251, 301))
    assert old.ask()[1].kind == "too_long"
    for device in (old, recent):
        device.catch_up()
        assert (device.gate.pts, device.shown) == fetch(city, bobby)


def test_unread_messages_of_a_member_who_returned() -> None:
    """Updates, the list of dialogs and the answer to a mark agree; here they say 5, 4 and 1."""
    city = Cluster()
    alice, bobby = city.register("alice"), city.register("bobby")
    device = Device(city, bobby)
    group = city.call(alice, m.CreateGroup("Group", 1, [bobby.user_id])).id
    city.settle()
    city.send(bobby, group, "mine")
    city.send(alice, group, "hers")
    city.call(alice, m.RemoveMember(group, bobby.user_id))
    city.call(alice, m.AddMember(group, bobby.user_id))
    city.settle()
    device.catch_up()
    _, shown = fetch(city, bobby)
    told = {device.shown.dialogs[group].unread, shown.dialogs[group].unread}
    assert told == {city.call(bobby, m.MarkRead(group, 1)).unread}


def test_a_reply_to_a_message_that_is_not_there_is_refused() -> None:
    city = Cluster()
    alice = city.register("alice")
    chat_id = city.private(alice, alice)
    with pytest.raises(ApiError) as caught:
        city.call(alice, m.SendMessage(chat_id, "yes", 1, reply_to=7))
    assert caught.value.code == "message_not_found"


def test_a_resend_that_overtakes_the_first_leaves_no_device_behind() -> None:
    """The chat's host crashes when the message is durable and on its way to the sender's mailbox.
    The resend is answered behind it, so that the difference for which the client asks then holds
    the update, which is not pushed to the connection that sent it."""
    city = Cluster(2)
    alice = city.register("alice")
    home = city.placement.home(addresses.user(alice.user_id))
    while True:
        other = city.register(f"other{city.rng.randrange(10**6)}")
        chat_id = city.private(alice, other)
        chat_home = city.placement.home(addresses.chat(chat_id))
        if chat_home != home:
            break
    city.settle()
    device = Device(city, alice)
    device.attach(1)
    params = m.SendMessage(chat_id, "hello", 5)
    city.begin(device.caller, params)
    city.crash(chat_home, appended=True)
    again = city.begin(device.caller, params)
    city.settle()
    device.sent(params, city.typed(params, city.answers[again]), 1)
    assert device.doubt
    device.catch_up()
    assert (device.gate.pts, device.shown) == fetch(city, alice)
