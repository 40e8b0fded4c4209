"""The parts of the main screen: the list of chats, the conversation, the input line."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.segment import Segment
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.widgets import OptionList, Static, TextArea
from textual.widgets.option_list import Option

from api.visible import as_line
from heliograph.terminal import paths
from heliograph.terminal.text import TAB, harmless
from heliograph.terminal.view import Line

PASTE_CHARS_MAX = 100_000
NEW_LINE = ("ctrl+j", "alt+enter", "shift+enter", "ctrl+enter")


class DialogList(OptionList):
    """The chats, two lines each. Enter or a click opens one."""

    def __init__(self, id: str) -> None:
        super().__init__(id=id, markup=False)
        self._shown: dict[str, Text] = {}

    @property
    def row_width(self) -> int:
        return max(self.scrollable_content_region.width, 1)

    def show(self, rows: dict[str, Text], open_id: str) -> None:
        """Show these chats by their ids. The highlighted one stays so; while the user is
        elsewhere, it is the open one."""
        old = self.highlighted_option
        at = old.id if old is not None and self.has_focus else open_id
        if list(rows) == list(self._shown):
            for chat_id, text in rows.items():
                if text != self._shown[chat_id]:
                    self.replace_option_prompt(chat_id, text)
        else:
            self.set_options([Option(text, id=chat_id) for chat_id, text in rows.items()])
        self._shown = rows
        if at in rows:
            self.highlighted = self.get_option_index(at)
        elif rows and self.highlighted is None:
            self.highlighted = 0


class Conversation(ScrollView, can_focus=True):
    """The messages of the open chat. It stays at the end while the user is there, and otherwise
    where the user has scrolled to, whatever is put in before or after."""

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self._lines: Sequence[Line] = ()
        self._follow = True

    def on_mount(self) -> None:
        self.show_horizontal_scrollbar = False

    @property
    def line_width(self) -> int:
        return max(self.scrollable_content_region.width, 1)

    @property
    def at_top(self) -> bool:
        """What comes before the first line would be seen."""
        return self.scroll_offset.y <= 2

    @property
    def plain(self) -> str:
        """All lines, for tests and for copying."""
        return "\n".join(line.text.plain for line in self._lines)

    def show(self, lines: Sequence[Line], at: int | None = None) -> None:
        """Show these lines. `at`: the key of a line to begin with, for a chat that is opened."""
        key, offset = self._anchor()
        follow = self._follow
        self._lines = lines
        self.virtual_size = Size(self.line_width, len(lines))
        if at is not None:
            row = next((y for y, line in enumerate(lines) if line.key == at), len(lines))
            follow = row + self.size.height >= len(lines)
            self._go(row if not follow else self.max_scroll_y)
        elif follow:
            self._go(self.max_scroll_y)
        else:
            first = next((y for y, line in enumerate(lines) if line.key == key), 0)
            self._go(first + offset)
        self._follow = follow
        self.refresh()

    def to_end(self) -> None:
        """Follow what comes."""
        self._follow = True
        self._go(self.max_scroll_y)

    def _go(self, y: int) -> None:
        self.scroll_to(y=y, animate=False, immediate=True, force=True)

    def _anchor(self) -> tuple[int, int]:
        """The message at the top of what is seen, and how many of its lines are above."""
        y = self.scroll_offset.y
        for row in range(y, len(self._lines)):
            key = self._lines[row].key
            if key > 0:
                first = next(n for n, line in enumerate(self._lines) if line.key == key)
                return key, y - first
        return 0, 0

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._follow = new_value >= self.max_scroll_y
        if new_value < old_value and self.at_top:
            self.post_message(self.AtTop())

    class AtTop(Message):
        """The user came to the first line."""

    def render_line(self, y: int) -> Strip:
        row = self.scroll_offset.y + y
        style = self.rich_style
        if row >= len(self._lines):
            return Strip.blank(self.size.width, style)
        text = self._lines[row].text
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(row)) is not None:
            start, end = span
            text = text.copy()
            selected = self.screen.get_component_rich_style("screen--selection")
            text.stylize(selected, start, len(text) if end == -1 else end)
        segments = list(Segment.apply_style(text.render(self.app.console), style))
        strip = Strip(segments, text.cell_len).crop_extend(0, self.size.width, style)
        return strip.apply_offsets(0, row)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        return selection.extract(self.plain), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        self.refresh()


class Composer(TextArea):
    """The input line: Enter sends, Ctrl+J makes a new line. With nothing typed, the arrows go to
    the next and previous chat, Tab completes a path, and Page up and down always scroll the
    conversation."""

    def __init__(self, id: str) -> None:
        super().__init__(
            id=id,
            compact=True,
            highlight_cursor_line=False,
            placeholder="Write a message, or /help",
        )
        self.take: Callable[[str], bool] = lambda text: False
        """Takes what was entered; returns whether it could."""

    class Step(Message):
        """The user wants the next (1) or previous (-1) chat."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    class Scroll(Message):
        """The user wants to see what is a page down (1) or up (-1)."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    async def _on_key(self, event: events.Key) -> None:
        message: Message | None = None
        if event.key == "enter":
            # Not by a message: the keys that follow would be faster, and the text would be sent to
            # the chat that they open, or be cut by what they type.
            if self.take(self.text):
                self.put("")
        elif event.key == "tab" and (completed := paths.completed(self.text)) is not None:
            self.put(completed)
        elif event.key in NEW_LINE:
            self.insert("\n")
        elif event.key in ("pageup", "pagedown"):
            message = self.Scroll(1 if event.key == "pagedown" else -1)
        elif event.key in ("up", "down") and not self.text:
            message = self.Step(1 if event.key == "down" else -1)
        else:
            await super()._on_key(event)
            return
        event.stop()
        event.prevent_default()
        if message is not None:
            self.post_message(message)

    async def _on_paste(self, event: events.Paste) -> None:
        text = event.text[:PASTE_CHARS_MAX].replace("\r\n", "\n").replace("\r", "\n")
        event.prevent_default()
        event.stop()
        self.insert("\n".join(map(as_line, text.replace("\t", TAB).split("\n"))))

    def put(self, text: str) -> None:
        """Replace what is typed."""
        self.text = harmless(text)
        self.move_cursor(self.document.end)


class Panes(Horizontal):
    """The list beside the conversation."""

    def compose(self) -> ComposeResult:
        with Vertical(id="list-pane"):
            yield Static("", id="me", markup=False)
            yield DialogList(id="dialogs")
        with Vertical(id="chat-pane"):
            yield Static("", id="head", markup=False)
            yield Conversation(id="conversation")
            yield Static("", id="savings", markup=False)
            yield Static("", id="note", markup=False)
            yield Composer(id="composer")
