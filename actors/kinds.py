"""All kinds of actors, complete with the handlers that live in modules beside them."""

from __future__ import annotations

from actors import chat_reads, group, mailbox, photos, uploads, user_reads
from actors.chat import chat
from actors.file import file
from actors.handle import handle
from actors.invitation import invitation
from actors.session import session
from actors.throttle import throttle
from actors.user import user
from runtime.kind import Kind

PARTS = (chat_reads, group, mailbox, photos, uploads, user_reads)
"""Modules that add handlers to a kind by being imported."""

KINDS: dict[str, Kind] = {
    kind.name: kind for kind in (user, session, chat, handle, invitation, throttle, file)
}
