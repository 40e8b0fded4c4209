"""What is typed into the input line: a text to send, or a command.

A line that begins with `/` is a command; `//` at the beginning sends a text that begins with `/`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from heliograph.failing import Told


class CommandError(Told):
    """The line is no command; the message says what would be."""


class Spec(NamedTuple):
    """A command: what its arguments look like, and what it does."""

    usage: str
    help: str
    arguments_min: int = 0
    arguments_max: int = 0


ANY = 1_000

COMMANDS: dict[str, Spec] = {}
"""By name, in the order in which they are shown; declared beside what carries them out
(`heliograph.terminal.actions`)."""


@dataclass(frozen=True, slots=True)
class Say:
    """Send this text to the open chat."""

    text: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command with its arguments; `rest` is what was typed after its name. `title` and `users`
    tell the arguments apart: users are the last words that begin with `@`, the title is what comes
    before them."""

    name: str
    arguments: tuple[str, ...] = ()
    rest: str = field(default="", compare=False)

    @property
    def users(self) -> tuple[str, ...]:
        return tuple(word.removeprefix("@") for word in self.arguments[self._title_end() :])

    @property
    def title(self) -> str:
        return " ".join(self.arguments[: self._title_end()])

    @property
    def text(self) -> str:
        return " ".join(self.arguments)

    def _title_end(self) -> int:
        end = len(self.arguments)
        while end and self.arguments[end - 1].startswith("@") and len(self.arguments[end - 1]) > 1:
            end -= 1
        return end


NUMBERED = tuple(f"/{name}" for name in ("reply", "edit", "delete", "forward"))
"""While one of these is being typed, messages are shown with their ids."""


def usage(name: str) -> str:
    """`/open @user`"""
    return f"/{name} {COMMANDS[name].usage}".rstrip()


def parse(line: str) -> Say | Command | None:
    """What a line means; None if there is nothing in it. Raises `CommandError`."""
    if not line.strip():
        return None
    if not line.startswith("/"):
        return Say(line)
    if line.startswith("//"):
        return Say(line[1:])
    name, *arguments = line[1:].split() or [""]
    name = name.lower()
    spec = COMMANDS.get(name)
    if spec is None:
        raise CommandError(
            f"there is no command /{name}; /help shows them, and //{name} sends the text"
        )
    if not spec.arguments_min <= len(arguments) <= spec.arguments_max:
        raise CommandError(f"it goes {usage(name)}: {spec.help}")
    command = Command(name, tuple(arguments), line.partition(line[1:].split()[0])[2].strip())
    _check(command)
    return command


def _check(command: Command) -> None:
    """What the number of arguments does not tell."""
    name, arguments = command.name, command.arguments
    wrong = (
        (name == "group" and not command.title)
        or (
            name == "sessions"
            and arguments
            and not (
                len(arguments) == 2
                and arguments[0] == "end"
                and (arguments[1] == "others" or arguments[1].isdecimal())
            )
        )
        or (
            name == "contacts"
            and arguments
            and not (len(arguments) == 2 and arguments[0] in ("add", "remove"))
        )
    )
    if wrong:
        raise CommandError(f"it goes {usage(name)}: {COMMANDS[name].help}")
