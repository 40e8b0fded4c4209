"""Profile pictures: that of a user, here, and that of a group, in `actors.chat.group`.

A picture is a file like others. As long as it is somebody's picture, its actor knows that it is
referred to; one that is replaced is released, and deleted in time if nothing else has it.
"""

from __future__ import annotations

from msgspec.structs import replace

from actors import addresses
from actors.file.messages import FileReferred, FileReleased
from actors.tickets import media_in
from actors.user.people import profile_changed
from actors.user.state import PHOTO, UserActor, profile, user
from api import types as t
from api.errors import ApiError
from api.methods import SetPhoto
from runtime.rows import Table
from runtime.turn import Turn


def exchange(turn: Turn, table: Table[None, t.Media], mark: str, ticket: str) -> bool:
    """Put the picture of a ticket (empty: none) in the place of the one that there is; returns
    whether it is another one. `mark`: whose it is, for the files' actors. The ticket was checked by
    the gateway. Raises `invalid_params` for a file that is no picture."""
    old = table.get(turn, None)
    new = _picture(ticket) if ticket else None
    if new == old:
        return False
    if new is None:
        table.delete(turn, None)
    else:
        table.put(turn, None, new)
        for file_id in new.file_ids():
            turn.send(addresses.file(file_id), FileReferred(mark))
    if old is not None:
        for file_id in old.file_ids():
            turn.send(addresses.file(file_id), FileReleased(mark))
    return True


def _picture(ticket: str) -> t.Media:
    media = media_in(ticket)
    if media.kind != "photo":
        words = "only a file that was uploaded as a photo can be this"
        raise ApiError("invalid_params", words, field="/media")
    return replace(media, name="")


@user.on(SetPhoto)
def set_photo(state: UserActor, message: SetPhoto, turn: Turn) -> t.User:
    head = state.access()
    if exchange(turn, PHOTO, addresses.user_mark(state.id), message.media):
        return profile_changed(state, turn, head)
    return profile(turn, head)
