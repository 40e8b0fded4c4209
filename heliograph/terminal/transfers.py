"""Files on their way: those of own messages up, one after another, and those that are saved down.

An outage does not end them: they go on where they were, until the user stops them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import heliograph as h
from heliograph.terminal.meter import Meter
from heliograph.terminal.model import Model, Pending
from heliograph.terminal.text import one_line

R = TypeVar("R")

SHOW_EVERY_MS = 200
SEARCHED_MAX = 5_000


def in_words(error: Exception) -> str:
    """What went wrong, for the user."""
    if isinstance(error, h.ApiError):
        words = error.detail
        if error.retry_after:
            words += f"; try again in {max(round(error.retry_after), 1)} s"
        return words
    if isinstance(error, h.DeadlineExceeded):
        return "the server does not answer"
    if isinstance(error, OSError) and error.strerror:
        where = f"{one_line(str(error.filename))}: " if error.filename else ""
        return f"{where}{error.strerror}"
    return str(error) or type(error).__name__


def asked_to_wait(error: h.ApiError, wait_s: float) -> str:
    """What the client waits for, for the user."""
    why = error.detail.partition(";")[0]
    return f"the server asks to wait {math.ceil(wait_s)} s: {why}; this goes on by itself"


def over(error: Exception) -> bool:
    """The login or the client has ended, which `run` tells."""
    if isinstance(error, h.ApiError):
        return error.code == "unauthorized"
    return isinstance(error, h.ClientClosed | h.SessionEnded)


@dataclass(slots=True, eq=False)
class Saving:
    """A file that is being saved."""

    message: h.Message
    meter: Meter
    task: asyncio.Task[Path]


class Transfers:
    """See the module. `uploaded` is called with the chat of a message whose file is uploaded."""

    def __init__(
        self,
        client: h.Client,
        model: Model,
        changed: Callable[[], None],
        uploaded: Callable[[str], None],
        now_ms: Callable[[], int],
        retry_s: float,
    ) -> None:
        self.savings: list[Saving] = []
        self._client = client
        self._model = model
        self._changed = changed
        self._uploaded = uploaded
        self._now_ms = now_ms
        self._retry_s = retry_s
        self._shown_ms = 0
        self._worker: asyncio.Task[None] | None = None
        self._current: tuple[Pending, asyncio.Task[None]] | None = None
        self._leaving: set[asyncio.Task[None]] = set()

    def stop(self) -> None:
        """Leave what is under way."""
        for task in (self._worker, *self._leaving, *(saving.task for saving in self.savings)):
            if task is not None:
                task.cancel()

    def cancel(self, chat_id: str) -> int:
        """Stop everything of a chat; returns how many files. What is uploaded is forgotten, what
        is saved can be gone on with."""
        savings = [saving for saving in self.savings if saving.message.chat_id == chat_id]
        for saving in savings:
            saving.task.cancel()
        files = [p for p in self._model.pending(chat_id) if p.file and p.tick == "sending"]
        files = [pending for pending in files if not self._model.ready(pending)]
        for pending in files:
            self._model.forget(pending)
            if self._current is not None and self._current[0] is pending:
                self._current[1].cancel()
            assert pending.file is not None
            task = asyncio.create_task(self._give_up(pending.file.upload_id))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)
        self._uploaded(chat_id)
        self._changed()
        return len(savings) + len(files)

    async def _give_up(self, upload_id: int) -> None:
        try:
            await self._client.cancel_upload(upload_id)
        except (h.ApiError, h.HeliographError):
            return  # the server gives it up in time

    # --- up -----------------------------------------------------------------------------------

    def upload(self) -> None:
        """Upload what is waiting for it."""
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._upload_all())

    async def _upload_all(self) -> None:
        while True:
            waiting = [
                pending
                for pending in self._model.outbox.values()
                if pending.file and not pending.file.ticket and pending.tick == "sending"
            ]
            if not waiting:
                return
            task = asyncio.create_task(self._upload(waiting[0]))
            self._current = waiting[0], task
            try:
                await asyncio.wait([task])
            finally:
                task.cancel()
                self._current = None
            if not task.cancelled() and (error := task.exception()) is not None:
                assert isinstance(error, Exception)
                if over(error):
                    return
                waiting[0].error = in_words(error)
            self._uploaded(waiting[0].chat_id)
            self._changed()

    async def _upload(self, pending: Pending) -> None:
        file = pending.file
        assert file is not None

        async def attempt() -> h.Finished:
            return await self._client.upload(
                file.path,
                kind=file.kind,
                progress=partial(self._moved, file.meter),
                upload_id=file.upload_id,
            )

        try:
            done = await self._patiently(attempt, file.meter)
        except h.ApiError as error:
            if error.code in ("hash_mismatch", "bad_request"):
                file.upload_id = h.new_random_id()  # the file has changed; begin anew
            raise
        file.ticket = done.ticket

    # --- down ---------------------------------------------------------------------------------

    async def save(self, message: h.Message, to: Path) -> Path | None:
        """Save the file of a message; returns where, or None if it was stopped. Raises `ApiError`,
        `HeliographError`, OSError."""
        assert message.media is not None
        meter = Meter(message.media.size)

        async def attempt() -> Path:
            return await self._client.download(message, to, progress=partial(self._moved, meter))

        task = asyncio.ensure_future(self._patiently(attempt, meter))
        saving = Saving(message, meter, task)
        self.savings.append(saving)
        self._changed()
        try:
            await asyncio.wait([task])
        finally:
            task.cancel()
            self.savings.remove(saving)
            self._changed()
        return None if task.cancelled() else task.result()

    async def _patiently(self, attempt: Callable[[], Awaitable[R]], meter: Meter) -> R:
        """Attempt until the server answers."""
        while True:
            try:
                return await attempt()
            except h.DeadlineExceeded:
                meter.waiting = True
                self._changed()
                await asyncio.sleep(self._retry_s)

    def _moved(self, meter: Meter, done: int, size: int) -> None:
        now_ms = self._now_ms()
        meter.tell(done, now_ms)
        if now_ms - self._shown_ms >= SHOW_EVERY_MS:
            self._shown_ms = now_ms
            self._changed()


async def find_file(
    client: h.Client, chat_id: str, last: int = 1, message_id: int = 0
) -> h.Message | None:
    """The message with the `last`-th file from the end of a chat, or that of this id; None if there
    is no such file."""
    if message_id:
        found = await client.messages(chat_id, [message_id])
        return found[0] if found and found[0].media else None
    async for message in _latest(client, chat_id):
        if message.media is not None:
            last -= 1
            if not last:
                return message
    return None


async def _latest(client: h.Client, chat_id: str) -> AsyncIterator[h.Message]:
    count = 0
    async for message in client.history(chat_id, page=100):
        yield message
        count += 1
        if count == SEARCHED_MAX:
            return
