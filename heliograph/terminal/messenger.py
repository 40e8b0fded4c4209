"""The model and a client together: it fetches, takes in updates, sends, and marks as read.

One task (`run`) changes the model by fetched dialogs and updates, one after the other, so that what
was fetched is never older than what was applied before. Own messages of a chat go out one after
the other, so that they arrive in the order in which they were written, also after a time offline.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import heliograph as h
from api import limits
from heliograph.terminal.meter import Meter
from heliograph.terminal.model import ChatState, Model, Outgoing, Pending
from heliograph.terminal.transfers import Transfers, in_words, over

PAGE = 50
TYPING_EVERY_MS = 4_000
RETRY_S = 3.0
GROUPS_AT_ONCE = 16
PEERS_MAX = 500
"""Of so many people, those written with last, presence is asked for."""


class Messenger:
    """See the module. `changed` is called when there is something else to show, `say` with words
    for the user."""

    def __init__(
        self,
        client: h.Client,
        changed: Callable[[], None],
        say: Callable[[str], None],
        now_ms: Callable[[], int] = lambda: int(time.time() * 1000),
        retry_s: float = RETRY_S,
    ) -> None:
        self.client = client
        self.model = Model(client.user_id)
        self.open_id = ""
        """The chat that is open; empty if none is."""
        self.watched = True
        """The user can see the open chat."""
        self.ready = False
        """The dialogs were fetched once."""
        self.now_ms = now_ms
        self._changed = changed
        self._say = say
        self._retry_s = retry_s
        self.transfers = Transfers(client, self.model, changed, self._send_pending, now_ms, retry_s)
        self._tasks: set[asyncio.Task[None]] = set()
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._reading: dict[str, int] = {}
        self._fetching: set[str] = set()
        self._typed_ms = 0

    # --- life -----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the model in step until the login is over. Raises `SessionEnded`, `Displaced`;
        ends when the user logs out or the client is closed."""
        await self.client.connected()
        await self._load()
        async for item in self.client.updates():
            if isinstance(item, h.Resync):
                await self._load()
            else:
                self.model.apply(item, self.now_ms(), self.client.pts)
                await self._complete()
            self._seen()
            self._changed()

    def stop(self) -> None:
        """Leave what is under way."""
        for task in [*self._tasks, *self._sending.values()]:
            task.cancel()
        self.transfers.stop()

    def connection_changed(self, state: h.ConnectionState) -> None:
        if state == "online" and self.ready:
            # Presence is told only while connected; marks may have failed.
            self._start(self._refresh_presence())
            self._seen()
        self._changed()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._told(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _told(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except (h.ApiError, h.HeliographError) as error:
            if not over(error):
                self._say(in_words(error))

    # --- fetching -------------------------------------------------------------------------------

    async def _load(self) -> None:
        """Everything afresh; repeated until it is there."""
        while True:
            try:
                pages = [page async for page in self._dialogs()]
                contacts, blocked = await self.client.contacts(), await self.client.blocked()
                break
            except (h.ApiError, h.DeadlineExceeded) as error:
                if over(error):
                    raise h.SessionEnded("the server does not know this login") from error
                self._say(f"{in_words(error)}; trying again")
                await asyncio.sleep(self._retry_s)
        self.model.me = self.client.user_id
        self.model.load(pages)
        self.model.know_contacts(contacts, blocked)
        await self._complete()
        self.ready = True
        if self.open_id:
            self.open(self.open_id)
        self._changed()

    async def _dialogs(self) -> AsyncIterator[h.Dialogs]:
        offset = 0
        while True:
            page = await self.client.dialogs_page(offset, limits.DIALOGS_PAGE_MAX)
            yield page
            offset = page.next_offset
            if not offset:
                return

    async def _complete(self) -> None:
        """Fetch the names and titles that are needed. What cannot be had now is asked for again
        with the next update."""
        model = self.model
        try:
            while groups := model.missing_groups()[:GROUPS_AT_ONCE]:
                await asyncio.gather(*(self._know_group(chat_id) for chat_id in groups))
            missing = model.missing_users()
            if missing:
                model.know_users(await self.client.users(missing))
                model.unknown.update(model.missing_users())
            if self.open_id in model.chats and (ids := model.missing_quotes(self.open_id)):
                model.know_quotes(self.open_id, ids, await self.client.messages(self.open_id, ids))
        except (h.ApiError, h.DeadlineExceeded):
            return

    async def _know_group(self, chat_id: str) -> None:
        try:
            self.model.know_chat(await self.client.chat(chat_id))
        except h.ApiError as error:
            if error.retryable:
                raise
            self.model.unknown.add(chat_id)

    async def _refresh_presence(self) -> None:
        model = self.model
        chats = [chat for chat in model.dialogs() if chat.people][:PEERS_MAX]
        model.know_users(await self.client.users(model.peer(chat) for chat in chats))
        self._changed()

    # --- the open chat --------------------------------------------------------------------------

    def open(self, chat_id: str) -> None:
        """Show a chat; its latest messages are fetched if they are not there."""
        if self.open_id and self.open_id != chat_id:
            self.model.close(self.open_id)
        self.open_id = chat_id
        chat = self.model.open(chat_id)
        if not chat.loaded:
            self._start(self._history(chat_id))
        self._seen()
        self._changed()

    def older(self) -> None:
        """Fetch what stands before what is loaded of the open chat."""
        chat = self.model.chats.get(self.open_id)
        if chat is not None and chat.loaded and chat.more:
            self._start(self._history(self.open_id))

    async def _history(self, chat_id: str) -> None:
        if chat_id in self._fetching:
            return
        self._fetching.add(chat_id)
        try:
            chat = self.model.chats[chat_id]
            before_id = chat.first_id if chat.loaded else 0
            limit = PAGE if before_id else max(PAGE, min(chat.unread + 5, limits.HISTORY_PAGE_MAX))
            page = await self.client.history_page(chat_id, before_id=before_id, limit=limit)
            chat = self.model.chats[chat_id]
            if before_id and (not chat.loaded or chat.first_id != before_id):
                return  # everything was fetched afresh meanwhile
            self.model.add_history(chat_id, page, latest=not before_id)
            await self._complete()
        finally:
            self._fetching.discard(chat_id)
        self._seen()
        self._changed()

    def watch(self, watched: bool) -> None:
        """The user can see the open chat, or cannot."""
        self.watched = watched
        self._seen()

    def _seen(self) -> None:
        """Mark what the user can see as read."""
        chat = self.model.chats.get(self.open_id)
        if chat is None or not self.watched or not self.ready or not chat.loaded or chat.left:
            return
        if not chat.unread or self._reading.get(chat.id, 0) >= chat.top_id:
            return
        self._reading[chat.id] = chat.top_id
        self._start(self._mark_read(chat.id, chat.top_id))

    async def _mark_read(self, chat_id: str, max_id: int) -> None:
        try:
            await self.client.mark_read(chat_id, max_id)
        except h.DeadlineExceeded:
            pass  # done again when online
        finally:
            if self._reading.get(chat_id) == max_id:
                del self._reading[chat_id]

    def typed(self) -> None:
        """The user is writing; the others are told once in a while."""
        now_ms = self.now_ms()
        chat = self.model.chats.get(self.open_id)
        if chat is None or chat.left or self.model.saved(chat) or not self.ready:
            return
        if self.client.connection == "online" and abs(now_ms - self._typed_ms) >= TYPING_EVERY_MS:
            self._typed_ms = now_ms
            self._start(self._tell_typing(chat.id))

    async def _tell_typing(self, chat_id: str) -> None:
        try:
            await self.client.typing(chat_id)
        except (h.ApiError, h.DeadlineExceeded):
            return  # nobody misses it

    # --- sending --------------------------------------------------------------------------------

    def send(self, text: str, reply_to: int = 0) -> None:
        """Send a text to the open chat."""
        number = h.new_random_id()
        pending = Pending(self.open_id, number, text, self.now_ms(), reply_to=reply_to)
        self.model.send(pending)
        self._typed_ms = 0
        self._send_pending(self.open_id)
        self._changed()

    def send_files(self, files: dict[Path, int], text: str, kind: h.MediaKind | None) -> None:
        """Send files, of these sizes, to the open chat; several as an album. They are uploaded
        first; what is written meanwhile does not wait for them."""
        album = h.new_random_id() if len(files) > 1 else 0
        for path, size in files.items():
            shown = kind or h.kind_of(path.name)
            file = Outgoing(path, shown, Meter(size), h.new_random_id(), album)
            number = h.new_random_id()
            self.model.send(Pending(self.open_id, number, text, self.now_ms(), file=file))
            text = ""
        self.transfers.upload()
        self._changed()

    def retry(self) -> int:
        """Send again what failed in the open chat; returns how many."""
        failed = [pending for pending in self.model.pending(self.open_id) if pending.error]
        for pending in failed:
            pending.error = ""
            if pending.file is not None:
                pending.file.ticket = ""  # it may have expired; what is uploaded stays
        self.transfers.upload()
        self._send_pending(self.open_id)
        self._changed()
        return len(failed)

    def drop(self) -> int:
        """Forget what failed in the open chat; returns how many."""
        failed = [pending for pending in self.model.pending(self.open_id) if pending.error]
        for pending in failed:
            self.model.forget(pending)
        self._send_pending(self.open_id)
        self._changed()
        return len(failed)

    def unsent(self) -> int:
        """Own messages that are not on the server."""
        return sum(not pending.sent for pending in self.model.outbox.values())

    def _send_pending(self, chat_id: str) -> None:
        if chat_id in self._sending:
            return
        task = asyncio.create_task(self._send_all(chat_id))
        self._sending[chat_id] = task
        task.add_done_callback(lambda _: self._sending.pop(chat_id, None))

    async def _send_all(self, chat_id: str) -> None:
        while True:
            waiting = [p for p in self.model.pending(chat_id) if self.model.ready(p)]
            if not waiting:
                return
            pending = waiting[0]
            try:
                file = pending.file
                await self.client.send(
                    chat_id,
                    pending.text,
                    reply_to=pending.reply_to,
                    random_id=pending.random_id,
                    ticket=file.ticket if file else "",
                    album=file.album if file else 0,
                )
                pending.sent = True  # the update that follows takes it out of the outbox
            except h.DeadlineExceeded as error:
                if self.client.connection == "online":
                    pending.error = in_words(error)
            except (h.ClientClosed, h.SessionEnded):
                return
            except (h.ApiError, h.HeliographError) as error:
                pending.error = in_words(error)
            self._changed()

    # --- what commands need ---------------------------------------------------------------------

    def current(self) -> ChatState | None:
        return self.model.chats.get(self.open_id)

    async def open_user(self, user: int | str) -> None:
        """Open the private chat with a user."""
        chat = await self.client.open_private(user)
        await self.show(chat)

    async def show(self, chat: h.Chat) -> None:
        """Open a chat that was just made or found."""
        self.model.know_chat(chat)
        await self._complete()
        self.open(chat.id)
