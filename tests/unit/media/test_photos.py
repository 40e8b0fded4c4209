"""Profile pictures of users and groups: who sets them, who sees them, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from actors import addresses
from actors.chat import state as c
from actors.file.messages import FileReleased
from actors.file.turns import HEAD, REFERRERS
from actors.user import state as u
from actors.verify.report import Report
from actors.verify.walk import verify
from api import methods as m
from api import types as t
from api.types import Media
from media.look import Look
from runtime import refs
from tests.unit.actors.rows import rows_of
from tests.unit.media.desk import Desk, Person, code, hash_of, refused
from tests.unit.media.test_files import GRACE_MS, may_delete


def picture(desk: Desk, who: Person, content: bytes = b"a face", small: bytes = b"small") -> str:
    """The ticket of a photo."""
    desk.looker.sees = Look(
        mime="image/jpeg",
        kind="photo",
        width=40,
        height=30,
        preview=b"p",
        thumb=small,
        thumb_width=4,
        thumb_height=3,
    )
    return who.upload(content, "photo", "me.jpg").ticket


def seen(desk: Desk, who: Person, whom: Person) -> Media | None:
    found: t.Users = who.call(m.GetUsers([whom.caller.user_id]))
    return found.users[0].photo


def group_of(desk: Desk, *others: Person) -> str:
    ids = [other.caller.user_id for other in others]
    chat: t.Chat = desk.alice.call(m.CreateGroup("Friends", 1, ids))
    desk.town.settle()
    return chat.id


def fetch(who: Person, whose: object, file_id: str) -> bytes | str:
    """The picture, or the code of the refusal."""
    answer = who.ask("GET", f"/media/photo/{whose}/{file_id}")
    return answer.content if answer.status_code == 200 else code(answer)


def verified(desk: Desk) -> Report:
    desk.town.settle()
    return verify(desk.town.placement, desk.town.stored())


# --- of a user --------------------------------------------------------------------------------


def test_a_picture_is_seen_by_others_and_by_oneself(desk: Desk) -> None:
    changed = desk.alice.call(m.SetPhoto(picture(desk, desk.alice)))
    photo = changed.photo
    assert photo is not None
    assert (photo.kind, photo.file_id, photo.name) == ("photo", hash_of(b"a face"), "")
    assert (photo.width, photo.height, photo.preview) == (40, 30, "cA==")
    assert photo.thumb is not None
    assert desk.alice.call(m.GetMe()).photo == photo
    assert seen(desk, desk.bob, desk.alice) == photo
    whose = desk.alice.caller.user_id
    for who in (desk.alice, desk.bob, desk.eve):
        assert fetch(who, whose, photo.file_id) == b"a face"
        assert fetch(who, whose, photo.thumb.file_id) == b"small"
    answer = desk.bob.ask("GET", f"/media/photo/{whose}/{photo.file_id}")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-disposition"] == "inline"
    assert desk.ask("GET", f"/media/photo/{whose}/{photo.file_id}").status_code == 401
    assert verified(desk).clean


def test_nothing_else_is_downloaded_by_way_of_a_picture(desk: Desk) -> None:
    desk.alice.call(m.SetPhoto(picture(desk, desk.alice)))
    secret = desk.alice.upload(b"a secret").media.file_id
    whose = desk.alice.caller.user_id
    assert fetch(desk.bob, whose, secret) == "media_not_found"
    assert fetch(desk.bob, desk.bob.caller.user_id, hash_of(b"a face")) == "media_not_found"
    assert fetch(desk.bob, 77, hash_of(b"a face")) == "user_not_found"
    assert fetch(desk.bob, desk.chat, hash_of(b"a face")) == "not_found"
    assert fetch(desk.bob, "u5", hash_of(b"a face")) == "not_found"


def test_whoever_is_blocked_sees_none(desk: Desk) -> None:
    photo = desk.alice.call(m.SetPhoto(picture(desk, desk.alice))).photo
    desk.alice.call(m.Block(desk.bob.caller.user_id))
    assert seen(desk, desk.bob, desk.alice) is None
    assert fetch(desk.bob, desk.alice.caller.user_id, photo.file_id) == "media_not_found"
    assert seen(desk, desk.eve, desk.alice) == photo


def test_the_own_devices_are_told(desk: Desk) -> None:
    before = desk.alice.call(m.GetState()).pts
    ticket = picture(desk, desk.alice)
    photo = desk.alice.call(m.SetPhoto(ticket)).photo
    assert desk.alice.call(m.SetPhoto(ticket)).photo == photo, "repeated, it changes nothing"
    desk.alice.call(m.SetPhoto())
    desk.alice.call(m.SetPhoto())
    changes = desk.alice.call(m.GetDifference(before)).updates
    assert [type(change.update) for change in changes] == [t.ProfileChanged] * 2
    assert seen(desk, desk.bob, desk.alice) is None


def test_only_a_photo_of_ones_own_is_a_picture(desk: Desk) -> None:
    ticket = picture(desk, desk.bob)
    assert refused(lambda: desk.alice.call(m.SetPhoto(ticket))) == "ticket_invalid"
    desk.looker.sees = Look(mime="text/plain", kind="file")
    ticket = desk.alice.upload(b"words", "photo").ticket
    assert refused(lambda: desk.alice.call(m.SetPhoto(ticket))) == "invalid_params"
    group = group_of(desk)
    assert refused(lambda: desk.alice.call(m.SetChatPhoto(group, ticket))) == "invalid_params"
    ticket = picture(desk, desk.bob, b"another face")
    assert refused(lambda: desk.alice.call(m.SetChatPhoto(group, ticket))) == "ticket_invalid"


# --- of a group -------------------------------------------------------------------------------


def test_a_group_has_a_picture_for_its_members(desk: Desk) -> None:
    group = group_of(desk, desk.bob)
    desk.alice.call(m.SetChatPhoto(group, picture(desk, desk.alice)))
    photo = desk.bob.call(m.GetChat(group)).photo
    assert photo is not None
    assert photo.name == ""
    assert fetch(desk.bob, group, photo.file_id) == b"a face"
    assert fetch(desk.bob, group, photo.thumb.file_id) == b"small"
    assert fetch(desk.eve, group, photo.file_id) == "chat_not_found"
    assert verified(desk).clean
    desk.bob.call(m.LeaveGroup(group))
    assert fetch(desk.bob, group, photo.file_id) == "chat_not_found"


def test_members_are_told_by_a_service_message(desk: Desk) -> None:
    group = group_of(desk, desk.bob)
    ticket = picture(desk, desk.alice)
    for given in (ticket, ticket, "", ""):
        desk.alice.call(m.SetChatPhoto(group, given))
    actions = [message.action for message in desk.bob.call(m.GetHistory(group)).messages]
    assert [action.kind for action in actions] == ["member_added", "photo_changed", "photo_removed"]
    assert desk.bob.call(m.GetChat(group)).photo is None


def test_only_owner_and_admins_change_it(desk: Desk) -> None:
    group = group_of(desk, desk.bob)
    ticket = picture(desk, desk.bob)
    assert refused(lambda: desk.bob.call(m.SetChatPhoto(group, ticket))) == "forbidden"
    assert refused(lambda: desk.eve.call(m.SetChatPhoto(group))) == "chat_not_found"
    desk.alice.call(m.SetAdmin(group, desk.bob.caller.user_id, True))
    desk.bob.call(m.SetChatPhoto(group, ticket))
    assert desk.alice.call(m.GetChat(group)).photo is not None


# --- what becomes of the file -----------------------------------------------------------------


def references(desk: Desk, file_id: str) -> dict[str, int]:
    desk.town.settle()
    rows = rows_of(desk.town, addresses.file(file_id))
    found = {by: row.references for by, row in REFERRERS.scan(rows, limit=9)}
    head = HEAD.get(rows, None)
    assert head is not None
    assert head.references == sum(found.values())
    return found


def test_a_picture_is_kept_as_long_as_it_is_one(desk: Desk) -> None:
    group = group_of(desk)
    ticket = picture(desk, desk.alice)
    files = [hash_of(b"a face"), hash_of(b"small")]
    desk.alice.call(m.SetPhoto(ticket))
    desk.alice.call(m.SetChatPhoto(group, ticket))
    desk.alice.send(group, ticket)
    mark = addresses.user_mark(desk.alice.caller.user_id)
    for file_id in files:
        assert references(desk, file_id) == {mark: 1, group: 2}
    assert verified(desk).clean
    desk.alice.call(m.SetPhoto())
    for file_id in files:
        assert references(desk, file_id) == {group: 2}
    desk.alice.call(m.SetChatPhoto(group))
    for file_id in files:
        assert references(desk, file_id) == {group: 1}
    desk.town.now_ms += GRACE_MS
    assert not may_delete(desk, files[0]), "the message has it"
    assert verified(desk).clean


@pytest.mark.parametrize("of_group", [False, True])
def test_one_that_is_replaced_is_released(desk: Desk, of_group: bool) -> None:
    group = group_of(desk)

    def take(content: bytes) -> None:
        ticket = picture(desk, desk.alice, content, small=b"the same")
        desk.alice.call(m.SetChatPhoto(group, ticket) if of_group else m.SetPhoto(ticket))

    take(b"old")
    take(b"new")
    desk.town.settle()
    desk.town.now_ms += GRACE_MS
    assert may_delete(desk, hash_of(b"old"))
    assert not may_delete(desk, hash_of(b"new"))
    assert not may_delete(desk, hash_of(b"the same")), "the small picture of both"
    assert verified(desk).clean


def test_what_was_never_referred_to_is_not_released(desk: Desk) -> None:
    """A user or a chat that was taken back to an earlier moment may say so."""
    file_id = desk.alice.upload(b"a file").media.file_id
    desk.alice.send(desk.chat, desk.alice.upload(b"a file").ticket)
    desk.town.settle()
    desk.town.post(addresses.file(file_id), FileReleased("g9"))
    assert references(desk, file_id) == {desk.chat: 1}
    desk.town.post(addresses.file(hash_of(b"unknown")), FileReleased("g9"))
    desk.town.settle()
    assert not any(engine.failures for engine in desk.town.engines.values())
    assert verified(desk).clean


# --- verification -----------------------------------------------------------------------------


def lose_reference(desk: Desk, by: str) -> None:
    ref = addresses.file(hash_of(b"a face"))
    partition = desk.town.placement.partition(ref)
    rows = rows_of(desk.town, ref)
    head = HEAD.get(rows, None)
    assert head is not None
    keys = {
        rows.prefix + b"\x01" + by.encode(): None,
        rows.prefix + b"\x00": msgspec.msgpack.encode(
            msgspec.structs.replace(head, references=head.references - 1)
        ),
    }
    desk.town.stores[desk.town.placement.host(partition)].install({partition: keys})


@pytest.mark.parametrize("of_group", [False, True])
def test_verification_knows_of_pictures(desk: Desk, of_group: bool) -> None:
    group = group_of(desk)
    ticket = picture(desk, desk.alice)
    desk.alice.call(m.SetChatPhoto(group, ticket) if of_group else m.SetPhoto(ticket))
    assert verified(desk).clean
    by = group if of_group else addresses.user_mark(desk.alice.caller.user_id)
    lose_reference(desk, by)
    (finding,) = verified(desk).findings
    what = f"chat/{group}" if of_group else f"user/{desk.alice.caller.user_id}"
    assert str(finding).endswith(f"knows of 0 uses by {what}, and there are 1")


DAMAGED: dict[str, Callable[[Desk, str], tuple[refs.ActorRef, int]]] = {
    "user": lambda desk, group: (addresses.user(desk.alice.caller.user_id), u.PHOTO.number),
    "chat": lambda desk, group: (addresses.chat(group), c.PHOTO.number),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_row_is_found(desk: Desk, kind: str) -> None:
    group = group_of(desk)
    ref, table = DAMAGED[kind](desk, group)
    partition = desk.town.placement.partition(ref)
    desk.town.settle()
    store = desk.town.stores[desk.town.placement.host(partition)]
    store.install({partition: {rows_of(desk.town, ref).prefix + bytes([table]): b"\x07"}})
    assert f"{ref}: row  of table {table}" in "\n".join(map(str, verified(desk).findings))
