"""The folders of earlier versions, unpacked, and what people had seen of them."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import zstandard

from api import types as t
from heliograph import Client

ARCHIVES = Path(__file__).parent
NAMES = sorted(path.stem for path in ARCHIVES.glob("*.zst"))
PASSWORD = "correct horse battery"


class Seen(msgspec.Struct):
    """What somebody sees: their chats, all messages in them by chat, and their place in the
    mailbox."""

    pts: int
    dialogs: list[t.Dialog]
    messages: dict[str, list[t.Message]]
    contacts: list[t.Contact]
    blocked: list[int]


class Told(msgspec.Struct):
    """What was known when the power failed. `token`: of a second session of alice, `notes`: a file
    of hers and the message that it came with, `users`: what they saw before the load, `late`: the
    texts that were acknowledged after the backup, in the group `late_in`."""

    token: str
    notes: bytes
    notes_at: tuple[str, int]
    users: dict[int, Seen]
    late_in: str = ""
    late: list[str] = []


class Packed(msgspec.Struct, array_like=True):
    """A file without the zeros at its end: logs are made as long as they may get."""

    size: int
    raw: bytes


class Archive(msgspec.Struct):
    """`files` by their paths."""

    told: Told
    files: dict[str, Packed]


_decode = msgspec.msgpack.Decoder(Archive).decode


async def seen_by(client: Client) -> Seen:
    """Everything that a user can see."""
    dialogs = [dialog async for dialog in client.dialogs()]
    return Seen(
        (await client.mailbox_state()).pts,
        dialogs,
        {d.chat_id: [message async for message in client.history(d.chat_id)] for d in dialogs},
        await client.contacts(),
        await client.blocked(),
    )


def unpack(name: str, folder: Path) -> Told:
    """Put `data` and `backup` of an archive into a folder."""
    archive = _decode(zstandard.decompress((ARCHIVES / f"{name}.zst").read_bytes()))
    for path, packed in archive.files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(packed.raw)
        os.truncate(target, packed.size)
    return archive.told
