"""Paths as they are typed: of the files to send, and of the place to save one."""

from __future__ import annotations

import glob
import os
import re
from pathlib import Path

from api import limits
from heliograph.terminal.commands import CommandError, usage
from heliograph.terminal.text import human_size, one_line

WORD = re.compile(r"""\s*(?:"([^"]*)"(?=\s|\Z)|'([^']*)'(?=\s|\Z)|((?:\\.|\S)+))""", re.DOTALL)
ESCAPED = re.compile(r"\\(.)", re.DOTALL)
SPECIAL = re.compile(r"""([\s"'\\])""")
WHICH = re.compile("#?[0-9]{1,15}")
PATTERN = re.compile(r"[*?\[]")
COMPLETED = re.compile(r"/(?:file|voice|save|photo)\s", re.IGNORECASE)


def first_word(text: str) -> tuple[str, str]:
    """The first word of a line, without the quotes around it or the backslashes that keep it
    together; and what comes after it."""
    found = WORD.match(text)
    if found is None:
        return "", ""
    bare = found[3]
    word = ESCAPED.sub(r"\1", bare) if bare is not None else found[1] or found[2] or ""
    return word, text[found.end() :]


def files_and_text(rest: str) -> tuple[list[Path], str]:
    """What to send: the first word is a path or a pattern; so is each further one that looks like
    one and names a file; the rest is a text. Raises `CommandError`."""
    word, after = first_word(rest)
    paths = _files(word)
    if not paths:
        raise CommandError(f"there is no file {one_line(word)}")
    while after.strip():
        word, further = first_word(after)
        more = [path for path in _files(word) if path.is_file()] if _like_path(word) else []
        if not more:
            break
        paths, after = paths + more, further
    paths = list(dict.fromkeys(paths))
    check_count(paths)
    return paths, after.strip()


def check_count(paths: list[Path]) -> None:
    """So many can be sent at a time. Raises `CommandError`."""
    most = limits.ALBUM_MESSAGES_MAX
    if len(paths) > most:
        raise CommandError(f"these are {len(paths)} files; {most} go at a time")


def _like_path(word: str) -> bool:
    return any(char in word for char in "/.*") and word.strip(".") != ""


def _files(word: str) -> list[Path]:
    """The file of this name, or those that fit a pattern; none if there is no such."""
    path = Path(word).expanduser()
    if word and (os.path.lexists(path) or not PATTERN.search(word)):
        return [path]
    return [Path(name) for name in sorted(glob.glob(str(path))) if os.path.isfile(name)]


def sendable(path: Path) -> int:
    """The size of a file that can be sent. Raises `CommandError`."""
    name = one_line(str(path))
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise CommandError(f"{name} is {'a folder' if path.is_dir() else 'no file'}")
        with path.open("rb"):
            pass
    except FileNotFoundError:
        raise CommandError(f"there is no file {name}") from None
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}") from None
    if not size:
        raise CommandError(f"{name} is empty")
    if size > limits.FILE_BYTES_MAX:
        most = human_size(limits.FILE_BYTES_MAX)
        raise CommandError(f"{name} is too large: {human_size(size)}; {most} is the most")
    return size


def picture(rest: str) -> tuple[bool, Path | None]:
    """Whether a picture is meant for the group, and which file it is; None: it shall have none.
    Raises `CommandError`."""
    word, after = first_word(rest)
    group = word == "group"
    if group:
        word, after = first_word(after)
    if not word or after.strip():
        raise CommandError(f"it goes {usage('photo')}; quote a path that has spaces")
    if word == "remove":
        return group, None
    path = Path(word).expanduser()
    sendable(path)
    return group, path


def which_and_where(rest: str) -> tuple[int, int, Path]:
    """What to save: how many files from the end, or the id of a message (else 0); and where. Raises
    `CommandError`."""
    last, message_id = 1, 0
    word, after = first_word(rest)
    if WHICH.fullmatch(word):
        (last, message_id), rest = which_file(word), after
    word, after = first_word(rest)
    if after.strip():
        raise CommandError(f"it goes {usage('save')}; quote a path that has spaces")
    return last, message_id, place(word)


def which_file(word: str) -> tuple[int, int]:
    """`3`, the third last; `#3`, that of message 3. Raises `CommandError`."""
    number = int(word.removeprefix("#")) if WHICH.fullmatch(word) else 0
    if not number:
        raise CommandError(f"{one_line(word)} is no number of a file: as 1, the last, or #ID")
    return (1, number) if word.startswith("#") else (number, 0)


def place(word: str) -> Path:
    """Where to save: a folder, or a file that is not there yet. Raises `CommandError`."""
    if not word:
        downloads = Path.home() / "Downloads"
        return downloads if downloads.is_dir() else Path.cwd()
    path = Path(word).expanduser()
    if path.is_dir():
        return path
    if os.path.lexists(path):
        raise CommandError(f"{one_line(str(path))} is there already; name another place")
    folder = path if word.endswith("/") else path.parent
    if not folder.is_dir():
        raise CommandError(f"there is no folder {one_line(str(folder))}")
    return path


def completed(line: str) -> str | None:
    """The line with its last word completed to the path that it begins, as far as there is only one
    way to go on; None if there is none."""
    found = COMPLETED.match(line)
    if found is None:
        return None
    start, rest = found.end(), line[found.end() :]
    while True:
        word, after = first_word(rest)
        if not after:
            break
        start, rest = start + len(rest) - len(after), after
    if not word:
        return None
    folder, _, begun = word.rpartition("/")
    base = f"{folder}/" if "/" in word else ""
    try:
        entries = list(os.scandir(Path(base or ".").expanduser()))
    except OSError:
        return None
    names = [
        entry.name + ("/" if entry.is_dir() else "")
        for entry in entries
        if entry.name.startswith(begun) and (begun.startswith(".") or entry.name[0] != ".")
    ]
    common = _beginning(names)
    if len(common) <= len(begun):
        return None
    end = " " if len(names) == 1 and not common.endswith("/") else ""
    space = rest[: len(rest) - len(rest.lstrip())]
    return line[:start] + space + SPECIAL.sub(r"\\\1", base + common) + end


def _beginning(names: list[str]) -> str:
    """What all of them begin with."""
    first, last = min(names, default=""), max(names, default="")
    same = 0
    while same < min(len(first), len(last)) and first[same] == last[same]:
        same += 1
    return first[:same]
