"""Checkers of what devices are told: every update once, in order, without holes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from actors.chat.marks import counts
from api import methods as m
from api import types as t
from sim.world.evidence import Evidence


def mailboxes_are_whole(evidence: Evidence) -> Iterator[str]:
    """A mailbox is numbered from 1 without holes, as it is stored and as it is read."""
    for user_id, account in evidence.final.accounts.items():
        pts = account.head.pts if account.head is not None else 0
        if sorted(account.mailbox) != list(range(1, pts + 1)):
            yield f"user {user_id} is at {pts} with {sorted(account.mailbox)}"
    for device in evidence.history.devices:
        numbers = [numbered.pts for numbered in evidence.back.mailboxes[device.name]]
        stored = evidence.final.accounts[device.user_id].mailbox
        if numbers != sorted(stored):
            yield f"{device.name} reads {numbers}"


def views_are_whole(evidence: Evidence) -> Iterator[str]:
    """A device hands every update to its application, each once and in order, and says what the
    mailbox says; started again, it goes on where it was."""
    for device in evidence.history.devices:
        mailbox = evidence.back.mailboxes[device.name]
        if device.resyncs:
            yield f"{device.name} was told to start afresh"
        for number, life in enumerate(device.lives):
            stored = [numbered.update for numbered in mailbox[life.pts :]]
            for at, (told, right) in enumerate(zip(life.updates, stored, strict=False)):
                if not _same(told, right):
                    pts = life.pts + at + 1
                    yield f"{device.name} (life {number}) was told {told} as {pts}, not {right}"
                    break
            else:
                if len(life.updates) > len(stored):
                    yield f"{device.name} was told more than there is: {life.updates[-1]}"
        if device.lives and device.pts != len(mailbox):
            yield f"{device.name} is at {device.pts} of {len(mailbox)}"


def _same(told: Any, stored: Any) -> bool:
    """A message is told as it is when it is asked for: changed since, or without its text where
    somebody may not read it any more. (What it was, `one_message_for_ever` judges.) Of a profile
    only the latest is told."""
    if isinstance(told, t.MessageNew | t.MessageEdited) and type(told) is type(stored):
        was, now = told.message, stored.message
        if not now.from_id or now.revision > was.revision:
            return (was.chat_id, was.id) == (now.chat_id, now.id)
        return bool(was == now)
    if isinstance(told, t.ProfileChanged) and isinstance(stored, t.ProfileChanged):
        return True
    return bool(told == stored)


def dialogs_are_right(evidence: Evidence) -> Iterator[str]:
    """In the end, who is in a chat has its last message on top, and the right number unread; what
    was acknowledged as read is read."""
    for device in evidence.history.devices:
        user_id, dialogs = device.user_id, evidence.back.dialogs[device.name]
        for chat_id, log in evidence.final.chats.items():
            member, dialog = log.members.get(user_id), dialogs.get(chat_id)
            if member is None or not log.messages or member.left_id:
                continue
            where = f"{chat_id} of {device.name}"
            if dialog is None:
                yield f"{where} is not listed"
                continue
            if dialog.top_id != max(log.messages) or dialog.left:
                yield f"{where} is {dialog}, of {max(log.messages)} messages"
            read_id = max(member.read_id, member.first_id - 1)
            unread = sum(
                number > read_id and counts(user_id, row) and (user_id, number) not in log.hidden
                for number, row in log.messages.items()
            )
            if dialog.unread != unread:
                yield f"{where} shows {dialog.unread} unread of {unread}"
    for op in evidence.history.of(m.MarkRead):
        assert isinstance(op.params, m.MarkRead)
        member = evidence.final.chats[op.params.chat_id].members.get(op.user_id)
        stays = evidence.stays(op.params.chat_id, op.user_id)
        if not isinstance(op.result, t.ReadMark) or member is None or len(stays) != 1:
            continue
        if member.read_id < min(op.result.max_id, op.params.max_id):
            yield f"{op} was answered with {op.result}, but {member} is stored"
