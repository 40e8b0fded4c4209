"""A method of `Client` for every method of the API, by subject."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

from msgspec import UNSET

from api import limits
from api import methods as m
from api import types as t
from api.ambient import random_below
from api.errors import ApiError

PAGE = 50
TYPING_TIMEOUT_S = 3.0
POLL_MARGIN_S = 10.0
FINISH_S = limits.HTTP_ANSWER_S_MAX + 5.0
"""The server looks into a file before it answers."""


def new_random_id() -> int:
    """A fresh id for a send: repeating the send with it has no new effect."""
    return random_below(limits.JSON_INT_MAX) + 1


def _plain(username: str) -> str:
    """Without the `@`. Raises `ApiError`."""
    if not isinstance(username, str):
        raise ApiError("invalid_params", "username must be a text", field="/username")
    return username.removeprefix("@")


class Methods:
    """Base of `Client`. Users are given by id, or by user name (with or without `@`). All methods
    raise `ApiError` for what the server refuses, and `DeadlineExceeded` if it never answers."""

    async def call(
        self, params: m.Params, *, timeout_s: float | None = None, attempt_s: float | None = None
    ) -> Any:
        raise NotImplementedError

    async def _id_of(self, user: int | str) -> int:
        return user if isinstance(user, int) else (await self.user(user)).id

    # --- users --------------------------------------------------------------------------------

    async def me(self) -> t.User:
        """Your own profile."""
        user: t.User = await self.call(m.GetMe())
        return user

    async def user(self, username: str) -> t.User:
        """The user who holds a user name. Refused as `user_not_found`."""
        user: t.User = await self.call(m.ResolveUsername(_plain(username)))
        return user

    async def users(self, user_ids: Iterable[int]) -> list[t.User]:
        """Profiles and presence of any number of users; unknown ids are left out."""
        ids = list(dict.fromkeys(user_ids))
        found: list[t.User] = []
        for start in range(0, len(ids), limits.USERS_PER_REQUEST_MAX):
            page = ids[start : start + limits.USERS_PER_REQUEST_MAX]
            found += (await self.call(m.GetUsers(page))).users
        return found

    async def update_profile(self, *, name: str | None = None, bio: str | None = None) -> t.User:
        """Change name or bio; what is left out stays."""
        params = m.UpdateProfile(UNSET if name is None else name, UNSET if bio is None else bio)
        user: t.User = await self.call(params)
        return user

    async def set_username(self, username: str) -> t.User:
        """Take another user name. Refused as `username_taken`."""
        user: t.User = await self.call(m.SetUsername(_plain(username)))
        return user

    async def set_profile_photo(self, ticket: str) -> t.User:
        """Take another profile picture, of which this is the ticket (`upload` it as a photo); with
        an empty one, none."""
        user: t.User = await self.call(m.SetPhoto(ticket))
        return user

    # --- contacts -----------------------------------------------------------------------------

    async def contacts(self) -> list[t.Contact]:
        """Your contacts, by ascending user id."""
        found: list[t.Contact] = []
        while True:
            after_id = found[-1].user_id if found else 0
            page: t.Contacts = await self.call(m.GetContacts(after_id))
            found += page.contacts
            if not page.more:
                return found

    async def add_contact(self, user: int | str, name: str = "") -> None:
        """Put a user into your contacts, with a name of your own for them if you like."""
        await self.call(m.AddContact(await self._id_of(user), name))

    async def remove_contact(self, user: int | str) -> None:
        """Take a user out of your contacts."""
        await self.call(m.RemoveContact(await self._id_of(user)))

    async def block(self, user: int | str) -> None:
        """Stop a user from writing to you, adding you to groups and seeing when you are online."""
        await self.call(m.Block(await self._id_of(user)))

    async def unblock(self, user: int | str) -> None:
        """Take a block back."""
        await self.call(m.Unblock(await self._id_of(user)))

    async def blocked(self) -> list[int]:
        """The ids of the users whom you block."""
        blocked: t.UserIds = await self.call(m.GetBlocked())
        return blocked.user_ids

    # --- chats --------------------------------------------------------------------------------

    async def open_private(self, user: int | str) -> t.Chat:
        """Open the private chat with a user (with yourself: the saved messages)."""
        chat: t.Chat = await self.call(m.OpenPrivate(await self._id_of(user)))
        return chat

    async def create_group(self, title: str, users: Iterable[int | str] = ()) -> t.Chat:
        """Create a group you own; users who cannot be added are left out."""
        ids = [await self._id_of(user) for user in users]
        chat: t.Chat = await self.call(m.CreateGroup(title, new_random_id(), ids))
        return chat

    async def chat(self, chat_id: str) -> t.Chat:
        """A chat you are in, with its members. Refused as `chat_not_found`."""
        chat: t.Chat = await self.call(m.GetChat(chat_id))
        return chat

    async def add_member(self, chat_id: str, user: int | str) -> None:
        """Add a user to a group. Refused as `forbidden` where only its owner and admins do."""
        await self.call(m.AddMember(chat_id, await self._id_of(user)))

    async def remove_member(self, chat_id: str, user: int | str) -> None:
        """Remove a member from a group (owner and admins)."""
        await self.call(m.RemoveMember(chat_id, await self._id_of(user)))

    async def leave(self, chat_id: str) -> None:
        """Leave a group. The owner hands the group over first, unless alone in it."""
        await self.call(m.LeaveGroup(chat_id))

    async def rename(self, chat_id: str, title: str) -> None:
        """Change the title of a group (owner and admins)."""
        await self.call(m.RenameGroup(chat_id, title))

    async def set_description(self, chat_id: str, description: str) -> None:
        """Say what a group is about; with an empty text, nothing (owner and admins)."""
        await self.call(m.SetDescription(chat_id, description))

    async def set_member_rights(self, chat_id: str, *, add: bool) -> None:
        """Say what members who are no admins may do in a group: `add` others (owner and admins)."""
        await self.call(m.SetMemberRights(chat_id, add))

    async def set_chat_photo(self, chat_id: str, ticket: str) -> None:
        """Give a group another picture; with an empty ticket, none (owner and admins)."""
        await self.call(m.SetChatPhoto(chat_id, ticket))

    async def set_admin(self, chat_id: str, user: int | str, admin: bool = True) -> None:
        """Make a member an admin, or an admin a member (owner)."""
        await self.call(m.SetAdmin(chat_id, await self._id_of(user), admin))

    async def transfer_ownership(self, chat_id: str, user: int | str) -> None:
        """Make another member the owner; you stay as an admin. Not repeated: raises
        `ConnectionLost` if it is unknown whether it was done."""
        await self.call(m.TransferOwnership(chat_id, await self._id_of(user)))

    async def dialogs_page(self, offset: int = 0, limit: int = PAGE) -> t.Dialogs:
        """One page of your chats, latest first."""
        page: t.Dialogs = await self.call(m.GetDialogs(offset, limit))
        return page

    async def dialogs(self) -> AsyncIterator[t.Dialog]:
        """All your chats, latest first, each once even if they change places meanwhile."""
        seen: set[str] = set()
        offset = 0
        while True:
            page = await self.dialogs_page(offset, limits.DIALOGS_PAGE_MAX)
            for dialog in page.dialogs:
                if dialog.chat_id not in seen:
                    seen.add(dialog.chat_id)
                    yield dialog
            offset = page.next_offset
            if not offset:
                return

    # --- messages -----------------------------------------------------------------------------

    async def send(
        self,
        chat_id: str,
        text: str,
        *,
        reply_to: int = 0,
        random_id: int | None = None,
        ticket: str = "",
        album: int = 0,
        timeout_s: float | None = None,
    ) -> t.Sent:
        """Send a text, or with the `ticket` of an upload a file; returns when it is durable. It is
        repeated across reconnects and stored once. After `DeadlineExceeded`, repeat with the same
        `random_id` to be sure."""
        number = new_random_id() if random_id is None else random_id
        params = m.SendMessage(chat_id, text, number, reply_to, ticket, album)
        sent: t.Sent = await self.call(params, timeout_s=timeout_s)
        return sent

    async def edit(self, chat_id: str, message_id: int, text: str) -> t.Message:
        """Change the text of a message of your own; the message as it is now. Refused as
        `edit_expired` where it is too old."""
        message: t.Message = await self.call(m.EditMessage(chat_id, message_id, text))
        return message

    async def delete(self, chat_id: str, message_ids: Iterable[int], *, for_all: bool) -> None:
        """Delete messages, for yourself alone or `for_all`; of more than fit into one call, those
        of the first calls are gone where a later one is refused."""
        ids = sorted(set(message_ids))
        for start in range(0, len(ids), limits.MESSAGES_PER_REQUEST_MAX):
            part = ids[start : start + limits.MESSAGES_PER_REQUEST_MAX]
            await self.call(m.DeleteMessages(chat_id, part, for_all))

    async def forward(
        self,
        from_chat_id: str,
        message_ids: Iterable[int],
        to_chat_id: str,
        *,
        random_ids: Iterable[int] | None = None,
    ) -> list[t.Sent]:
        """Send messages of one chat into another, in ascending order of their ids, at most
        `messages_per_request_max`; after `DeadlineExceeded`, repeat with the same `random_ids`."""
        ids = sorted(set(message_ids))
        numbers = [new_random_id() for _ in ids] if random_ids is None else list(random_ids)
        params = m.ForwardMessages(from_chat_id, ids, to_chat_id, numbers)
        done: t.SentAll = await self.call(params)
        return done.sent

    async def history_page(
        self, chat_id: str, *, before_id: int = 0, after_id: int | None = None, limit: int = PAGE
    ) -> t.History:
        """The `limit` messages before `before_id` (0: the latest), or those after `after_id`; in
        ascending order."""
        after = UNSET if after_id is None else after_id
        page: t.History = await self.call(m.GetHistory(chat_id, before_id, after, limit))
        return page

    async def history(
        self, chat_id: str, *, oldest_first: bool = False, page: int = PAGE
    ) -> AsyncIterator[t.Message]:
        """All messages of a chat, newest first or oldest first, fetched by `page` as needed."""
        last_id = 0
        more = True
        while more:
            if oldest_first:
                found = await self.history_page(chat_id, after_id=last_id, limit=page)
                messages = found.messages
            else:
                found = await self.history_page(chat_id, before_id=last_id, limit=page)
                messages = found.messages[::-1]
            for message in messages:
                last_id = message.id
                yield message
            more = found.more and bool(messages)

    async def messages(self, chat_id: str, ids: Iterable[int]) -> list[t.Message]:
        """Messages by their ids; those that are not there or not yours to read are left out."""
        wanted = sorted(set(ids))
        found: list[t.Message] = []
        while wanted:
            asked = wanted[: limits.MESSAGES_PER_REQUEST_MAX]
            page: t.History = await self.call(m.GetMessages(chat_id, asked))
            found += page.messages
            last_id = page.messages[-1].id if page.more else asked[-1]
            wanted = [number for number in wanted if number > last_id]
        return found

    async def mark_read(self, chat_id: str, max_id: int) -> t.ReadMark:
        """You have read a chat up to `max_id`."""
        mark: t.ReadMark = await self.call(m.MarkRead(chat_id, max_id))
        return mark

    async def typing(self, chat_id: str) -> None:
        """Tell the others that you are typing; it fades after 6 s. Not repeated for long."""
        await self.call(m.SetTyping(chat_id), timeout_s=TYPING_TIMEOUT_S)

    # --- sessions -----------------------------------------------------------------------------

    async def sessions(self) -> list[t.Session]:
        """All logins of this account."""
        sessions: t.Sessions = await self.call(m.GetSessions())
        return sessions.sessions

    async def end_session(self, session_id: int) -> None:
        """End one other login of this account."""
        await self.call(m.EndSession(session_id))

    async def end_other_sessions(self) -> int:
        """End all other logins of this account; returns how many."""
        ended: t.Ended = await self.call(m.EndOtherSessions())
        return ended.ended

    async def change_password(self, old_password: str, new_password: str) -> None:
        """Change the password; all other sessions end. Not repeated: raises `ConnectionLost` if it
        is unknown whether it was done."""
        await self.call(m.ChangePassword(old_password, new_password))

    # --- the server ---------------------------------------------------------------------------

    async def server_config(self) -> t.Config:
        """What this server is, and where live connections go."""
        config: t.Config = await self.call(m.GetConfig())
        return config

    async def server_limits(self) -> dict[str, int]:
        """The limits of this server by name."""
        table: t.LimitTable = await self.call(m.GetLimits())
        return table.limits

    # --- uploads, step by step (`upload` does it all) -----------------------------------------

    async def begin_upload(self, size: int, upload_id: int) -> t.Upload:
        """Begin an upload of so many bytes, or see how far it is."""
        upload: t.Upload = await self.call(m.BeginUpload(upload_id, size))
        return upload

    async def get_upload(self, upload_id: int) -> t.Upload:
        """Which parts of an upload are stored. Refused as `upload_not_found`."""
        upload: t.Upload = await self.call(m.GetUpload(upload_id))
        return upload

    async def finish_upload(
        self, upload_id: int, file_id: str, *, name: str = "", kind: t.MediaKind = "file"
    ) -> t.Finished:
        """All parts are stored, and together the file `file_id` (`api.files`)."""
        params = m.FinishUpload(upload_id, file_id, name, kind)
        done: t.Finished = await self.call(params, timeout_s=FINISH_S, attempt_s=FINISH_S)
        return done

    async def cancel_upload(self, upload_id: int) -> None:
        """Give an upload up."""
        await self.call(m.CancelUpload(upload_id))

    async def file_link(self, chat_id: str, message_id: int, *, thumb: bool = False) -> t.Link:
        """The path at which the file of a message can be downloaded without a token for a
        while."""
        link: t.Link = await self.call(m.GetLink(chat_id, message_id, thumb))
        return link

    # --- updates by hand ----------------------------------------------------------------------

    async def mailbox_state(self) -> t.MailboxState:
        """The number of the last update in your mailbox."""
        state: t.MailboxState = await self.call(m.GetState())
        return state

    async def difference(self, pts: int, limit: int = limits.DIFFERENCE_PAGE_MAX) -> t.Difference:
        """What happened after `pts`. `updates` does this by itself."""
        difference: t.Difference = await self.call(m.GetDifference(pts, limit))
        return difference

    async def poll(self, pts: int, wait_s: int = 25) -> t.Difference:
        """The difference after `pts`; when it is empty, wait up to `wait_s` for it not to be. For
        those who cannot keep a live connection."""
        total_s = wait_s + POLL_MARGIN_S
        params = m.Poll(pts, wait_s)
        answer: t.Difference = await self.call(params, timeout_s=total_s, attempt_s=total_s)
        return answer

    async def acknowledge(self, pts: int) -> None:
        """This device has everything up to `pts`. `updates` does this for what it hands out; it
        is for those who got the state in another way (`dialogs_page` tells its `pts`)."""
        await self.call(m.Ack(pts))
