"""Files: whole uploads and downloads, which go on where they were after an interruption."""

from __future__ import annotations

import asyncio
import mimetypes
import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TypeVar

from api import files, limits
from api import types as t
from api.errors import ApiError
from api.methods import GetUpload
from heliograph._config import Progress, Timeouts
from heliograph._errors import ConnectionLost, FileDamaged, ProtocolError
from heliograph._http import Http
from heliograph._methods import Methods, new_random_id
from heliograph._saving import draft_of, free_place, saved_name
from heliograph._source import Part, Parts, Source, opened, whole
from heliograph._way import Way

R = TypeVar("R")

REQUESTS_AT_ONCE = 3
FAST_S = 2.0
"""A request of parts that takes less is followed by one of twice as many, any other by one of half
as many: so what is begun anew after an interruption, and what is told of the progress, stays small
where the way is slow."""
PHOTO_TYPES = {"image/jpeg", "image/png", "image/webp"}


class Files(Methods):
    """Part of `Client`."""

    async def upload(
        self,
        source: Path | str | bytes,
        *,
        kind: t.MediaKind | None = None,
        name: str | None = None,
        progress: Progress | None = None,
        upload_id: int | None = None,
    ) -> t.Finished:
        """Upload a file, or bytes; returns what `send` needs to send it. `kind` says how it shall
        be shown (None: as its name suggests). It goes on through lost connections and restarts of
        the server, as long as a part gets through within `timeouts.call_s`; after an error, call it
        again with the same `upload_id` to go on with what is missing. Refused as `too_large`,
        `quota_exceeded`, `storage_full`; as `hash_mismatch` if the file has changed since its
        upload began: then begin another. Raises OSError."""
        async with opened(source) as file:
            if file.size > limits.FILE_BYTES_MAX:
                raise ApiError("too_large", f"a file has at most {limits.FILE_BYTES_MAX:,} bytes")
            name = file.name if name is None else name
            kind = kind or kind_of(name)
            if file.size <= limits.PART_BYTES:
                (only,) = await file.read([0])
                done = await self._put_small(only, name, kind)
                if progress:
                    progress(file.size, file.size)
                return done
            number = new_random_id() if upload_id is None else upload_id
            hashes = await self._put_parts(file, number, progress)
        return await self.finish_upload(
            number, files.text_of(files.file_id(hashes)), name=name, kind=kind
        )

    async def send_file(
        self,
        chat_id: str,
        source: Path | str | bytes,
        *,
        text: str = "",
        kind: t.MediaKind | None = None,
        name: str | None = None,
        reply_to: int = 0,
        progress: Progress | None = None,
        upload_id: int | None = None,
        random_id: int | None = None,
    ) -> t.Sent:
        """Upload a file and send it, with a text if there is one. After an error, repeat it with
        the same `upload_id` and `random_id`: it goes on, and is sent once."""
        _check_caption(text)
        done = await self.upload(
            source, kind=kind, name=name, progress=progress, upload_id=upload_id
        )
        return await self.send(
            chat_id, text, reply_to=reply_to, random_id=random_id, ticket=done.ticket
        )

    async def send_album(
        self, chat_id: str, sources: Iterable[Path | str | bytes], *, text: str = ""
    ) -> list[t.Sent]:
        """Send up to ten files that are shown together; the text goes with the first. Refused as
        `too_many` before anything is uploaded."""
        _check_caption(text)
        sources = list(sources)
        if len(sources) > limits.ALBUM_MESSAGES_MAX:
            raise ApiError("too_many", f"an album has at most {limits.ALBUM_MESSAGES_MAX} files")
        done = [await self.upload(source) for source in sources]
        album = new_random_id()
        return [
            await self.send(chat_id, "" if number else text, ticket=one.ticket, album=album)
            for number, one in enumerate(done)
        ]

    async def download(
        self,
        message: t.Message,
        to: Path | str,
        *,
        thumb: bool = False,
        progress: Progress | None = None,
    ) -> Path:
        """Save the file of a message, or the small picture of it; returns where. In a folder `to`
        it gets its own name, or if there is such a file already, one with a number; a file `to` is
        replaced. It is written beside its place first, goes on from there after an interruption,
        and is checked before it gets its name. Refused as `media_not_found`; raises `FileDamaged`,
        OSError."""
        what = "thumb" if thumb else "file"
        address = f"/media/{what}/{message.chat_id}/{message.id}"
        return await self._save_file(address, message.media, thumb, Path(to), progress)

    async def download_photo(
        self,
        of: t.User | t.Chat,
        to: Path | str,
        *,
        thumb: bool = False,
        progress: Progress | None = None,
    ) -> Path:
        """Save the picture of a user or a group, or the small one of it, as `download` does.
        Refused as `media_not_found` if there is none, or it has been replaced since: ask for the
        profile again."""
        address = f"/media/photo/{of.id}/{_wanted(of.photo, thumb).file_id}"
        return await self._save_file(address, of.photo, thumb, Path(to), progress)

    async def _save_file(
        self,
        address: str,
        media: t.Media | None,
        thumb: bool,
        path: Path,
        progress: Progress | None,
    ) -> Path:
        wanted = _wanted(media, thumb)
        into = await asyncio.to_thread(path.is_dir)
        if into and media is not None:
            path = path / saved_name(media, thumb=thumb)
        draft = draft_of(path, wanted.file_id)
        out = await asyncio.to_thread(os.open, draft, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            await self._fetch(address, wanted.size, out, progress)
            found = await whole(_id_of, out, wanted.size)
        finally:
            if not os.fstat(out).st_size and wanted.size:
                draft.unlink(missing_ok=True)
            os.close(out)
        if found != wanted.file_id:
            await asyncio.to_thread(draft.unlink)
            raise FileDamaged(f"what was downloaded to {path} is not the file; try again")
        if into:
            path = free_place(path)  # at once: others may be saved under this name
        os.replace(draft, path)
        return path

    # --- steps --------------------------------------------------------------------------------

    _timeouts: Timeouts

    def _raw(self) -> tuple[Http, Way, str]:
        """The HTTP connections, the way of files, and the token. Raises `ClientClosed`."""
        raise NotImplementedError

    async def _insist(self, what: str, attempt: Callable[[], Awaitable[R]]) -> R:
        """Repeat an attempt until it succeeds or is refused for good. Raises `DeadlineExceeded`."""
        raise NotImplementedError

    async def _put_small(self, only: Part, name: str, kind: str) -> t.Finished:
        asked = {"hash": files.text_of(only.hash), "name": name, "kind": kind}

        async def attempt() -> t.Finished:
            _, way, token = self._raw()
            return await way.take(
                lambda http: http.put(
                    "POST", "/media/upload", token, asked, [only.data], t.Finished
                )
            )

        return await self._insist("the upload", attempt)

    async def _put_parts(
        self, file: Source, upload_id: int, progress: Progress | None
    ) -> list[bytes]:
        """Upload the parts that the server lacks; returns the hashes of all."""
        upload = await self.begin_upload(file.size, upload_id)
        parts = Parts(file, _stored(upload), progress)
        tasks = [
            asyncio.create_task(self._put_some(upload_id, parts)) for _ in range(REQUESTS_AT_ONCE)
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return parts.hashes

    async def _put_some(self, upload_id: int, parts: Parts) -> None:
        """One request after the other, until all parts have been taken."""
        loop = asyncio.get_running_loop()
        count = 1
        while left := await parts.take(count):
            begun_s = loop.time()
            most = count
            while left:
                before, left = left, await self._put_run(upload_id, left, most)
                parts.tell(part.number for part in before if part not in left)
                fast = not left and most == count and loop.time() - begun_s < FAST_S
                most = 1
            count = min(2 * count, limits.PARTS_PER_REQUEST_MAX) if fast else -(-count // 2)

    async def _put_run(self, upload_id: int, parts: list[Part], most: int) -> list[Part]:
        """Upload some of these parts, which follow one another unless `most` is 1, in one request;
        if that fails, the first one. Returns what is left of them all."""
        run = parts[:most]
        path = f"/media/upload/{upload_id}/{run[0].number}"
        repeated = False

        async def attempt() -> list[Part]:
            nonlocal repeated, run
            http, way, token = self._raw()
            if repeated:
                upload = await http.call(GetUpload(upload_id), token, self._timeouts.attempt_s)
                stored = _stored(upload)
                left = [part for part in parts if part.number not in stored]
                if len(left) < len(parts):
                    return left
                run = parts[:1]
            repeated = True
            asked = {"hash": [files.text_of(part.hash) for part in run]}
            data = [part.data for part in run]
            await way.take(lambda http: http.put("PUT", path, token, asked, data, t.Ok))
            return parts[len(run) :]

        return await self._insist(f"part {run[0].number}", attempt)

    async def _fetch(self, address: str, size: int, out: int, progress: Progress | None) -> None:
        """Write a file from where it ends; each attempt that gets on is followed by another."""
        while (have := os.fstat(out).st_size) < size:

            async def attempt(start: int = have) -> None:
                _, way, token = self._raw()
                at = start

                async def fetch(http: Http) -> None:
                    nonlocal at
                    at = start
                    async with aclosing(http.pieces(address, token, start)) as pieces:
                        async for piece in pieces:
                            if at + len(piece) > size:
                                raise ProtocolError("the server sends more than the file")
                            await whole(os.pwrite, out, piece, at)
                            at += len(piece)
                            if progress:
                                progress(at, size)

                try:
                    await way.take(fetch)
                except ConnectionLost:
                    if at == start:
                        raise
                if at == start:
                    raise ConnectionLost("the server sends nothing")

            await self._insist("the download", attempt)
        os.ftruncate(out, size)


def _stored(upload: t.Upload) -> set[int]:
    return {number for part in upload.stored for number in range(part.first, part.last + 1)}


def _wanted(media: t.Media | None, thumb: bool) -> t.Media | t.Thumb:
    """A file, or its small picture. Raises `media_not_found`."""
    found = media.thumb if media is not None and thumb else media
    if found is None:
        raise ApiError("media_not_found")
    return found


def _check_caption(text: str) -> None:
    if len(text) > limits.CAPTION_CHARS_MAX:
        most = f"the text with a file has at most {limits.CAPTION_CHARS_MAX:,} characters"
        raise ApiError("invalid_params", most)


def kind_of(name: str) -> t.MediaKind:
    """How a file of this name is best shown."""
    guessed = mimetypes.guess_type(name)[0] or ""
    if guessed in PHOTO_TYPES:
        return "photo"
    if guessed.startswith("video/"):
        return "video"
    return "audio" if guessed.startswith("audio/") else "file"


def _id_of(fd: int, size: int) -> str:
    """The id of what is in a file."""
    hashes: Sequence[bytes] = [
        files.chunk_hash(os.pread(fd, files.part_bytes(size, part), part * limits.PART_BYTES))
        for part in range(files.part_count(size))
    ]
    return files.text_of(files.file_id(hashes))
