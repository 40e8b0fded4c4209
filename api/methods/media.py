"""Files (their bytes go by HTTP: `fronts.files.http`)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from api import limits
from api import types as t
from api.methods.fields import ChatId, FileHash, FileName, MessageId, RandomId
from api.methods.registry import IN_CHAT, Params, method


@method("media.begin", to="user", result=t.Upload, errors=("too_many", "quota_exceeded", "flood"))
class BeginUpload(Params, frozen=True):
    """Begin to upload a file of this size in bytes. `upload_id` is a number of your choice:
    repeated with the same one, the call changes nothing. The parts follow by `PUT
    /media/upload/<upload_id>/<part>`, in any order."""

    upload_id: RandomId
    size: Annotated[int, Meta(ge=1, le=limits.FILE_BYTES_MAX)]


@method("media.upload", to="user", result=t.Upload, read=True, errors=("upload_not_found",))
class GetUpload(Params, frozen=True):
    """Which parts of an upload are stored: after an interruption, go on with the others."""

    upload_id: RandomId


@method(
    "media.finish",
    to="files",
    result=t.Finished,
    wire="http",
    errors=("upload_not_found", "upload_incomplete", "quota_exceeded", "hash_mismatch"),
)
class FinishUpload(Params, frozen=True):
    """All parts are stored, and the file is this one. Repeated, it is answered alike,
    and another `hash` is refused. `kind` is how
    it shall be shown; where it is no such thing, it becomes a file. Of a photo, position and
    camera are removed, so that its `file_id` is another one then."""

    upload_id: RandomId
    hash: FileHash
    name: FileName = ""
    kind: t.MediaKind = "file"


@method("media.cancel", to="user")
class CancelUpload(Params, frozen=True):
    """Give up an upload; what was stored of it is deleted in time. One that is not there is given
    up already."""

    upload_id: RandomId


@method("media.link", to="gateway", result=t.Link, read=True, errors=(*IN_CHAT, "media_not_found"))
class GetLink(Params, frozen=True):
    """A link to the file of a message, for programs that cannot send a token. Whoever has it can
    read the file until it expires."""

    chat_id: ChatId
    message_id: MessageId
    thumb: bool = False
