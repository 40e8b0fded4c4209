"""Commands carried out. Each returns words for the user, or a page to show."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import heliograph as h
from api import limits
from heliograph.terminal.commands import ANY, COMMANDS, Command, CommandError, Spec, usage
from heliograph.terminal.media import media_words
from heliograph.terminal.messenger import Messenger
from heliograph.terminal.model import ChatState
from heliograph.terminal.paths import files_and_text, picture, sendable, which_and_where
from heliograph.terminal.text import clock, human_size, last_seen, local, one_line, plural
from heliograph.terminal.transfers import find_file

KEYS = (
    ("Enter", "send"),
    ("Ctrl+J", "a new line in the message (also Shift+Enter, where the terminal tells it)"),
    ("Ctrl+N, Ctrl+P", "next, previous chat (with an empty line also the arrows)"),
    ("Page up, Page down", "scroll the conversation; older messages load at its top"),
    ("Esc", "go to the list of chats; Enter comes back"),
    ("Tab", "from one part to the next; after /file and /save, complete a path"),
    ("Ctrl+C", "copy what is selected with the mouse; with nothing selected, quit"),
    ("Ctrl+Q", "quit"),
)


@dataclass(frozen=True, slots=True)
class Page:
    """Rows to show until the user closes them: what it is, and what there is to say about it.
    `preview`: of a picture to be drawn above them (as in `Media`)."""

    title: str
    rows: tuple[tuple[str, str], ...]
    preview: str = ""

    def lines(self, width: int) -> list[str]:
        """In two columns, or where these have no room, one below the other."""
        left = max((len(name) for name, about in self.rows if about), default=0) + 2
        if left + max(len(about) for _, about in self.rows) > width:
            return [
                line
                for name, about in self.rows
                for line in ([name, f"    {about}"] if about else [name])
            ]
        return [f"{name.ljust(left)}{about}" if about else name for name, about in self.rows]


TEXTS = (
    ("text", "is sent to the open chat"),
    ("//text", "sends a text that begins with /"),
    ("#ID", "a message: ids are shown while /reply, /edit, /delete or /forward is typed"),
    ("*.jpg  'a b.txt'  a\\ b.txt", "paths: a pattern, and two ways to write a space"),
)
SIGNS = (
    ("◷  ✗", "a message on its way; it failed"),
    ("✓  ✓✓", "it is on the server; it was delivered, and in colour: read"),
    ("●  #  ★", "somebody who is online; a group; your saved messages"),
)
GAP = ("", "")
NUMBER = re.compile(r"#([1-9][0-9]{0,14})(?:\s+|\Z)")


@dataclass(frozen=True, slots=True)
class Typed:
    """A line to put where one types, for the user to go on with."""

    line: str


Answer = str | Page | Typed | None
Action = Callable[[Messenger, Command], Awaitable[Answer]]
ACTIONS: dict[str, Action] = {}


def action(
    usage: str, about: str, arguments_min: int = 0, arguments_max: int = 0
) -> Callable[[Action], Action]:
    """Declare the command of the function's name, see `Spec`, and what carries it out."""

    def declare(run: Action) -> Action:
        name = getattr(run, "__name__", "").strip("_")
        assert name not in COMMANDS, name
        COMMANDS[name] = Spec(usage, about, arguments_min, arguments_max)
        ACTIONS[name] = run
        return run

    return declare


def _chat(messenger: Messenger) -> ChatState:
    chat = messenger.current()
    if chat is None:
        raise CommandError("open a chat first")
    return chat


def _group(messenger: Messenger) -> ChatState:
    chat = _chat(messenger)
    if not chat.group:
        raise CommandError("this is for groups; open one first")
    return chat


def _called(messenger: Messenger, title: str) -> list[ChatState]:
    """The chats of a title; whether letters are small or large does not matter."""
    wanted = one_line(title).casefold()
    model = messenger.model
    return [chat for chat in model.dialogs() if one_line(model.title(chat)).casefold() == wanted]


def _titled(messenger: Messenger, title: str) -> ChatState:
    """The one chat of a title."""
    found = _called(messenger, title)
    if len(found) == 1:
        return found[0]
    many = f"{len(found)} chats are called so" if found else "there is no chat of this title"
    raise CommandError(f"{many}; a user is named as @user")


# --- chats ------------------------------------------------------------------------------------


@action("@user", "open the chat with a user, or a group by its title", 1, ANY)
async def open_(messenger: Messenger, command: Command) -> Answer:
    wanted = command.text
    if not wanted.startswith("@"):
        found = _called(messenger, wanted)
        if len(found) > 1:
            raise CommandError(f"{len(found)} chats are called so; choose one in the list")
        if found:
            messenger.open(found[0].id)
            return None
        if len(command.arguments) > 1:
            raise CommandError("there is no chat of this title; a user is named as @user")
    if len(command.arguments) > 1:
        raise CommandError(f"it goes {usage('open')}: one user")
    await messenger.open_user(wanted)
    return None


@action("", "open your saved messages")
async def saved(messenger: Messenger, command: Command) -> Answer:
    await messenger.open_user(messenger.client.user_id)
    return None


@action("Title @a @b", "make a group", 1, ANY)
async def group(messenger: Messenger, command: Command) -> Answer:
    ids = [(await messenger.client.user(user)).id for user in command.users]
    chat = await messenger.client.create_group(command.title, ids)
    await messenger.show(chat)
    return None


@action("@user ...", "add users to this group", 1, ANY)
async def add(messenger: Messenger, command: Command) -> Answer:
    chat = _group(messenger)
    for user in command.arguments:
        await messenger.client.add_member(chat.id, user)
    return None


@action("@user", "remove a member from this group", 1, 1)
async def remove(messenger: Messenger, command: Command) -> Answer:
    await messenger.client.remove_member(_group(messenger).id, command.text)
    return None


@action("", "leave this group")
async def leave(messenger: Messenger, command: Command) -> Answer:
    await messenger.client.leave(_group(messenger).id)
    return None


@action("Title", "give this group another title", 1, ANY)
async def rename(messenger: Messenger, command: Command) -> Answer:
    await messenger.client.rename(_group(messenger).id, command.text)
    return None


@action("[text]", "say what this group is about; without a text, nothing", 0, ANY)
async def describe(messenger: Messenger, command: Command) -> Answer:
    await messenger.client.set_description(_group(messenger).id, command.rest)
    if not command.rest:
        return "this group has no description any more"
    return "all members see it with /info now"


@action("all|admins", "say who may add users to this group", 1, 1)
async def adding(messenger: Messenger, command: Command) -> Answer:
    who = command.arguments[0]
    if who not in ("all", "admins"):
        raise CommandError("type /adding all, or /adding admins")
    await messenger.client.set_member_rights(_group(messenger).id, add=who == "all")
    return "all members may add users now" if who == "all" else "only admins add users now"


@action("", "who is in this group, and how far they have read")
async def members(messenger: Messenger, command: Command) -> Answer:
    chat = await messenger.client.chat(_group(messenger).id)
    messenger.model.know_chat(chat)
    users = {
        user.id: user for user in await messenger.client.users(m.user_id for m in chat.members)
    }
    messenger.model.know_users(users.values())
    rows = []
    for member in chat.members:
        user = users.get(member.user_id)
        about: list[str] = [] if member.role == "member" else [member.role]
        if user is not None and user.status is not None:
            about.append(_presence(user.status, messenger.now_ms()))
        if chat.last_id:
            about.append(f"read {member.read_id} of {chat.last_id}")
        rows.append((_who(messenger, user, member.user_id), ", ".join(about)))
    return Page(plural(len(rows), "member"), tuple(rows))


def _presence(status: h.Status, now_ms: int) -> str:
    return "online" if status.online else last_seen(status.last_seen_ms, now_ms)


def _who(messenger: Messenger, user: h.User | None, user_id: int) -> str:
    words = one_line(messenger.model.name(user_id))
    if user is not None:
        words += f" (@{one_line(user.username)})"
    return words


@action("[@user]", "about this chat, or about a user, with their picture", 0, 1)
async def info(messenger: Messenger, command: Command) -> Answer:
    client = messenger.client
    chat = None if command.arguments else _chat(messenger)
    if chat is not None and chat.group:
        shown = await client.chat(chat.id)
        rows = [("members", f"{len(shown.members)}")]
        if shown.description:
            rows.append(("about", one_line(shown.description)))
        if not shown.members_add:
            rows.append(("adding", "only admins add users"))
        rows.append(_picture(shown.photo))
        return Page(one_line(shown.title) or "(no title)", tuple(rows), _preview(shown.photo))
    if chat is None:
        user = await client.user(command.arguments[0])
    else:
        (user,) = await client.users([messenger.model.peer(chat)])
    rows = [("user name", f"@{one_line(user.username)}")]
    if user.bio:
        rows.append(("about", one_line(user.bio)))
    if user.status is not None:
        rows.append(("seen", _presence(user.status, messenger.now_ms())))
    rows.append(_picture(user.photo))
    return Page(
        one_line(user.name) or f"@{one_line(user.username)}", tuple(rows), _preview(user.photo)
    )


def _picture(photo: h.Media | None) -> tuple[str, str]:
    return "picture", "none" if photo is None else media_words(photo)


def _preview(photo: h.Media | None) -> str:
    return "" if photo is None else photo.preview


@action("[group] PATH|remove", "your profile picture, or that of this group", 1, ANY)
async def photo(messenger: Messenger, command: Command) -> Answer:
    for_group, path = picture(command.rest)
    chat_id = _group(messenger).id if for_group else ""
    ticket = ""
    if path is not None:
        done = await messenger.client.upload(path, kind="photo")
        if done.media.kind != "photo":
            most = human_size(limits.PHOTO_BYTES_MAX)
            raise CommandError(f"this is no picture of at most {most}; JPEG, PNG and WebP are")
        ticket = done.ticket
    if for_group:
        await messenger.client.set_chat_photo(chat_id, ticket)
        return None
    await messenger.client.set_profile_photo(ticket)
    return "everybody sees your picture now" if ticket else "you have no picture any more"


@action("[N|#ID] [PATH]", "save the last file, the N-th last, or that of a message", 0, ANY)
async def save(messenger: Messenger, command: Command) -> Answer:
    chat = _chat(messenger)
    last, message_id, to = which_and_where(command.rest)
    message = await find_file(messenger.client, chat.id, last, message_id)
    if message is None:
        raise CommandError(
            "this message has no file" if message_id else f"this chat has no {last} files"
        )
    if any(saving.message == message for saving in messenger.transfers.savings):
        raise CommandError("this file is being saved already")
    saved_to = await messenger.transfers.save(message, to)
    if saved_to is None:
        return "stopped; /save goes on where it was"
    return f"saved as {saved_to.absolute()}"


@action("", "stop what is uploaded to or saved from this chat")
async def cancel(messenger: Messenger, command: Command) -> Answer:
    stopped = messenger.transfers.cancel(_chat(messenger).id)
    return None if stopped else "nothing is uploaded to this chat or saved from it"


@action("", "send again what failed in this chat")
async def retry(messenger: Messenger, command: Command) -> Answer:
    return None if messenger.retry() else "nothing failed in this chat"


@action("", "forget what failed in this chat")
async def drop(messenger: Messenger, command: Command) -> Answer:
    return None if messenger.drop() else "nothing failed in this chat"


SENDS: dict[str, h.MediaKind | None] = {"file": None, "voice": "voice"}
"""Commands that send files, and as what; they are carried out at once, as a text is sent."""
COMMANDS["file"] = Spec(
    "PATH ... [text]", "send a file, or several as an album, with a text", 1, ANY
)
COMMANDS["voice"] = Spec("PATH [text]", "send a recording as a voice message", 1, ANY)


def writable(messenger: Messenger, text: str, chars_max: int) -> None:
    """A text can be sent to the open chat. Raises `CommandError`."""
    chat = messenger.current()
    if chat is None:
        raise CommandError("no chat is open: /open @user, or choose one with Ctrl+N")
    if chat.left:
        raise CommandError("you are not in this group any more")
    over_by = len(text) - chars_max
    if over_by > 0:
        raise CommandError(f"too long by {over_by:,} characters; {chars_max:,} is the most")


def send_files(messenger: Messenger, command: Command) -> None:
    """Raises `CommandError`."""
    paths, text = files_and_text(command.rest)
    writable(messenger, text, limits.CAPTION_CHARS_MAX)
    messenger.send_files({path: sendable(path) for path in paths}, text, SENDS[command.name])


# --- messages ---------------------------------------------------------------------------------


def _numbered(command: Command) -> tuple[list[int], str]:
    """The messages named at the beginning, as `#3 #4`; and the rest of the line as it was typed."""
    ids, rest = [], command.rest
    while found := NUMBER.match(rest):
        ids.append(int(found[1]))
        rest = rest[found.end() :]
    return ids, rest


def _last(messenger: Messenger, chat: ChatState, whose: Callable[[h.Message], bool]) -> int:
    """The last message that somebody has written and that fits."""
    for message in sorted(chat.messages.values(), key=lambda message: -message.id):
        if message.from_id and message.action is None and whose(message):
            return message.id
    raise CommandError("there is no such message here; name one as #ID")


@action("[#ID] text", "answer the last message of somebody else, or this one", 1, ANY)
async def reply(messenger: Messenger, command: Command) -> Answer:
    chat, me = _chat(messenger), messenger.model.me
    ids, text = _numbered(command)
    if len(ids) > 1 or not text:
        raise CommandError(f"it goes {usage('reply')}: one message, and a text")
    writable(messenger, text, limits.TEXT_CHARS_MAX)
    number = ids[0] if ids else _last(messenger, chat, lambda message: message.from_id != me)
    messenger.send(text, number)
    return None


@action("[#ID] [text]", "change your last message, or this one of yours", 0, ANY)
async def edit(messenger: Messenger, command: Command) -> Answer:
    chat, me = _chat(messenger), messenger.model.me
    ids, text = _numbered(command)
    if len(ids) > 1:
        raise CommandError(f"it goes {usage('edit')}: one message")
    number = ids[0] if ids else _last(messenger, chat, lambda message: message.from_id == me)
    if not text:
        found = await messenger.client.messages(chat.id, [number])
        if not found or found[0].deleted:
            raise CommandError(f"there is no message #{number}")
        return Typed(f"/edit #{number} {found[0].text}")
    await messenger.client.edit(chat.id, number, text)
    return None


@action("[#ID ...] [for all]", "delete your last message, or these", 0, ANY)
async def delete(messenger: Messenger, command: Command) -> Answer:
    chat, me = _chat(messenger), messenger.model.me
    ids, how = _numbered(command)
    words = how.split()
    if words not in ([], ["for", "all"]):
        raise CommandError(f"it goes {usage('delete')}: for yourself, or for all")
    ids = ids or [_last(messenger, chat, lambda message: message.from_id == me)]
    await messenger.client.delete(chat.id, ids, for_all=bool(words))
    what = f"deleted {plural(len(set(ids)), 'message')}"
    return f"{what} for all" if words else f"{what} for you; the others still see them"


@action("[#ID ...] @user|Title", "send the last message on, or these", 1, ANY)
async def forward(messenger: Messenger, command: Command) -> Answer:
    chat = _chat(messenger)
    ids, to = _numbered(command)
    if not to:
        raise CommandError(f"it goes {usage('forward')}: name whom it goes to")
    ids = ids or [_last(messenger, chat, lambda message: True)]
    if to.startswith("@"):
        target = await messenger.client.open_private(to)
        messenger.model.know_chat(target)
        target_id = target.id
    else:
        target_id = _titled(messenger, to).id
    await messenger.client.forward(chat.id, ids, target_id)
    title = one_line(messenger.model.title(messenger.model.chats[target_id]))
    return f"sent {plural(len(set(ids)), 'message')} on to {title}"


# --- people -----------------------------------------------------------------------------------


def _user(messenger: Messenger, command: Command) -> int | str:
    if command.arguments:
        return command.arguments[0]
    chat = _chat(messenger)
    if chat.group or messenger.model.saved(chat):
        raise CommandError(f"it goes {usage(command.name)}: name a user, or open their chat")
    return messenger.model.peer(chat)


@action("[@user]", "block a user: this one, or another", 0, 1)
async def block(messenger: Messenger, command: Command) -> Answer:
    await messenger.client.block(_user(messenger, command))
    return "blocked; /unblock takes it back"


@action("[@user]", "take a block back", 0, 1)
async def unblock(messenger: Messenger, command: Command) -> Answer:
    await messenger.client.unblock(_user(messenger, command))
    return "not blocked any more"


@action("[add|remove @user]", "show or change your contacts", 0, 2)
async def contacts(messenger: Messenger, command: Command) -> Answer:
    if command.arguments:
        what, whom = command.arguments
        if what == "add":
            await messenger.client.add_contact(whom)
        else:
            await messenger.client.remove_contact(whom)
        return "added to your contacts" if what == "add" else "taken out of your contacts"
    found = await messenger.client.contacts()
    blocked = await messenger.client.blocked()
    ids = dict.fromkeys([contact.user_id for contact in found] + blocked)
    users = {user.id: user for user in await messenger.client.users(ids)}
    messenger.model.know_users(users.values())
    rows = []
    for user_id in ids:
        user = users.get(user_id)
        about = ["blocked"] if user_id in blocked else []
        if user is not None and user.status is not None:
            about.append(_presence(user.status, messenger.now_ms()))
        rows.append((_who(messenger, user, user_id), ", ".join(about)))
    return Page(
        "Contacts", tuple(rows) or (("Nobody yet. /contacts add @user adds somebody.", ""),)
    )


# --- logins -----------------------------------------------------------------------------------


@action("[end N|others]", "where you are logged in; end other logins", 0, 2)
async def sessions(messenger: Messenger, command: Command) -> Answer:
    if command.arguments and command.arguments[1] == "others":
        ended = await messenger.client.end_other_sessions()
        return f"ended {plural(ended, 'other login')}"
    found = sorted(await messenger.client.sessions(), key=lambda session: session.created_ms)
    if command.arguments:
        number = int(command.arguments[1])
        if not 1 <= number <= len(found):
            raise CommandError(f"there are logins 1 to {len(found)}; /sessions shows them")
        if found[number - 1].current:
            raise CommandError("that is this login; /logout ends it")
        await messenger.client.end_session(found[number - 1].id)
        return f"ended login {number}"
    rows = []
    for number, session in enumerate(found, 1):
        when = local(session.active_ms)
        about = f"active {when.day} {when:%b %Y} {clock(session.active_ms)}"
        if session.current:
            about = "this one"
        rows.append((f"{number}  {one_line(session.device) or 'unnamed device'}", about))
    end = ("/sessions end N ends one, /sessions end others all but this one.", "")
    return Page("Where you are logged in", (*rows, GAP, end))


@action("", "log out on this device")
async def logout(messenger: Messenger, command: Command) -> Answer:
    await messenger.client.logout()
    return None


@action("", "show the commands and keys")
async def help_(messenger: Messenger, command: Command) -> Answer:
    known = [(usage(name), spec.help) for name, spec in COMMANDS.items()]
    return Page("Help", (*known, GAP, *TEXTS, GAP, *KEYS, GAP, *SIGNS))


COMMANDS["quit"] = Spec("", "leave the program; you stay logged in")
"""(The app does it.)"""
