"""How a kind of actor is declared: its state, its handlers and its reads.

    chat = Kind("chat", Chat.load)

    @chat.on(SendMessage)
    def send(state: Chat, message: SendMessage, turn: Turn) -> Sent: ...

    @chat.reads(GetHistory)
    def history(view: View, message: GetHistory) -> History: ...

A handler is one turn: synchronous and pure. What it returns is the answer to whoever asked; None
means that nobody asked, or that the obligation to answer was passed on with a message
(`turn.send(..., answer=True)`). It validates before it changes anything: when it raises `ApiError`
all its effects are dropped. A read runs on committed rows and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from runtime.messages import KNOWN, Internal
from runtime.refs import KINDS

F = TypeVar("F", bound=Callable[..., Any])


class Kind:
    """A kind of actor. `load(view)` makes the in-memory state of an actor from its rows.
    `front_lost(front, volatile)` tells which messages the actor gets when a front is gone.
    `movable`: an actor can move to a partition of its own; then nobody may be attached to it."""

    def __init__(
        self,
        name: str,
        load: Callable[[Any], Any],
        front_lost: Callable[[str, dict[Any, Any]], list[Any]] | None = None,
        *,
        movable: bool = False,
    ) -> None:
        self.name = name
        self.number = KINDS[name]
        self.load = load
        self.front_lost = front_lost
        self.movable = movable
        self.handlers: dict[type, Callable[[Any, Any, Any], Any]] = {}
        self.readers: dict[type, Callable[[Any, Any], Any]] = {}

    def on(self, message: type) -> Callable[[F], F]:
        """Declare the handler of a message."""

        def declare(handler: F) -> F:
            assert message not in self.handlers, f"{self.name} handles {message.__name__} twice"
            self.handlers[_known(message)] = handler
            return handler

        return declare

    def reads(self, message: type) -> Callable[[F], F]:
        """Declare the reader of a message."""

        def declare(reader: F) -> F:
            assert message not in self.readers, f"{self.name} reads {message.__name__} twice"
            self.readers[_known(message)] = reader
            return reader

        return declare


def _known(message: type) -> type:
    if issubclass(message, Internal):
        KNOWN.add(message)
    return message
