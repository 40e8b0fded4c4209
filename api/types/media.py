"""Files."""

from __future__ import annotations

from typing import Literal

from api.types.base import Record

MediaKind = Literal["photo", "video", "audio", "voice", "file"]


class Thumb(Record, frozen=True):
    """A small picture of a file, at most 320 pixels long, itself a file: a JPEG or a WebP."""

    file_id: str
    size: int
    mime: str
    width: int
    height: int


class Media(Record, frozen=True):
    """A file that goes with a message, or is a profile picture. `file_id` names its content: of a
    file of one part the BLAKE3 hash of its bytes in base64url, of a longer one that of the hashes
    of its parts; `size` in bytes; `width` and `height` in pixels, as it is shown; `waveform`:
    the loudness of a voice message, 100 bytes in base64; `preview`: a tiny WebP in base64, to be
    shown blurred until there is something better. What is not known is 0 or empty."""

    kind: MediaKind
    file_id: str
    size: int
    name: str
    mime: str
    width: int = 0
    height: int = 0
    duration_ms: int = 0
    waveform: str = ""
    preview: str = ""
    thumb: Thumb | None = None

    def file_ids(self) -> list[str]:
        """That of the file, and of its small picture, if it has one."""
        return [self.file_id] if self.thumb is None else [self.file_id, self.thumb.file_id]


class PartRange(Record, frozen=True):
    """Parts of a file, counted from 0, both ends included."""

    first: int
    last: int


class Upload(Record, frozen=True):
    """A running upload: it takes `parts` parts, and those in `stored` are there."""

    upload_id: int
    size: int
    parts: int
    stored: list[PartRange]


class Finished(Record, frozen=True):
    """A file is stored: what `messages.send` needs of it, and what is known of it. `expires_ms`:
    until when the ticket can be used."""

    ticket: str
    expires_ms: int
    media: Media


class Link(Record, frozen=True):
    """The path at which somebody who has no token can download a file, until `expires_ms`."""

    path: str
    expires_ms: int
