"""Checkers of membership: changes are exclusive and last, and nobody sees what is not theirs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from actors.addresses import group_id
from api import methods as m
from api import types as t
from api.methods import Params
from sim.world.evidence import Evidence


def changes_make_sense(evidence: Evidence) -> Iterator[str]:
    """Told by its service messages, a group goes from one membership to the next: nobody comes who
    is there, or goes who is not; and at the end are those who are stored."""
    for chat_id, story in evidence.stories.items():
        yield from story.faults
        log = evidence.final.chats[chat_id]
        stored = {user: row.role for user, row in log.members.items() if not row.left_id}
        if stored != story.roles:
            yield f"{chat_id} has members {stored}, and should have {story.roles}"
        if log.head is not None and log.head.title != story.title:
            yield f"{chat_id} is called {log.head.title!r}, and should be {story.title!r}"


def what_no_message_says_is_told(evidence: Evidence) -> Iterator[str]:
    """What a member was told last of a group's description, and of who may add others, is stored:
    nothing was told to whoever founded one that is as it was, and to who came later only what was
    changed since."""
    for device in evidence.history.devices:
        described: dict[str, str] = {}
        allowed: dict[str, bool] = {}
        for numbered in evidence.back.mailboxes[device.name]:
            match numbered.update:
                case t.ChatDescribed(chat_id, description):
                    described[chat_id] = description
                case t.MemberRights(chat_id, add):
                    allowed[chat_id] = add
                case t.MessageNew(t.Message(chat_id, action=t.Action("member_added", user_id))):
                    if user_id == device.user_id:
                        described.pop(chat_id, None)
                        allowed.pop(chat_id, None)
        for chat_id, story in evidence.stories.items():
            head = evidence.final.chats[chat_id].head
            if head is None or device.user_id not in story.roles:
                continue
            stored = (head.description, head.members_add)
            founder = story.stays[device.user_id][-1].start == 1
            before = ("", True) if founder else stored
            known = (described.get(chat_id, before[0]), allowed.get(chat_id, before[1]))
            if known != stored:
                yield f"{device.name} knows {known} of {chat_id}, and it is {stored}"


def only_members_write(evidence: Evidence) -> Iterator[str]:
    """Whoever wrote was in the chat at that moment."""
    for chat_id, story in evidence.stories.items():
        for number, user_id in story.strangers:
            yield f"{chat_id} message {number} is from {user_id}, who was not in it"
    for chat_id, log in evidence.final.chats.items():
        if chat_id in evidence.stories:
            continue
        for number, row in log.messages.items():
            if not evidence.stays(chat_id, row.from_id):
                yield f"{chat_id} message {number} is from {row.from_id}"


def nothing_leaks(evidence: Evidence) -> Iterator[str]:
    """Nobody was shown a message from before they came or after they went."""
    for user_id, message in evidence.history.sightings():
        stays = evidence.stays(message.chat_id, user_id)
        if message.from_id and not any(message.id in stay for stay in stays):
            yield f"{user_id} saw {message}, but was there only for {stays}"


class Change(NamedTuple):
    """Somebody was to come into a group or to go, between two moments; `sure`: it was done."""

    adds: bool
    began_s: float
    ended_s: float
    sure: bool
    what: str


def changes_last(evidence: Evidence) -> Iterator[str]:
    """Who was added and not taken out afterwards is a member, and the other way round."""
    changes = _changes(evidence)
    for (chat_id, user_id), found in changes.items():
        log = evidence.final.chats.get(chat_id)
        row = None if log is None else log.members.get(user_id)
        member = row is not None and not row.left_id
        for change in found:
            undone = any(
                other.adds != change.adds and other.ended_s > change.began_s for other in found
            )
            if change.sure and not undone and change.adds != member:
                yield f"{change.what} was answered, but {user_id} is {'' if member else 'not '}in"


def _changes(evidence: Evidence) -> dict[tuple[str, int], list[Change]]:
    """By group and user. What a creation invites comes in its own time."""
    changes: dict[tuple[str, int], list[Change]] = {}
    for op in evidence.history.ops:
        params: Params = op.params
        last_s, found = evidence.lasts_until(op), []
        change = Change(True, op.began_s, last_s, op.answered, str(op))
        match params:
            case m.AddMember(chat_id, user_id):
                found.append((chat_id, user_id, change))
            case m.RemoveMember(chat_id, user_id):
                found.append((chat_id, user_id, change._replace(adds=False)))
            case m.LeaveGroup(chat_id):
                found.append((chat_id, op.user_id, change._replace(adds=False)))
            case m.CreateGroup(random_id=random_id, user_ids=user_ids):
                chat_id = group_id(op.user_id, random_id)
                for user_id in user_ids:
                    invited = change._replace(ended_s=float("inf"), sure=False)
                    found.append((chat_id, user_id, invited))
        for chat_id, user_id, each in found:
            changes.setdefault((chat_id, user_id), []).append(each)
    return changes
