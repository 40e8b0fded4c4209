"""What is typed into the input line."""

from __future__ import annotations

import pytest

from heliograph.terminal.actions import ACTIONS, SENDS, Page
from heliograph.terminal.commands import COMMANDS, Command, CommandError, Say, parse


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("", None),
        (" \n ", None),
        ("hello", Say("hello")),
        ("  two\nlines ", Say("  two\nlines ")),
        ("//etc/passwd", Say("/etc/passwd")),
        ("a /quit", Say("a /quit")),
        ("/quit", Command("quit")),
        ("/QUIT  ", Command("quit")),
        ("/open @bobby", Command("open", ("@bobby",))),
        ("/rename A new  title", Command("rename", ("A", "new", "title"))),
        ("/sessions", Command("sessions")),
        ("/sessions end 2", Command("sessions", ("end", "2"))),
        ("/sessions end others", Command("sessions", ("end", "others"))),
        ("/contacts add @bobby", Command("contacts", ("add", "@bobby"))),
    ],
)
def test_what_a_line_means(line: str, meaning: Say | Command | None) -> None:
    assert parse(line) == meaning


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/nonsense", "there is no command /nonsense; /help shows them, and //nonsense sends"),
        ("/", "there is no command /;"),
        ("/open", "it goes /open @user"),
        ("/remove @a @b", "it goes /remove @user"),
        ("/saved now", "it goes /saved:"),
        ("/group @a @b", "it goes /group Title"),
        ("/sessions end", "it goes /sessions"),
        ("/sessions end all", "it goes /sessions"),
        ("/sessions show 1", "it goes /sessions"),
        ("/contacts rename @a", "it goes /contacts"),
    ],
)
def test_what_a_line_does_not_mean(line: str, words: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse(line)
    assert str(caught.value).startswith(words)


def test_title_and_users() -> None:
    command = parse("/group The @ team of 5 @alice @bobby")
    assert isinstance(command, Command)
    assert (command.title, command.users) == ("The @ team of 5", ("alice", "bobby"))
    assert parse("/group Only title") == Command("group", ("Only", "title"))


def test_every_command_is_carried_out() -> None:
    assert ACTIONS.keys() | SENDS.keys() == COMMANDS.keys() - {"quit"}


def test_a_page_has_columns_where_there_is_room() -> None:
    page = Page("Title", (("a", "first"), ("", ""), ("long", "second"), ("a line alone", "")))
    assert page.lines(20) == ["a     first", "", "long  second", "a line alone"]
    assert page.lines(10) == ["a", "    first", "", "long", "    second", "a line alone"]
