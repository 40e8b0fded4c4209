"""All kinds of actors, complete with the handlers that live in modules beside their state."""

from __future__ import annotations

from actors.chat import changing, group, marks, private, sending
from actors.chat import reads as chat_reads
from actors.chat.state import chat
from actors.file.turns import file
from actors.handle.turns import handle
from actors.invitation.turns import invitation
from actors.session.turns import session
from actors.throttle.turns import throttle
from actors.user import account, floods, mailbox, people, photo, presence, uploads
from actors.user import reads as user_reads
from actors.user.state import user
from runtime.kind import Kind

PARTS = (
    *(changing, group, marks, private, sending, chat_reads),
    *(account, floods, mailbox, people, photo, presence, uploads, user_reads),
)
"""Modules that add handlers to a kind by being imported."""

KINDS: dict[str, Kind] = {
    kind.name: kind for kind in (user, session, chat, handle, invitation, throttle, file)
}
