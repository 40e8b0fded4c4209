"""The app at a terminal that is not there, on the real actors in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual import events
from textual.widgets import Button, Input

import heliograph as h
from actors.flood import refusal
from api import limits
from api import methods as m
from heliograph.terminal.app import ChatApp
from heliograph.terminal.screens import LoginScreen, PageScreen
from heliograph.terminal.widgets import Composer, Conversation, DialogList
from tests.unit.terminal.pilots import SIZE, Driver, with_app
from tests.unit.terminal.village import PASSWORD, Village, VillageClient

Act = Callable[[Driver, Village, VillageClient], Awaitable[None]]


def village_of(*names: str) -> Village:
    village = Village()
    for name in names:
        village.register(name)
    return village


def talk(act: Act, size: tuple[int, int] = SIZE) -> None:
    """Alice at her terminal; Bob is a client of the same village."""

    async def both() -> None:
        village = village_of("alice", "bobby")
        bob = await village.client("bobby").__aenter__()

        async def go(driver: Driver) -> None:
            await driver.ready()
            await act(driver, village, bob)

        await with_app(ChatApp(village.connect("alice")), go, size)

    asyncio.run(both())


def client_of(driver: Driver) -> VillageClient:
    client: Any = driver.app.client
    assert isinstance(client, VillageClient)
    return client


async def chat_with_bob(driver: Driver, village: Village, bob: VillageClient) -> str:
    await driver.enter("/open @bobby")
    await driver.sees("Nothing here yet")
    return (await bob.open_private("alice")).id


async def hear(client: VillageClient) -> None:
    """Take updates up to the next message, as an application does."""
    async for item in client.updates():
        if isinstance(item, h.MessageNew):
            return


# --- talking ----------------------------------------------------------------------------------


def test_a_wait_that_the_server_asks_for_is_told_and_ends_by_itself() -> None:
    async def act(driver: Driver, village: Village, bob: VillageClient) -> None:
        await chat_with_bob(driver, village, bob)
        client = client_of(driver)
        client.flow.clear()
        client.floods[m.SendMessage] = refusal((("strangers", 1),), 39.2)
        await driver.enter("hello Bob")
        await driver.sees(
            "the server asks to wait 40 s: too many messages to people who have not answered in a "
            "short time; this goes on by itself"
        )
        assert "✓" not in driver.conversation
        client.flow.set()
        await driver.until(lambda: "✓" in driver.conversation)

    talk(act, (160, 30))


def test_so_is_one_at_the_login() -> None:
    async def act(driver: Driver) -> None:
        await driver.until(lambda: isinstance(driver.app.screen, LoginScreen))
        client_of(driver).waits(h.ApiError("flood", "too many wrong passwords; wait", 2.0), 2.0)
        await driver.sees("the server asks to wait 2 s: too many wrong passwords")

    asyncio.run(with_app(ChatApp(village_of().connect()), act))


def test_a_talk_with_ticks() -> None:
    async def act(driver: Driver, village: Village, bob: VillageClient) -> None:
        chat_id = await chat_with_bob(driver, village, bob)
        await driver.enter("hello Bob")
        await driver.until(lambda: "✓" in driver.conversation)
        assert "✓✓" not in driver.conversation
        await hear(bob)
        await driver.sees("✓✓")
        messenger = driver.main.messenger
        message = messenger.model.chats[chat_id].messages[1]
        assert messenger.model.tick(message) == "delivered"
        await bob.mark_read(chat_id, 1)
        await driver.until(lambda: messenger.model.tick(message) == "read")
        await bob.typing(chat_id)
        await driver.sees("Bobby is typing…")
        await bob.send(chat_id, "hi [bold]Alice[/bold]\x1b[31m")
        await driver.until(lambda: "hi [bold]Alice[/bold]␛[31m" in driver.conversation)
        await driver.misses("is typing…")

    talk(act)


def test_what_is_seen_is_read_and_what_is_not_seen_is_not() -> None:
    async def act(driver: Driver, village: Village, bob: VillageClient) -> None:
        chat_id = await chat_with_bob(driver, village, bob)
        chat = driver.main.messenger.model.chats[chat_id]
        await bob.send(chat_id, "one")
        await driver.until(lambda: chat.read_inbox_id == 1)
        driver.app.post_message(events.AppBlur())
        await driver.until(lambda: not driver.main.messenger.watched)
        await bob.send(chat_id, "two")
        await driver.sees("two")
        assert (chat.read_inbox_id, chat.unread) == (1, 1)
        driver.app.post_message(events.AppFocus())
        await driver.until(lambda: chat.read_inbox_id == 2 and not chat.unread)

    talk(act)


def test_a_new_chat_comes_into_the_list_with_its_unread_messages() -> None:
    async def act(driver: Driver, village: Village, bob: VillageClient) -> None:
        chat = await bob.open_private("alice")
        for number in range(3):
            await bob.send(chat.id, f"message {number}")
        await driver.sees("message 2")
        assert " 3 " in driver.seen()
        await driver.pilot.press("ctrl+n")
        await driver.until(lambda: "new messages" in driver.conversation)
        assert "message 0" in driver.conversation

    talk(act)


def test_older_messages_load_on_the_way_up() -> None:
    async def act(driver: Driver, village: Village, bob: VillageClient) -> None:
        chat = await bob.open_private("alice")
        for number in range(1, 201):
            await bob.send(chat.id, f"message {number}.")
        await driver.enter("/open @bobby")
        await driver.until(lambda: "message 200." in driver.conversation)
        assert "message 90." not in driver.conversation
        await driver.until(lambda: driver.main.messenger.model.chats[chat.id].read_inbox_id == 200)
        conversation = driver.main.query_one(Conversation)
        for _ in range(60):
            await driver.pilot.press("pageup")
        await driver.until(lambda: "message 1." in driver.conversation)
        await driver.until(lambda: "older messages" not in driver.conversation)
        top = conversation.scroll_offset.y
        await bob.send(chat.id, "one more")
        await driver.sees("one more")
        assert conversation.scroll_offset.y == top

    talk(act)


def test_typing_is_told_once_in_a_while_and_not_for_commands() -> None:
    async def act(driver: Driver, village: Village, bob: VillageClient) -> None:
        await chat_with_bob(driver, village, bob)
        sent = client_of(driver).sent

        def told() -> int:
            return sum(isinstance(params, m.SetTyping) for params in sent)

        await driver.pilot.press(*"/saved")
        assert told() == 0
        driver.main.query_one(Composer).put("")
        await driver.pilot.press(*"hello")
        await driver.until(lambda: told() == 1)

    talk(act)


def test_lines_in_a_message() -> None:
    async def act(driver: Driver, village: Village, bob: VillageClient) -> None:
        chat_id = await chat_with_bob(driver, village, bob)
        await driver.pilot.press("a", "ctrl+j", "b")
        composer = driver.main.query_one(Composer)
        composer.post_message(events.Paste("c\r\nd\x1b[2J"))
        await driver.until(lambda: "d" in composer.text)
        await driver.pilot.press("enter")
        await driver.until(lambda: "✓" in driver.conversation)
        history = await bob.history_page(chat_id)
        assert [message.text for message in history.messages] == ["a\nbc\nd[2J"]

    talk(act)


def test_who_types_on_at_once_loses_nothing() -> None:
    async def act(driver: Driver, village: Village, bob: VillageClient) -> None:
        chat_id = await chat_with_bob(driver, village, bob)
        await bob.create_group("Other", ["alice"])
        await driver.sees("Other")
        for key in ("o", "n", "e", "enter", "t", "w", "o", "enter", "ctrl+n"):
            driver.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await driver.until(lambda: driver.main.messenger.open_id != chat_id)
        assert driver.main.query_one(Composer).text == ""
        await driver.until(lambda: not driver.main.messenger.model.outbox)
        history = await bob.history_page(chat_id)
        assert [message.text for message in history.messages] == ["one", "two"]

    talk(act)


def test_a_text_too_long_stays_in_the_line() -> None:
    async def act(driver: Driver, village: Village, bob: VillageClient) -> None:
        await chat_with_bob(driver, village, bob)
        await driver.enter("x" * (limits.TEXT_CHARS_MAX + 7))
        await driver.sees("too long by 7 characters")
        assert len(driver.main.query_one(Composer).text) == limits.TEXT_CHARS_MAX + 7

    talk(act)


# --- offline ----------------------------------------------------------------------------------


def test_what_is_written_offline_goes_out_in_order() -> None:
    async def act(driver: Driver, village: Village, bob: VillageClient) -> None:
        chat_id = await chat_with_bob(driver, village, bob)
        client_of(driver).go("connecting")
        await driver.sees("connecting…")
        await driver.enter("one")
        await driver.enter("two")
        await driver.until(lambda: driver.conversation.count("◷") == 2)
        await driver.app.action_quit()
        await driver.sees("2 messages not sent yet")
        client_of(driver).go("online")
        await driver.until(lambda: "◷" not in driver.conversation)
        assert driver.conversation.count("✓") == 2
        history = await bob.history_page(chat_id)
        assert [message.text for message in history.messages] == ["one", "two"]

    talk(act)


def test_a_send_that_fails_can_be_sent_again_or_dropped() -> None:
    async def act(driver: Driver, village: Village, bob: VillageClient) -> None:
        chat_id = await chat_with_bob(driver, village, bob)
        await bob.block("alice")
        await driver.enter("please")
        await driver.sees("Not sent: You cannot write to this user.")
        await driver.enter("/drop")
        await driver.misses("please")
        await driver.enter("again")
        await driver.sees("Not sent:")
        await bob.unblock("alice")
        await driver.enter("/retry")
        await driver.until(lambda: "✓" in driver.conversation)
        history = await bob.history_page(chat_id)
        assert [message.text for message in history.messages] == ["again"]

    talk(act)


# --- commands ---------------------------------------------------------------------------------


def test_a_group() -> None:
    async def act(driver: Driver, village: Village, bob: VillageClient) -> None:
        await driver.enter("/group Our Club @bobby")
        await driver.sees("You created the group “Our Club”")
        await driver.sees("You added Bobby")
        await driver.sees("2 members")
        chat_id = driver.main.messenger.open_id
        await bob.send(chat_id, "thanks")
        await driver.until(lambda: "Bobby\n thanks" in driver.conversation)
        await driver.enter("/rename Their Club")
        await driver.sees("You renamed the group to “Their Club”")
        await driver.enter("/members")
        await driver.until(lambda: isinstance(driver.app.screen, PageScreen))
        await driver.sees("Alice (@alice)")
        await driver.pilot.press("escape")
        await driver.enter("/remove @bobby")
        await driver.sees("You removed Bobby")
        await driver.sees("1 member")
        await driver.enter("/leave")
        await driver.sees("you are not in this group any more")
        await driver.enter("anybody?")
        await driver.until(lambda: "> anybody?" in driver.seen())

    talk(act)


def test_a_group_is_described() -> None:
    async def act(driver: Driver, village: Village, bob: VillageClient) -> None:
        await chat_with_bob(driver, village, bob)
        await driver.enter("/describe Boats")
        await driver.sees("this is for groups")
        await driver.enter("/group Our Club @bobby")
        await driver.sees("You added Bobby")
        chat_id = driver.main.messenger.open_id
        await driver.enter("/info")
        await driver.until(lambda: isinstance(driver.app.screen, PageScreen))
        await driver.misses("about")
        await driver.pilot.press("escape")
        await driver.enter("/describe Boats,\n  old ones")
        await driver.sees("all members see it with /info now")
        assert (await bob.chat(chat_id)).description == "Boats,\n  old ones"
        await driver.enter("/info")
        await driver.until(lambda: isinstance(driver.app.screen, PageScreen))
        await driver.sees("Boats, old ones")
        await driver.pilot.press("escape")
        await driver.enter("/describe")
        await driver.sees("this group has no description any more")
        assert (await bob.chat(chat_id)).description == ""

    talk(act)


def test_who_may_add_people_to_a_group() -> None:
    async def act(driver: Driver, village: Village, bob: VillageClient) -> None:
        await chat_with_bob(driver, village, bob)
        await driver.enter("/adding admins")
        await driver.sees("this is for groups")
        await driver.enter("/group Our Club @bobby")
        await driver.sees("You added Bobby")
        chat_id = driver.main.messenger.open_id
        await driver.enter("/adding nobody")
        await driver.sees("type /adding all, or /adding admins")
        await driver.enter("/adding admins")
        await driver.sees("only admins add users now")
        assert not (await bob.chat(chat_id)).members_add
        await driver.enter("/info")
        await driver.until(lambda: isinstance(driver.app.screen, PageScreen))
        await driver.sees("only admins add users")
        await driver.pilot.press("escape")
        await driver.enter("/adding all")
        await driver.sees("all members may add users now")
        assert (await bob.chat(chat_id)).members_add

    talk(act)


def test_refusals_and_wrong_commands_are_told() -> None:
    async def act(driver: Driver, village: Village, bob: VillageClient) -> None:
        await driver.enter("hello?")
        await driver.sees("no chat is open")
        driver.main.query_one(Composer).put("")
        await driver.enter("/open @nobody_here")
        await driver.sees("nobody is called nobody_here")
        await driver.enter("/leave")
        await driver.sees("open a chat first")
        await driver.enter("/nonsense")
        await driver.sees("there is no command /nonsense")

    talk(act)


def test_messages_are_answered_changed_and_deleted() -> None:
    async def act(driver: Driver, village: Village, bob: VillageClient) -> None:
        chat_id = await chat_with_bob(driver, village, bob)
        await bob.send(chat_id, "how are you?")
        await driver.sees("how are you?")
        await driver.enter("/reply fnie")
        await driver.sees("↪ Bobby: how are you?")
        composer = driver.app.screen.query_one(Composer)
        composer.insert("/edit")
        await driver.until(lambda: "#2 " in driver.conversation)
        await driver.pilot.press("enter")
        await driver.until(lambda: composer.text == "/edit #2 fnie")
        composer.put("")
        await driver.enter("/edit fine")
        await driver.sees("edited ")
        assert "fnie" not in driver.conversation
        await bob.edit(chat_id, 1, "how do you do?")
        await driver.sees("↪ Bobby: how do you do?")
        await bob.delete(chat_id, [1], for_all=True)
        await driver.sees("This message was deleted")
        await driver.sees("↪ This message was deleted")
        await driver.enter("/delete for all")
        await driver.sees("deleted 1 message for all")
        await driver.misses("fine")
        assert [message.deleted for message in await bob.messages(chat_id, [1, 2])] == [True, True]

    talk(act)


def test_a_deletion_for_oneself_is_told_as_such() -> None:
    async def act(driver: Driver, village: Village, bob: VillageClient) -> None:
        chat_id = await chat_with_bob(driver, village, bob)
        for text in ("one", "two", "three"):
            await bob.send(chat_id, text)
        await driver.sees("three")
        await driver.enter("/delete #1 #3")
        await driver.sees("deleted 2 messages for you; the others still see them")
        await driver.misses("three")
        assert all(not message.deleted for message in await bob.messages(chat_id, [1, 3]))
        await driver.enter("/delete #2 now")
        await driver.sees("it goes /delete [#ID ...] [for all]")
        await driver.enter("/edit #2 mine")
        await driver.sees("only who has sent a message may change it")

    talk(act)


def test_messages_are_sent_on() -> None:
    async def act(driver: Driver, village: Village, bob: VillageClient) -> None:
        chat_id = await chat_with_bob(driver, village, bob)
        await bob.send(chat_id, "have you heard?")
        await driver.sees("have you heard?")
        await driver.enter("/forward @alice")
        await driver.sees("sent 1 message on to Saved messages")
        await driver.enter("/forward #1 Nobody at all")
        await driver.sees("there is no chat of this title")
        await driver.enter("/saved")
        await driver.sees("Forwarded from Bobby")
        await driver.until(lambda: "have you heard?" in driver.conversation)

    talk(act)


def test_what_is_answered_and_not_loaded_is_fetched() -> None:
    async def act(driver: Driver, village: Village, bob: VillageClient) -> None:
        chat_id = (await bob.open_private("alice")).id
        await bob.send(chat_id, "the first of many")
        for number in range(150):
            await bob.send(chat_id, f"number {number}")
        await bob.send(chat_id, "as I said", reply_to=1)
        await driver.enter("/open @bobby")
        await driver.sees("↪ Bobby: the first of many")

    talk(act)


def test_saved_messages_and_drafts() -> None:
    async def act(driver: Driver, village: Village, bob: VillageClient) -> None:
        await driver.enter("/saved")
        await driver.sees("only you see this")
        await driver.enter("//note")
        await driver.until(lambda: "/note" in driver.conversation)
        await chat_with_bob(driver, village, bob)
        driver.main.query_one(Composer).insert("half a")
        await driver.pilot.press("ctrl+n")
        await driver.sees("only you see this")
        await driver.sees("Draft: half a")
        assert driver.main.query_one(Composer).text == ""
        await driver.pilot.press("ctrl+p")
        await driver.until(lambda: driver.main.query_one(Composer).text == "half a")

    talk(act)


def test_a_narrow_terminal_shows_one_part_at_a_time() -> None:
    async def act(driver: Driver, village: Village, bob: VillageClient) -> None:
        await chat_with_bob(driver, village, bob)
        dialogs, conversation = (driver.main.query_one(kind) for kind in (DialogList, Conversation))
        assert (dialogs.is_on_screen, conversation.is_on_screen) == (False, True)
        await driver.pilot.press("escape")
        await driver.until(lambda: dialogs.is_on_screen and not conversation.is_on_screen)
        assert not driver.main.messenger.watched
        await driver.pilot.press("enter")
        await driver.until(lambda: conversation.is_on_screen and not dialogs.is_on_screen)
        assert driver.main.messenger.watched

    talk(act, (60, 20))


# --- logging in and out -----------------------------------------------------------------------


def at_the_door(village: Village, act: Callable[[Driver], Awaitable[None]]) -> None:
    asyncio.run(with_app(ChatApp(village.connect()), act))


def fill(driver: Driver, **values: str) -> None:
    for field, value in values.items():
        driver.app.screen.query_one(f"#{field}", Input).value = value


def press(driver: Driver, button: str) -> None:
    driver.app.screen.query_one(f"#{button}", Button).press()


def test_log_in_and_out() -> None:
    async def act(driver: Driver) -> None:
        await driver.sees("http://village")
        await driver.misses("connecting")
        press(driver, "go")
        await driver.sees("type your user name")
        fill(driver, username="@alice", password="wrong password")
        press(driver, "go")
        await driver.sees("User name or password is wrong")
        fill(driver, password=PASSWORD)
        press(driver, "go")
        await driver.ready()
        await driver.sees("@alice")
        await driver.enter("/logout")
        await driver.sees("You are logged out.")
        assert isinstance(driver.app.screen, LoginScreen)

    at_the_door(village_of("alice"), act)


def test_a_login_that_is_ended_elsewhere() -> None:
    async def act(driver: Driver, village: Village, bob: VillageClient) -> None:
        await driver.enter("/help")
        await driver.until(lambda: isinstance(driver.app.screen, PageScreen))
        client_of(driver).end()
        await driver.sees("This login was ended")
        fill(driver, username="alice", password=PASSWORD)
        press(driver, "go")
        await driver.ready()

    talk(act)


@pytest.mark.parametrize("invitation", ["", "please"])
def test_an_account_by_invitation(invitation: str) -> None:
    async def act(driver: Driver) -> None:
        await driver.sees("New accounts need an invitation")
        press(driver, "other")
        fill(driver, username="carol", password="12345678", again="12345679")
        press(driver, "go")
        await driver.sees("the two passwords are not the same")
        fill(driver, again="12345678", invitation=invitation)
        press(driver, "go")
        if invitation:
            await driver.ready()
        else:
            await driver.sees("The invitation is missing")

    at_the_door(Village("invitation"), act)


def test_where_registration_is_closed_there_is_no_button_for_it() -> None:
    async def act(driver: Driver) -> None:
        await driver.sees("It takes no new accounts")
        assert not driver.app.screen.query_one("#other").display
        assert not driver.app.screen.query_one("#invitation").display

    at_the_door(Village("closed"), act)
