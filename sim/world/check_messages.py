"""Checkers of messages: nothing acknowledged is lost, nothing is doubled, changed or reordered."""

from __future__ import annotations

from collections.abc import Iterator

from actors.chat.state import shown
from api import methods as m
from api import types as t
from sim.world.evidence import Evidence
from sim.world.history import Op


def acknowledged_is_stored(evidence: Evidence) -> Iterator[str]:
    """What was acknowledged is in the chat, under the id that was told, as it was sent."""
    for op, params, sent in _sends(evidence):
        log = evidence.final.chats.get(params.chat_id)
        row = None if log is None else log.messages.get(sent.id)
        if row is None:
            yield f"{op} was acknowledged as {sent.id} and is lost"
        elif (row.from_id, row.text) != (op.user_id, params.text):
            yield f"{op} was acknowledged as {sent.id}, which is {row.text!r} of {row.from_id}"


def one_send_is_one_message(evidence: Evidence) -> Iterator[str]:
    """However often it was repeated. (Each text is sent with one random id.)"""
    for chat_id, log in evidence.final.chats.items():
        found: dict[str, int] = {}
        for number, row in log.messages.items():
            if row.action is None and found.setdefault(row.text, number) != number:
                yield f"{chat_id}: {row.text!r} is message {found[row.text]} and {number}"
    told: dict[tuple[str, int], int] = {}
    for op, params, sent in _sends(evidence):
        before = told.setdefault((params.chat_id, params.random_id), sent.id)
        if before != sent.id:
            yield f"{op} was acknowledged as {before} and as {sent.id}"


def one_message_for_ever(evidence: Evidence) -> Iterator[str]:
    """Whoever was shown a message was shown the one that is stored."""
    for user_id, message in evidence.history.sightings():
        log = evidence.final.chats.get(message.chat_id)
        row = None if log is None else log.messages.get(message.id)
        if row is None:
            yield f"{user_id} saw {message}, which is not there any more"
        elif message.from_id and message != shown(message.chat_id, message.id, row, user_id):
            yield f"{user_id} saw {message}, which is {row}"


def histories_are_whole(evidence: Evidence) -> Iterator[str]:
    """In the end, everybody reads exactly what is theirs to read, in order and without holes."""
    for device in evidence.history.devices:
        for chat_id, got in evidence.back.histories[device.name].items():
            wanted = evidence.readable(chat_id, device.user_id)
            if got == wanted:
                continue
            ids = [None if page is None else [each.id for each in page] for page in (got, wanted)]
            yield f"{device.name} reads {ids[0]} of {chat_id}, and should {ids[1]}"
    for chat_id, log in evidence.final.chats.items():
        if sorted(log.messages) != list(range(1, len(log.messages) + 1)):
            yield f"{chat_id} has messages {sorted(log.messages)}"


def sends_are_in_order(evidence: Evidence) -> Iterator[str]:
    """What was acknowledged before another send began has the smaller number."""
    first: dict[tuple[str, int], tuple[Op, t.Sent]] = {}
    for op, params, sent in _sends(evidence):
        first.setdefault((params.chat_id, params.random_id), (op, sent))
    by_chat: dict[str, list[tuple[Op, t.Sent]]] = {}
    for (chat_id, _), found in first.items():
        by_chat.setdefault(chat_id, []).append(found)
    for sends in by_chat.values():
        ended = sorted(sends, key=lambda send: send[0].ended_s)
        at, highest, which = 0, 0, None
        for op, sent in sorted(sends, key=lambda send: send[0].began_s):
            while ended[at][0].ended_s < op.began_s:
                if ended[at][1].id > highest:
                    which, highest = ended[at][0], ended[at][1].id
                at += 1
            if sent.id < highest:
                yield f"{op} got {sent.id}, although {which} had got {highest} before it began"


def reads_see_what_was_acknowledged(evidence: Evidence) -> Iterator[str]:
    """A read of the latest messages shows, without holes, all that was acknowledged or read before
    it began (where its reader has been in the chat all the time)."""
    known: dict[str, list[tuple[float, int]]] = {}
    for send, params, sent in _sends(evidence):
        known.setdefault(params.chat_id, []).append((send.ended_s, sent.id))
    for op in evidence.history.of(m.GetHistory):
        if not isinstance(op.result, t.History):
            continue
        assert isinstance(op.params, m.GetHistory)
        ids = [message.id for message in op.result.messages]
        if ids and ids != list(range(ids[0], ids[-1] + 1)):
            yield f"{op} shows {ids}"
        told = known.setdefault(op.params.chat_id, [])
        stays = evidence.stays(op.params.chat_id, op.user_id)
        last = ids[-1] if ids else 0
        if len(stays) == 1:
            missed = [number for ended_s, number in told if ended_s < op.began_s and number > last]
            missed = [number for number in missed if number in stays[0]]
            if missed:
                yield f"{op} does not show {sorted(missed)}, only up to {last}"
        if ids:
            told.append((op.ended_s, last))


def _sends(evidence: Evidence) -> Iterator[tuple[Op, m.SendMessage, t.Sent]]:
    """The sends that were acknowledged."""
    for op in evidence.history.ops:
        if isinstance(op.params, m.SendMessage) and isinstance(op.result, t.Sent):
            yield op, op.params, op.result
