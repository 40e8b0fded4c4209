"""What can be read of a user. Part of the user actor (see `actors.user.state`).

Reads run on committed rows. The gateway completes what lies in other actors: the texts of messages
in a difference and in the list of dialogs.
"""

from __future__ import annotations

from heapq import nlargest

from actors import addresses
from actors.user.messages import Credentials, GetCredentials, GetProfile, MailSlice
from actors.user.state import (
    BLOCKED,
    CONTACTS,
    DIALOGS,
    HEAD,
    MAILBOX,
    SESSIONS,
    DialogRow,
    UserHead,
    profile,
    status_of,
    user,
)
from api import limits
from api import types as t
from api.errors import ApiError
from api.methods import (
    GetBlocked,
    GetContacts,
    GetDialogs,
    GetDifference,
    GetMe,
    GetSessions,
    GetState,
)
from runtime.rows import View


def _access(view: View) -> UserHead:
    head = HEAD.get(view, None)
    if head is None:
        raise ApiError("user_not_found")
    return head


@user.reads(GetCredentials)
def credentials(view: View, message: GetCredentials) -> Credentials:
    return Credentials(int(view.ref.key), _access(view).password_hash)


@user.reads(GetMe)
def me(view: View, message: GetMe) -> t.User:
    return profile(view, _access(view))


@user.reads(GetProfile)
def others_view(view: View, message: GetProfile) -> t.User:
    head = _access(view)
    user_id = int(view.ref.key)
    caller = view.caller.user_id
    if caller != user_id and BLOCKED.get(view, caller) is not None:
        return profile(view, head, photo=False)
    return profile(view, head, status_of(head, view))


@user.reads(GetSessions)
def sessions(view: View, message: GetSessions) -> t.Sessions:
    now_ms, current = view.now_ms, view.caller.session_id
    rows = SESSIONS.scan(view, limit=limits.SESSIONS_PER_USER_MAX + 1)
    shown = [
        t.Session(
            number,
            row.device,
            row.created_ms,
            now_ms if number == current or number in view.volatile else row.active_ms,
            number == current,
        )
        for number, row in rows
    ]
    return t.Sessions(sorted(shown, key=lambda session: -session.active_ms))


@user.reads(GetContacts)
def contacts(view: View, message: GetContacts) -> t.Contacts:
    rows = CONTACTS.scan(view, message.after_id + 1, limit=message.limit + 1)
    page = [t.Contact(user_id, row.name) for user_id, row in rows[: message.limit]]
    return t.Contacts(page, len(rows) > message.limit)


@user.reads(GetBlocked)
def blocked(view: View, message: GetBlocked) -> t.UserIds:
    return t.UserIds([user_id for user_id, _ in BLOCKED.scan(view, limit=limits.BLOCKED_MAX)])


def _order(row: DialogRow) -> tuple[int, int]:
    """In which dialogs had their last messages: that of the mailbox, for clocks are set back. The
    date where a message came before its number was noted."""
    return (row.top_pts, row.top_date_ms)


@user.reads(GetDialogs)
def dialogs(view: View, message: GetDialogs) -> t.Dialogs:
    end = message.offset + message.limit
    most = min(end + 1, limits.DIALOGS_MAX)
    rows = nlargest(most, DIALOGS.all(view), key=lambda item: _order(item[1]))
    page = [
        t.Dialog(
            chat_id,
            addresses.chat_kind(chat_id),
            row.top_id,
            row.top_date_ms,
            row.unread,
            row.read_inbox_id,
            row.read_outbox_id,
            row.delivered_id,
            row.left,
            top_pts=row.top_pts,
        )
        for chat_id, row in rows[message.offset : end]
    ]
    return t.Dialogs(page, end if end < len(rows) else 0, _access(view).pts)


@user.reads(GetState)
def state(view: View, message: GetState) -> t.MailboxState:
    return t.MailboxState(_access(view).pts, view.date_ms)


@user.reads(GetDifference)
def difference(view: View, message: GetDifference) -> MailSlice:
    head = _access(view)
    pts = head.pts
    shown = profile(view, head)
    if message.pts == pts:
        return MailSlice("empty", pts, [], shown)
    if message.pts > pts or pts - message.pts > limits.MAILBOX_EVENTS_MAX:
        # Ahead of the server: it was restored from a backup, or the client is confused.
        return MailSlice("too_long", pts, [], shown)
    rows = MAILBOX.scan(view, message.pts + 1, pts + 1, limit=message.limit)
    if not rows or rows[0][0] != message.pts + 1:
        return MailSlice("too_long", pts, [], shown)
    last = rows[-1][0]
    return MailSlice("full" if last == pts else "slice", last, rows, shown)
