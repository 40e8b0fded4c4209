"""What everybody can read when all is over, asked for as clients ask."""

from __future__ import annotations

from dataclasses import dataclass, field

from api import limits
from api import types as t
from api.errors import ApiError
from heliograph import Client
from sim.world.device import Device
from sim.world.town import Town

PAGE = 40


@dataclass
class ReadBack:
    """By device: the mailbox from its first update on, every chat that its user knows (None where
    it is refused), and the dialogs."""

    mailboxes: dict[str, list[t.Numbered]] = field(default_factory=dict)
    histories: dict[str, dict[str, list[t.Message] | None]] = field(default_factory=dict)
    dialogs: dict[str, dict[str, t.Dialog]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)


async def read_back(town: Town) -> ReadBack:
    """Everything, by every device."""
    back = ReadBack()
    chats = sorted({chat_id for person in town.people for chat_id in person.chats})
    for device in town.devices:
        assert device.client is not None
        assert device.process is not None
        await device.process.spawn(_read(device, device.client, chats, back))
    return back


async def _read(device: Device, client: Client, chats: list[str], back: ReadBack) -> None:
    name = device.name
    back.mailboxes[name] = await _mailbox(client)
    back.histories[name] = {chat_id: await _history(client, chat_id) for chat_id in chats}
    back.dialogs[name] = {dialog.chat_id: dialog async for dialog in client.dialogs()}
    back.names[name] = (await client.me()).username


async def _mailbox(client: Client) -> list[t.Numbered]:
    found: list[t.Numbered] = []
    pts = 0
    while True:
        page = await client.difference(pts, limits.DIFFERENCE_PAGE_MAX)
        found += page.updates
        pts = page.pts
        if page.kind != "slice":
            return found


async def _history(client: Client, chat_id: str) -> list[t.Message] | None:
    try:
        return [message async for message in client.history(chat_id, oldest_first=True, page=PAGE)]
    except ApiError as error:
        if error.code != "chat_not_found":
            raise
        return None
