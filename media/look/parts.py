"""One file, step by step: each step is a process, and this puts together what they find."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, NamedTuple, TypeVar

from msgspec.structs import replace

from media.look.film import PROBE_BYTES_MAX, Ffmpeg, read_probe
from media.look.slot import Slot
from media.look.types import (
    DURATION_MS_MAX,
    OCTETS,
    Finding,
    Frame,
    Inspect,
    Job,
    Kind,
    Look,
    Peaks,
    Picture,
    Run,
    Sound,
    Type,
)

POSTER_AT_MS = 1000
_NAME_END = 40
ROOM_BYTES = 64 << 10
_SOUND_ONLY = {
    "video/mp4": "audio/mp4",
    "video/3gpp": "audio/3gpp",
    "video/webm": "audio/webm",
    "video/x-matroska": "audio/x-matroska",
}
"""Containers say what is inside only to ffprobe."""

_F = TypeVar("_F", Type, Picture, Sound)


class Programs(NamedTuple):
    """Where to run ffmpeg for one file: the slot, the file, a folder for what it writes, and for
    how many seconds."""

    slot: Slot
    source: int
    folder: Path
    ffmpeg: Ffmpeg
    seconds: float

    def run(self, command: list[str], out: IO[bytes]) -> bool:
        """Whether the program ended well. Raises OSError where it had no room for what it wrote."""
        _, status = self.slot.run(Run(command), self.source, out.fileno(), 2 * self.seconds)
        if status:
            check_room(out.fileno())
        return status == 0

    def scratch(self) -> IO[bytes]:
        return tempfile.TemporaryFile(dir=self.folder)

    def work(self, job: Job, on: IO[bytes]) -> list[Finding]:
        """What a worker finds in what a program wrote."""
        return self.slot.run(job, on.fileno(), self.source, self.seconds)[0]


def look_into(
    slot: Slot, path: Path, kind: Kind, name: str, ffmpeg: Ffmpeg | None, seconds: float
) -> Look:
    """What the file at `path` is. Blocks for as long as its processes take. Raises OSError, also
    where there is no room for what they write: that is not the file's fault."""
    source = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        type_, picture, sound, clean = _inspect(slot, source, path, kind, name, seconds)
        mime, family = type_.mime, type_.family
        if family == "image" and picture:
            same = kind if kind == "photo" and picture.kept else "file"
            return _pictured(Look(mime=picture.mime or mime, kind=same, clean=clean), picture)
        if family not in ("audio", "video"):
            return Look(mime=mime, kind="file")
        if ffmpeg:
            programs = Programs(slot, source, path.parent, ffmpeg, seconds)
            return _played(programs, mime, kind)
        believed = kind == family or kind in ("audio", "voice")
        length = sound.duration_ms if sound else 0
        return Look(mime=mime, kind=kind if believed else "file", duration_ms=length)
    finally:
        os.close(source)


def _inspect(
    slot: Slot, source: int, path: Path, kind: Kind, name: str, seconds: float
) -> tuple[Type, Picture | None, Sound | None, Path | None]:
    """What a worker finds, and the file without metadata, if it wrote one."""
    ending = name[-_NAME_END:].encode(errors="replace").decode()
    clean = path.with_name(path.name + ".clean")
    with contextlib.ExitStack() as stack:
        if kind == "photo":
            clean.unlink(missing_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            out = os.open(clean, flags, 0o600)
        else:
            out = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        stack.callback(os.close, out)
        found, _ = slot.run(Inspect(ending, kind == "photo"), source, out, seconds)
        if kind == "photo" and not _first(found, Picture):
            check_room(out)
    type_ = _first(found, Type) or Type(OCTETS, "other")
    picture, sound = _first(found, Picture), _first(found, Sound)
    if kind == "photo" and picture and picture.mime and type_.family == "image":
        return type_, picture, sound, clean
    if kind == "photo":
        clean.unlink()
    return type_, picture, sound, None


def _played(programs: Programs, mime: str, kind: Kind) -> Look:
    """What a video or sound is, with the help of ffmpeg."""
    with programs.scratch() as out:
        programs.run(programs.ffmpeg.probe(), out)
        film = read_probe(os.pread(out.fileno(), PROBE_BYTES_MAX, 0))
    if film is None or not (film.has_video or film.has_sound):
        return Look(mime=mime, kind="file")
    look = Look(mime=mime, kind="file", duration_ms=film.duration_ms)
    if film.has_video:
        mime = mime.replace("audio/", "video/")
        look = replace(look, mime=mime, width=film.width, height=film.height)
        look = _with_poster(replace(look, kind="video") if kind == "video" else look, programs)
    else:
        look = replace(look, mime=_SOUND_ONLY.get(mime, mime.replace("video/", "audio/")))
        look = _with_waveform(
            replace(look, kind=kind) if kind in ("audio", "voice") else look, programs
        )
    return look


def _with_poster(look: Look, programs: Programs) -> Look:
    """A frame from near the beginning, where nothing is black any more, or the very first."""
    for at_ms in dict.fromkeys((min(POSTER_AT_MS, look.duration_ms // 4), 0)):
        with programs.scratch() as out:
            if programs.run(programs.ffmpeg.poster(at_ms), out):
                picture = _first(programs.work(Frame(), out), Picture)
                if picture:
                    pictured = _pictured(look, picture)
                    size = (look.width, look.height)
                    return replace(pictured, width=size[0], height=size[1])
    return look


def _with_waveform(look: Look, programs: Programs) -> Look:
    command, rate = programs.ffmpeg.samples(look.duration_ms)
    with programs.scratch() as out:
        programs.run(command, out)
        length = min(DURATION_MS_MAX, 1000 * os.fstat(out.fileno()).st_size // rate)
        sound = _first(programs.work(Peaks(), out), Sound)
    waveform = sound.waveform if sound else b""
    return replace(look, waveform=waveform, duration_ms=look.duration_ms or length)


def _pictured(look: Look, picture: Picture) -> Look:
    return replace(
        look,
        width=picture.width,
        height=picture.height,
        preview=picture.preview,
        thumb=picture.thumb,
        thumb_width=picture.thumb_width,
        thumb_height=picture.thumb_height,
    )


def check_room(out: int) -> None:
    """After a process failed that writes to this file: raises OSError if nothing more can be
    written to it."""
    end = os.fstat(out).st_size
    os.pwrite(out, bytes(ROOM_BYTES), end)
    os.ftruncate(out, end)


def _first(found: Iterable[Finding], what: type[_F]) -> _F | None:
    return next((finding for finding in found if isinstance(finding, what)), None)
