"""An actor moves to a partition of its own, step by step. (In any order:
`test_moves_in_any_order`.)"""

from __future__ import annotations

import msgspec
import pytest

from api.errors import ApiError
from runtime import moves, residence
from runtime.messages import Dedicate
from runtime.moves import AGAIN_MS, FREEZE_MS_MAX
from runtime.placement import MOVED_BASE, own_partition
from runtime.refs import ActorRef
from runtime.streams import OUTBOX
from runtime.timers import BY_NAME, BY_TIME
from storage.keys import actor_prefix
from storage.port import CorruptRow
from tests.unit.runtime.kit import Add, Look, LookAll, Once, Relay, Remind
from tests.unit.runtime.moving import MovingRig

HOME, OTHER = "host-0", "host-1"
FULL = ApiError("storage_full", "no room", 1.0)


class Scene:
    """A chat and a user at home, a user elsewhere, and where the chat will be."""

    def __init__(self, rows: int = 3) -> None:
        self.rig = MovingRig()
        (self.chat,) = self.rig.at(HOME, kind="chat")
        (self.near,) = self.rig.at(HOME)
        (self.far,) = self.rig.at(OTHER)
        self.own = own_partition(self.chat)
        self.place = self.rig.placement.host(self.own)
        self.added = list(range(1, rows + 1))
        for amount in self.added:
            self.rig.ask(self.chat, Once(amount))

    def move(self) -> None:
        number = self.rig.dedicate(self.chat)
        self.rig.settle()
        self.moved(number)

    def moved(self, number: int) -> None:
        answer = self.rig.answers[number]
        assert isinstance(answer, bytes), answer
        assert msgspec.json.decode(answer) == [self.own, self.place]

    def freeze(self) -> int:
        """A message of the chat that does not arrive keeps it frozen."""
        self.rig.post(self.chat, Relay(100, [self.far]))
        self.rig.commit(HOME)
        number = self.rig.dedicate(self.chat)
        self.rig.deliver(HOME)
        home = self.rig.placement.partition(self.chat)
        while self.rig.commit(HOME) or self.rig.ship_one(home, self.own, HOME):
            pass
        return number

    def prefixes(self, name: str) -> set[bytes]:
        """Whose rows a host has."""
        prefix = actor_prefix(3, self.chat.key)
        return {key[: len(prefix)] for key, _ in self.rig.rows_of(name)} & {prefix}

    def log(self, ref: ActorRef) -> list[int]:
        found: list[int] = self.rig.ask(ref, LookAll())
        return found


def test_an_actor_moves_with_all_its_rows() -> None:
    scene = Scene()
    scene.move()
    assert scene.own >= MOVED_BASE
    assert not scene.prefixes(HOME)
    assert scene.prefixes(scene.place)
    assert scene.log(scene.chat) == scene.added
    assert scene.rig.ask(scene.chat, Once(2)) == 2, "what it did before is known"
    assert scene.rig.ask(scene.chat, Once(50)) == 4
    assert scene.rig.ask(scene.chat, Look()) == 56


def test_copies_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moves, "COPY_ROWS_MAX", 2)
    monkeypatch.setattr(moves, "COPIES_PER_STEP", 2)
    monkeypatch.setattr(moves, "COPIES_AHEAD_MAX", 5)
    scene = Scene(rows=20)
    rig, home = scene.rig, scene.rig.placement.partition(scene.chat)
    rig.dedicate(scene.chat)
    rig.deliver(HOME)
    while rig.commit(HOME):
        pass
    assert len([k for k, _ in rig.system_rows(OUTBOX, HOME)]) == 5
    assert rig.ask(scene.near, Add(1)) == 1
    assert not rig.engines[HOME].streams.waiting([home])
    assert scene.log(scene.chat) == scene.added
    assert not scene.prefixes(HOME)


def test_what_is_left_over_is_gone_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not over all that is deleted again, for each step."""
    monkeypatch.setattr(moves, "DELETES_PER_STEP", 2)
    scene = Scene(rows=9)
    starts: list[bytes] = []
    pending = scene.rig.engines[HOME].pending
    rows = pending.rows

    def noted(partition: int, prefix: bytes, start: bytes, stop: bytes, limit: int, back: bool):  # type: ignore[no-untyped-def]
        if limit == 2:
            starts.append(start)
        return rows(partition, prefix, start, stop, limit, back)

    monkeypatch.setattr(pending, "rows", noted)
    scene.move()
    assert not scene.prefixes(HOME)
    assert len(starts) == 11, "19 rows, and then none"
    assert starts == sorted(set(starts))


def test_what_changes_while_it_is_copied_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moves, "COPY_ROWS_MAX", 2)
    monkeypatch.setattr(moves, "COPIES_PER_STEP", 1)
    scene = Scene(rows=9)
    number = scene.rig.dedicate(scene.chat)
    for amount in range(20, 30):
        scene.rig.begin(scene.chat, Once(amount))
        scene.rig.deliver(HOME)
        scene.rig.commit(HOME)
    assert not scene.rig.routes, "it is still here"
    scene.rig.settle()
    scene.moved(number)
    assert scene.log(scene.chat) == [*scene.added, *range(20, 30)]


def test_messages_of_others_go_on_by_the_old_partition() -> None:
    scene = Scene()
    scene.move()
    for amount, sender in enumerate([scene.near, scene.far] * 3, start=10):
        scene.rig.begin(sender, Relay(amount, [scene.chat]))
    scene.rig.settle()
    found = scene.log(scene.chat)[3:]
    assert [a for a in found if a % 2 == 0] == [10, 12, 14]
    assert [a for a in found if a % 2] == [11, 13, 15]


def test_who_waits_is_answered_from_the_new_partition() -> None:
    """The chat adds and answers the front, which asked somebody else."""
    scene = Scene()
    scene.move()
    assert scene.rig.ask(scene.near, Relay(10, [scene.chat])) == 16


def test_it_does_not_leave_before_what_it_sent_has_arrived() -> None:
    scene = Scene()
    scene.freeze()
    assert scene.rig.engines[HOME].moves.moved == 0
    second = scene.rig.begin(scene.chat, Relay(200, [scene.far]))
    scene.rig.deliver(HOME)
    scene.rig.commit(HOME)
    assert second not in scene.rig.answers, "it waits"
    scene.rig.settle()
    assert scene.rig.engines[HOME].moves.moved == 1
    assert scene.log(scene.far) == [100, 200]
    assert scene.log(scene.chat) == [*scene.added, 100, 200]


def test_a_frozen_actor_is_read() -> None:
    scene = Scene()
    scene.freeze()
    number = scene.rig.begin(scene.chat, Look())
    scene.rig.deliver(HOME)
    scene.rig.commit(HOME)
    assert scene.rig.answers[number] == b"106"


def test_a_freeze_that_takes_too_long_ends() -> None:
    """What was held is done in order, the administrator is told, and it is tried again."""
    scene = Scene()
    asked = scene.freeze()
    for amount in (7, 8):
        scene.rig.begin(scene.near, Relay(amount, [scene.chat]))
    commands = [scene.rig.begin(scene.chat, Once(amount)) for amount in (20, 21)]
    scene.rig.deliver(HOME)
    scene.rig.commit(HOME)
    assert scene.rig.system_rows(residence.HELD, HOME)
    scene.rig.now_ms += FREEZE_MS_MAX
    while scene.rig.commit(HOME):
        pass
    assert [scene.rig.answers[number] for number in commands] == [b"7", b"8"]
    refused = scene.rig.answers[asked]
    assert isinstance(refused, ApiError)
    assert (refused.code, refused.retry_after) == ("unavailable", AGAIN_MS / 1000)
    assert OTHER in refused.detail
    assert not scene.rig.system_rows(residence.HELD, HOME)
    scene.rig.settle()
    assert scene.rig.engines[HOME].moves.moved == 0, "not yet"
    scene.rig.now_ms += AGAIN_MS
    scene.rig.settle()
    assert scene.rig.engines[HOME].moves.moved == 1
    assert scene.log(scene.chat) == [*scene.added, 100, 7, 8, 20, 21]


def test_what_was_held_is_done_first_after_a_crash() -> None:
    scene = Scene()
    scene.freeze()
    scene.rig.post(scene.near, Relay(7, [scene.chat]))
    scene.rig.commit(HOME)
    scene.rig.crash(HOME)
    scene.rig.post(scene.near, Relay(8, [scene.chat]))
    scene.rig.settle()
    assert scene.log(scene.chat) == [*scene.added, 100, 7, 8]
    assert scene.rig.engines[HOME].moves.moved == 1


def test_timers_move_along() -> None:
    scene = Scene()
    scene.rig.ask(scene.chat, Remind("soon", scene.rig.now_ms + 50, 40))
    scene.rig.ask(scene.chat, Remind("never", scene.rig.now_ms + 60, 41))
    scene.move()
    assert not scene.rig.system_rows(BY_NAME, HOME)
    assert not scene.rig.system_rows(BY_TIME, HOME)
    scene.rig.ask(scene.chat, Remind("never", 0, 0))
    scene.rig.now_ms += 100
    scene.rig.engines[HOME].fire_timers()
    scene.rig.engines[scene.place].fire_timers()
    scene.rig.settle()
    assert scene.log(scene.chat) == [*scene.added, 40]


def test_commands_that_come_before_the_actor_wait_for_it() -> None:
    scene = Scene()
    early = [scene.rig.begin(scene.chat, Once(amount)) for amount in (20, 21)]
    scene.rig.queues[scene.place] = scene.rig.queues.pop(HOME)
    scene.rig.deliver(scene.place)
    scene.rig.commit(scene.place)
    assert not set(early) & scene.rig.answers.keys()
    scene.move()
    assert [scene.rig.answers[number] for number in early] == [b"4", b"5"]


def test_too_many_commands_that_wait_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moves, "HELD_COMMANDS_MAX", 2)
    scene = Scene()
    scene.freeze()
    numbers = [scene.rig.begin(scene.chat, Once(amount)) for amount in (20, 21, 22)]
    scene.rig.deliver(HOME)
    scene.rig.ask_again(HOME)
    scene.rig.deliver(HOME)
    scene.rig.commit(HOME)
    assert [number in scene.rig.answers for number in numbers] == [False, False, True]
    refused = scene.rig.answers[numbers[2]]
    assert isinstance(refused, ApiError)
    assert refused.code == "overloaded"


def test_moving_twice_says_where_it_is() -> None:
    scene = Scene()
    scene.move()
    scene.move()
    scene.rig.routes.clear()
    scene.move()


@pytest.mark.parametrize(
    ("ref", "code"),
    [(ActorRef("chat", "nobody"), "chat_not_found"), (ActorRef("user", 5), "bad_request")],
)
def test_what_cannot_be_moved(ref: ActorRef, code: str) -> None:
    rig = MovingRig(hosts=1)
    with pytest.raises(ApiError) as caught:
        rig.ask(ref, Dedicate())
    assert caught.value.code == code
    assert not rig.engines[HOME].moves.on


def test_a_full_disk_while_it_moves() -> None:
    """Nothing of a step that could not be made durable counts, and whoever waits is told."""
    scene = Scene()
    asked = scene.freeze()
    waiting = scene.rig.begin(scene.chat, Once(20))
    scene.rig.deliver(HOME)
    engine = scene.rig.engines[HOME]
    engine.cut()
    outs = engine.give_up(FULL)
    assert {out.number for _, out in outs} == {asked, waiting}
    scene.rig.asked.pop(waiting)
    scene.rig.settle()
    assert engine.moves.moved == 1
    assert scene.log(scene.chat) == [*scene.added, 100]
    assert scene.log(scene.far) == [100]


@pytest.mark.parametrize("page", [1, 2, 1_000])
def test_who_has_moved_is_not_taken_for_new_when_its_row_is_damaged(
    monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    """Rather than begin anew without a past, it takes nothing; others are not concerned."""
    monkeypatch.setattr(moves, "RESIDENCES_PAGE", page)
    scene = Scene()
    home = scene.rig.placement.partition(scene.chat)
    near = list(scene.rig.at(HOME, 99, kind="chat"))
    others = [chat for chat in near if scene.rig.placement.partition(chat) == home][1:4]
    for chat in (scene.chat, *others):
        scene.rig.ask(chat, Once(5))
        scene.rig.ask(chat, Dedicate())
    scan = scene.rig.stores[HOME].scan
    bad = actor_prefix(3, scene.chat.key)

    def damaged(partition: int, start: bytes, stop: bytes, *, limit: int, reverse: bool = False):  # type: ignore[no-untyped-def]
        found = scan(partition, start, stop, limit=limit, reverse=reverse)
        for key, _ in found:
            if key[0] == 0 and key[10] == residence.RESIDENCES and key[11:] == bad:
                raise CorruptRow(partition, key)
        return found

    disk = scene.rig.stores[HOME]
    disk.scan = damaged
    scene.rig.routes.clear()
    scene.rig.engines[HOME].moves.forget()
    with pytest.raises(ApiError) as caught:
        scene.rig.ask(scene.chat, Once(6))
    assert caught.value.code == "storage_corrupt"
    for chat in others:
        assert scene.log(chat) == [5]
    scene.rig.begin(scene.near, Relay(7, [scene.chat]))
    scene.rig.settle()
    disk.scan = scan
    scene.rig.crash(HOME)
    scene.rig.settle()
    held = [key for key, _ in scene.rig.system_rows(residence.HELD, HOME)]
    assert held, "what came meanwhile is kept"


def test_a_damaged_row_keeps_it_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    scan = scene.rig.stores[HOME].scan
    home = scene.rig.placement.partition(scene.chat)

    def damaged(partition: int, start: bytes, stop: bytes, *, limit: int, reverse: bool = False):  # type: ignore[no-untyped-def]
        if partition == home and start[0] == 3 and limit == moves.COPY_ROWS_MAX:
            raise CorruptRow(partition, start)
        return scan(partition, start, stop, limit=limit, reverse=reverse)

    monkeypatch.setattr(scene.rig.stores[HOME], "scan", damaged)
    with pytest.raises(ApiError) as caught:
        scene.rig.ask(scene.chat, Dedicate())
    assert caught.value.code == "storage_corrupt"
    monkeypatch.undo()
    assert scene.rig.ask(scene.chat, Once(20)) == 4, "it goes on here"
    scene.rig.now_ms += AGAIN_MS
    scene.rig.settle()
    assert scene.rig.engines[HOME].moves.moved == 1
    assert scene.log(scene.chat) == [*scene.added, 20]
