"""Where a file that somebody sent is saved: the name comes from anybody, so it is neither a path
nor hidden nor that of something that is there already."""

from __future__ import annotations

import itertools
import mimetypes
import os
from pathlib import Path

from api import types as t
from api.files import plain_name

NAME_BYTES_MAX = 200
"""File systems take 255; the rest is for what is put behind it."""
SUFFIX_BYTES_MAX = 20
DRAFT_ID_CHARS = 12


def saved_name(media: t.Media, *, thumb: bool = False) -> str:
    """What the file of a message is called in a folder."""
    name = plain_name(media.name)
    if not name:
        name = media.kind + (mimetypes.guess_extension(media.mime) or "")
    if thumb and media.thumb is not None:
        name = f"{Path(name).stem}-small{mimetypes.guess_extension(media.thumb.mime) or ''}"
    return _short(name)


def _short(name: str) -> str:
    suffix = Path(name).suffix
    if len(suffix.encode(errors="replace")) > SUFFIX_BYTES_MAX:
        suffix = ""
    stem = name.removesuffix(suffix).encode(errors="replace")
    return stem[: NAME_BYTES_MAX - len(suffix.encode())].decode(errors="ignore") + suffix


def free_place(path: Path) -> Path:
    """The first of `name.txt`, `name (2).txt`, … that is not there."""
    free = path
    for number in itertools.count(2):
        if not os.path.lexists(free):
            break
        free = path.with_name(f"{path.stem} ({number}){path.suffix}")
    return free


def draft_of(path: Path, file_id: str) -> Path:
    """Where a file is written until it is whole: another file's beginning is never taken up."""
    return path.with_name(f"{_short(path.name)}.{file_id[:DRAFT_ID_CHARS]}.part")
