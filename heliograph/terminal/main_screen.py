"""The main screen: it shows the model, and hands what the user does to the messenger."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Footer, OptionList, Static, TextArea

import heliograph as h
from api import limits
from heliograph.terminal import view
from heliograph.terminal.actions import ACTIONS, SENDS, Page, Typed, send_files, writable
from heliograph.terminal.commands import NUMBERED, Command, CommandError, Say, parse
from heliograph.terminal.messenger import Messenger
from heliograph.terminal.screens import PageScreen
from heliograph.terminal.text import one_line
from heliograph.terminal.transfers import in_words, over
from heliograph.terminal.widgets import Composer, Conversation, DialogList, Panes

NARROW = 72
WIDTH_MIN = 8
NOTE_S = 10.0
CLOCK_S = 1.0
WAITING = """\
Connecting to {server} …

If this takes long, the server is not running or cannot be reached
from here. This goes on trying; Ctrl+Q quits, and you stay logged in."""
START = """\
No chat is open.

/open @user     talk with somebody
/group Title @a @b
/saved          notes to yourself
/help           all commands and keys"""


class MainScreen(Screen[None]):
    """See the module."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+n", "step(1)", "Next"),
        Binding("ctrl+p", "step(-1)", "Previous"),
        Binding("escape", "list", "Chats"),
        Binding("f1", "help", "Help"),
    ]

    def __init__(self, messenger: Messenger) -> None:
        super().__init__()
        self.messenger = messenger
        self._open_id = ""
        self._placed = False
        """The conversation was scrolled to where its reading begins."""
        self._listed = False
        self._numbered = False
        """Messages are shown with their ids."""
        self._note_timer: Timer | None = None

    def compose(self) -> ComposeResult:
        yield Panes(id="panes")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self._dialogs = self.query_one("#dialogs", DialogList)
        self._conversation = self.query_one("#conversation", Conversation)
        self._composer = self.query_one("#composer", Composer)
        self._composer.take = self.entered
        self._composer.focus()
        self.set_interval(CLOCK_S, self.show)  # typing fades, "last seen" goes on
        self.show()

    # --- showing --------------------------------------------------------------------------------

    def show(self) -> None:
        """Show the model as it is now."""
        if not self.is_mounted or not self.is_attached:
            return
        messenger, now_ms = self.messenger, self.messenger.now_ms()
        model = messenger.model
        chat = messenger.current()
        if messenger.open_id != self._open_id:
            self._opened()
        self._show_savings(now_ms)
        me = model.users.get(model.me)
        who = Text(f"@{one_line(me.username)}" if me else "Heliograph", "bold")
        connection = messenger.client.connection
        state = Text(view.CONNECTION[connection], "green" if connection == "online" else "yellow")
        self.query_one("#me", Static).update(Text.assemble(who, "  ", state))
        width = self._dialogs.row_width - 2
        rows = {c.id: view.row(model, c, now_ms, width) for c in model.dialogs()}
        self._dialogs.show(rows, messenger.open_id)
        head = self.query_one("#head", Static)
        if chat is None:
            head.update("")
            server = one_line(messenger.client.server)
            words = START if messenger.ready else WAITING.format(server=server)
            self._conversation.show([view.Line(0, Text(f" {line}")) for line in words.splitlines()])
            if rows and not self._listed:
                self._listed = True
                self.add_class("listing")  # where there is no room for both, begin with the list
                self._dialogs.focus()
            return
        if self._conversation.line_width < WIDTH_MIN:
            return  # hidden behind the list
        head.update(view.head(model, chat, connection, now_ms, max(head.size.width - 2, 1)))
        self._numbered = self._composer.text.startswith(NUMBERED)
        width = self._conversation.line_width
        lines = view.conversation(model, chat, now_ms, width, numbered=self._numbered)
        place = chat.loaded and not self._placed
        self._conversation.show(lines, at=view.MARKER if place else None)
        self._placed = self._placed or place
        if chat.more:
            self.call_after_refresh(self._fill)

    def _show_savings(self, now_ms: int) -> None:
        savings = self.messenger.transfers.savings
        shown = self.query_one("#savings", Static)
        shown.set_class(bool(savings), "shown")
        width = self._conversation.size.width - 2
        shown.update(view.savings(savings, now_ms, max(width, 1)))

    def _opened(self) -> None:
        """Another chat is open than before: what is typed stays with the one before."""
        before = self.messenger.model.chats.get(self._open_id)
        chat = self.messenger.current()
        if before is not None:
            before.draft = self._composer.text
        self._open_id = self.messenger.open_id
        self._placed = False
        self._composer.put(chat.draft if chat is not None else "")
        self._conversation.to_end()
        self.remove_class("listing")
        self._composer.focus()
        self._watch()

    def _fill(self) -> None:
        """Fetch older messages while there is room for them."""
        if self._placed and self._conversation.at_top:
            self.messenger.older()

    def note(self, words: str, least_s: float = 0.0) -> None:
        """Tell the user something, for a while."""
        note = self.query_one("#note", Static)
        note.update(one_line(words))
        note.set_class(bool(words), "shown")
        if self._note_timer is not None:
            self._note_timer.stop()
        shown_s = max(NOTE_S, least_s)
        self._note_timer = self.set_timer(shown_s, lambda: self.note("")) if words else None

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < NARROW, "narrow")
        self._watch()
        self.call_after_refresh(self.show)

    # --- whether the user looks -----------------------------------------------------------------

    def _watch(self) -> None:
        hidden = self.has_class("narrow") and self.has_class("listing")
        self.messenger.watch(self.app.app_focus and self.is_current and not hidden)

    def on_screen_resume(self) -> None:
        self._watch()

    def on_screen_suspend(self) -> None:
        self.messenger.watch(False)

    def focus_changed(self) -> None:
        """The terminal got or lost the focus."""
        self._watch()

    # --- what the user does ---------------------------------------------------------------------

    def action_list(self) -> None:
        """To the list of chats; from there back to the open chat."""
        if self._dialogs.has_focus and self.messenger.open_id:
            self.remove_class("listing")
            self._composer.focus()
        else:
            self.add_class("listing")
            self._dialogs.focus()
        self._watch()

    def action_step(self, by: int) -> None:
        ids = [chat.id for chat in self.messenger.model.dialogs()]
        if not ids:
            return
        open_id = self.messenger.open_id
        at = ids.index(open_id) + by if open_id in ids else 0
        self.messenger.open(ids[max(0, min(at, len(ids) - 1))])

    async def action_help(self) -> None:
        self.run(Command("help"))

    @on(OptionList.OptionSelected)
    def choose(self, event: OptionList.OptionSelected) -> None:
        if event.option_id is not None:
            self.messenger.open(event.option_id)
            self.remove_class("listing")
            self._composer.focus()
            self._watch()

    @on(Conversation.AtTop)
    def at_top(self) -> None:
        self._fill()

    @on(Composer.Step)
    def step(self, event: Composer.Step) -> None:
        self.action_step(event.by)

    @on(Composer.Scroll)
    def scroll_page(self, event: Composer.Scroll) -> None:
        if event.by < 0:
            self._conversation.scroll_page_up(animate=False)
        else:
            self._conversation.scroll_page_down(animate=False)

    @on(TextArea.Changed)
    def typed(self) -> None:
        text = self._composer.text
        chat = self.messenger.current()
        if chat is not None and chat.id == self._open_id:
            chat.draft = text
        if text and not text.startswith("/"):
            self.messenger.typed()
        if self._numbered != text.startswith(NUMBERED):
            self.show()

    def entered(self, line: str) -> bool:
        """Do what a line says; returns whether it is done with."""
        self.note("")
        try:
            what = parse(line)
            if isinstance(what, Say):
                self._say(what.text)
            elif isinstance(what, Command) and what.name in SENDS:
                send_files(self.messenger, what)
                self._conversation.to_end()
                return True
        except CommandError as error:
            self.note(str(error))
            return False
        if isinstance(what, Command):
            if what.name == "quit":
                self.app.run_worker(self.app.action_quit())
            else:
                self.run(what)
        return True

    def _say(self, text: str) -> None:
        writable(self.messenger, text, limits.TEXT_CHARS_MAX)
        self._conversation.to_end()
        self.messenger.send(text)

    @work
    async def run(self, command: Command) -> None:
        """Carry a command out."""
        try:
            answer = await ACTIONS[command.name](self.messenger, command)
        except CommandError as error:
            self.note(str(error))
        except (h.ApiError, h.HeliographError, OSError) as error:
            if not over(error):
                self.note(in_words(error))
        else:
            if isinstance(answer, Typed):
                self._composer.put(answer.line)
            elif isinstance(answer, Page):
                self.app.push_screen(PageScreen(answer))
            elif answer:
                self.note(answer)
            self.show()
