"""Checkers of messages: nothing acknowledged is lost, nothing is doubled, changed or reordered."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from actors.chat.state import MessageRow, shown
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
        elif (row.from_id, row.random_id) != (op.user_id, params.random_id):
            yield f"{op} was acknowledged as {sent.id}, which is {row}"
        elif row.change is None and row.text != params.text:
            yield f"{op} was acknowledged as {sent.id}, which is {row.text!r}"


def one_send_is_one_message(evidence: Evidence) -> Iterator[str]:
    """However often it was repeated. (Each text is written once, and may be forwarded.)"""
    for chat_id, log in evidence.final.chats.items():
        found: dict[str, int] = {}
        sends: dict[tuple[int, int], int] = {}
        for number, row in log.messages.items():
            if row.action is not None:
                continue
            send = (row.from_id, row.random_id)
            if sends.setdefault(send, number) != number:
                yield f"{chat_id}: {send} is message {sends[send]} and {number}"
            written = not row.deleted and row.forward is None
            if written and found.setdefault(row.text, number) != number:
                yield f"{chat_id}: {row.text!r} is message {found[row.text]} and {number}"
    told: dict[tuple[str, int], int] = {}
    for op, params, sent in _sends(evidence):
        before = told.setdefault((params.chat_id, params.random_id), sent.id)
        if before != sent.id:
            yield f"{op} was acknowledged as {before} and as {sent.id}"


def one_message_for_ever(evidence: Evidence) -> Iterator[str]:
    """Whoever was shown a message was shown the one that is stored, or what that was before."""
    for user_id, message in evidence.history.sightings():
        log = evidence.final.chats.get(message.chat_id)
        row = None if log is None else log.messages.get(message.id)
        if log is None or row is None:
            yield f"{user_id} saw {message}, which is not there any more"
            continue
        if message.deleted:
            right = row.deleted or (user_id, message.id) in log.hidden
        else:
            right = not message.from_id or _was(evidence, message, row, user_id)
        if not right:
            yield f"{user_id} saw {message}, which is {row}"


def _was(evidence: Evidence, message: t.Message, row: MessageRow, user_id: int) -> bool:
    """Whether this may be a state of the message that is stored."""
    if message == shown(message.chat_id, message.id, row, user_id):
        return True
    if row.change is None or message.revision >= row.change.revision:
        return False
    if message.revision and message.text not in _texts(evidence, message):
        return False
    if row.deleted:
        return message.from_id == row.from_id
    before = replace(row, text=message.text, change=None)
    same = shown(message.chat_id, message.id, before, user_id)
    return replace(message, edited_ms=0, revision=0) == same


def _texts(evidence: Evidence, message: t.Message) -> set[str]:
    """What somebody has changed its text to."""
    edits = evidence.edits.get((message.chat_id, message.id), [])
    return {op.params.text for op in edits if isinstance(op.params, m.EditMessage)}


def changes_are_kept(evidence: Evidence) -> Iterator[str]:
    """What was answered as deleted is deleted, and as edited says what it was changed to, if
    nothing was done to it afterwards."""
    for (chat_id, number), deletions in evidence.deletions.items():
        log = evidence.final.chats.get(chat_id)
        for op in deletions:
            assert isinstance(op.params, m.DeleteMessages)
            if not op.answered or log is None:
                continue
            hidden = not op.params.for_all and (op.user_id, number) in log.hidden
            if not (hidden or log.messages[number].deleted):
                yield f"{op} was answered, and {log.messages[number]} is there"
    for (chat_id, number), edits in evidence.edits.items():
        log = evidence.final.chats.get(chat_id)
        row = None if log is None else log.messages.get(number)
        deleted = evidence.deletions.get((chat_id, number), [])
        if row is None or (row.deleted and deleted):
            continue
        for op in edits:
            assert isinstance(op.params, m.EditMessage)
            later = {
                other.params.text
                for other in edits
                if isinstance(other.params, m.EditMessage)
                and evidence.lasts_until(other) > op.began_s
            }
            if op.answered and row.text not in later:
                yield f"{op} was answered, and {row} is there"


def reads_see_changes(evidence: Evidence) -> Iterator[str]:
    """Who reads a message after a change of it was answered sees it as it was then, or as it is
    later; and what was deleted is never seen again."""
    known: dict[tuple[str, int], list[tuple[float, int]]] = {}
    for place, edits in evidence.edits.items():
        for op in edits:
            if isinstance(op.result, t.Message):
                known.setdefault(place, []).append((op.ended_s, op.result.revision))
    for op in evidence.history.of(m.GetHistory):
        for message in op.result.messages if isinstance(op.result, t.History) else ():
            place = (message.chat_id, message.id)
            if message.deleted:
                continue
            for ended_s, revision in known.get(place, ()):
                if ended_s < op.began_s and message.revision < revision:
                    yield f"{op} shows {message}, which was changed by {revision}"
            for deletion in evidence.deletions.get(place, ()):
                assert isinstance(deletion.params, m.DeleteMessages)
                theirs = deletion.params.for_all or deletion.user_id == op.user_id
                if deletion.answered and theirs and deletion.ended_s < op.began_s:
                    yield f"{op} shows {message}, although {deletion}"


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
