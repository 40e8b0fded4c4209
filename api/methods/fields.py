"""What parameters are made of: ids, names, texts, and what they may be."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from api import limits
from api.refusals import pattern
from api.visible import END, LINE, LINE_OR_NONE, TEXT_OR_NONE

pattern(LINE, "must be one line in which something can be seen")
pattern(LINE_OR_NONE, "must be empty, or one line in which something can be seen")
pattern(TEXT_OR_NONE, "must be empty, or have something that can be seen")

UserId = Annotated[int, Meta(ge=1, le=limits.JSON_INT_MAX, description="Id of a user.")]
SessionId = Annotated[int, Meta(ge=1, le=limits.JSON_INT_MAX, description="Id of a session.")]
MessageId = Annotated[int, Meta(ge=1, le=limits.JSON_INT_MAX, description="Id in its chat.")]
MessageIdOrZero = Annotated[int, Meta(ge=0, le=limits.JSON_INT_MAX)]
MessageIds = Annotated[
    list[MessageId], Meta(min_length=1, max_length=limits.MESSAGES_PER_REQUEST_MAX)
]
Pts = Annotated[int, Meta(ge=0, le=limits.JSON_INT_MAX, description="Number of a mailbox update.")]
RandomId = Annotated[
    int,
    Meta(
        ge=1,
        le=limits.JSON_INT_MAX,
        description="Chosen by the client; repeating a call with the same one has no new effect.",
    ),
]
RandomIds = Annotated[
    list[RandomId], Meta(min_length=1, max_length=limits.MESSAGES_PER_REQUEST_MAX)
]
ChatId = Annotated[
    str,
    Meta(
        pattern=pattern(
            f"^(p[1-9][0-9]{{0,15}}-[1-9][0-9]{{0,15}}|g[1-9][0-9]{{0,15}}){END}",
            "must be the id of a chat: `p<low>-<high>` or `g<number>`",
        ),
        max_length=40,
        description="`p<low>-<high>` for a private chat, `g<number>` for a group.",
    ),
]
GroupId = Annotated[
    str,
    Meta(
        pattern=pattern(
            f"^g[1-9][0-9]{{0,15}}{END}", "must be the id of a group: `g` and a number"
        ),
        max_length=40,
    ),
]
Username = Annotated[
    str,
    Meta(
        pattern=pattern(
            f"^[A-Za-z][A-Za-z0-9_]{{{limits.USERNAME_CHARS_MIN - 1},"
            f"{limits.USERNAME_CHARS_MAX - 1}}}{END}",
            f"must have {limits.USERNAME_CHARS_MIN} to {limits.USERNAME_CHARS_MAX} letters from a "
            "to z, digits and underscores, and begin with a letter",
        ),
        description="Letters, digits and underscore, beginning with a letter; case is kept but "
        "does not tell names apart.",
    ),
]
Name = Annotated[
    str,
    Meta(min_length=1, max_length=limits.NAME_CHARS_MAX, pattern=LINE, description="A name."),
]
NameOrNone = Annotated[str, Meta(max_length=limits.NAME_CHARS_MAX, pattern=LINE_OR_NONE)]
Bio = Annotated[str, Meta(max_length=limits.BIO_CHARS_MAX, pattern=LINE_OR_NONE)]
Title = Annotated[str, Meta(min_length=1, max_length=limits.TITLE_CHARS_MAX, pattern=LINE)]
Description = Annotated[str, Meta(max_length=limits.DESCRIPTION_CHARS_MAX, pattern=TEXT_OR_NONE)]
Device = Annotated[
    str,
    Meta(
        max_length=limits.DEVICE_CHARS_MAX,
        pattern=LINE_OR_NONE,
        description="Shown in the list.",
    ),
]
NewPassword = Annotated[
    str, Meta(min_length=limits.PASSWORD_CHARS_MIN, max_length=limits.PASSWORD_CHARS_MAX)
]
Password = Annotated[str, Meta(min_length=1, max_length=limits.PASSWORD_CHARS_MAX)]
TextOrNone = Annotated[str, Meta(max_length=limits.TEXT_CHARS_MAX, pattern=TEXT_OR_NONE)]
FileName = Annotated[
    str,
    Meta(
        max_length=limits.FILE_NAME_CHARS_MAX,
        description="What the file is called; shown, and never used as a path.",
    ),
]
FileHash = Annotated[
    str,
    Meta(
        pattern=pattern(
            f"^[A-Za-z0-9_-]{{43}}{END}",
            "must be a BLAKE3 hash in base64url without padding: 43 characters",
        ),
        description="BLAKE3 in base64url without padding: of a file of one part, the hash of its "
        "bytes; of a longer one, that of the hashes (32 bytes each) of its parts, one after "
        "another.",
    ),
]
Ticket = Annotated[
    str,
    Meta(
        max_length=8192,
        description="The `ticket` of what `media.finish` or `POST /media/upload` answered: that "
        "text alone, not the object around it. Empty: none.",
    ),
]
Token = Annotated[str, Meta(min_length=1, max_length=128)]
UserIds = Annotated[list[UserId], Meta(min_length=1, max_length=limits.USERS_PER_REQUEST_MAX)]
