"""Files that a command writes."""

from __future__ import annotations

import os
from pathlib import Path

from heliograph.failing import Told


def writable(path: Path) -> None:
    """Whether it can be written, as far as that can be seen before the work begins. Raises Told."""
    if not path.name or path.is_dir():
        raise Told(f"{str(path)!r} is a folder: name a file")
    if not path.parent.is_dir():
        raise Told(f"{path}: there is no folder {path.parent}")
    if path.exists() and not path.is_file() and not path.is_char_device():
        raise Told(f"{path} is no file: name another")


def write_whole(path: Path, content: bytes) -> None:
    """All of it, or nothing: what was there before stays until the new one is. A device (/dev/null)
    stays what it is. Raises Told and OSError."""
    writable(path)
    if path.is_char_device():
        path.write_bytes(content)
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
