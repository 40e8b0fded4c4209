"""The engine: what a turn may change, when it is seen, and what becomes of mistakes."""

from __future__ import annotations

import copy

import msgspec
import pytest

from api.errors import ApiError
from runtime import wire
from runtime.refs import NOBODY, ActorRef, Caller
from runtime.streams import DEAD, NUMBERS, OUTBOX
from runtime.wire import PUSH, Envelope, Out, Request
from storage.faulty import FaultyStore
from storage.memory import MemoryStore
from tests.unit.runtime import kit
from tests.unit.runtime.kit import (
    FRONT,
    Add,
    Attach,
    Counter,
    Look,
    LookAll,
    Odd,
    Relay,
    Remind,
    Rig,
    Tell,
)

ONE, TWO = ActorRef("user", 1), ActorRef("user", 2)
MINUTE_MS = 60_000


def code_of(rig: Rig, ref: ActorRef, message: kit.Said) -> str:
    with pytest.raises(ApiError) as caught:
        rig.ask(ref, message)
    return caught.value.code


# --- turns --------------------------------------------------------------------------------------


def test_a_turn_takes_effect_and_is_answered() -> None:
    rig = Rig()
    assert [rig.ask(ONE, Add(n)) for n in (1, 2, 3)] == [1, 3, 6]
    assert rig.ask(ONE, LookAll()) == [1, 2, 3]
    assert rig.ask(TWO, Look()) == 0


def test_a_refused_turn_changes_nothing() -> None:
    """Not in the rows, not in memory, no message, push or timer."""
    rig = Rig()
    rig.ask(ONE, Add(5))
    rows = rig.rows()
    assert code_of(rig, ONE, Add(100, "refuse")) == "too_many"
    assert rig.rows() == rows
    assert rig.pushed == []
    rig.now_ms += MINUTE_MS
    rig.engine.fire_timers()
    assert not rig.commit()
    assert rig.ask(ONE, Add(1)) == 6, "its state is what it was"


def test_a_turn_that_breaks_is_answered_and_the_engine_goes_on() -> None:
    rig = Rig()
    rig.ask(ONE, Add(5))
    rows = rig.rows()
    assert code_of(rig, ONE, Add(100, "break")) == "internal"
    assert (rig.rows(), rig.pushed) == (rows, [])
    assert rig.engine.failures == 1
    assert rig.ask(ONE, Add(1)) == 6
    assert rig.ask(TWO, Add(2)) == 2


def test_an_answer_that_is_no_json_is_a_defect_of_the_turn_alone() -> None:
    rig = Rig()
    rig.ask(ONE, Add(5))
    assert code_of(rig, ONE, Odd()) == "internal"
    assert rig.ask(ONE, LookAll()) == [5]
    assert rig.ask(ONE, Add(1)) == 6


def test_a_message_that_nobody_waits_for_and_that_breaks_is_kept_for_the_administrator() -> None:
    rig = Rig()
    raw = msgspec.Raw(wire.encode(Add(9, "break")))
    letter = wire.encode(Envelope(ONE, NOBODY, None, raw))
    rig.engine.receive_ephemeral(msgspec.Raw(letter))
    rig.settle()
    assert [row for _, row in rig.system_rows(DEAD)] == [letter]
    assert rig.ask(ONE, Look()) == 0


def test_a_row_that_fails_its_check_is_told_as_such() -> None:
    """And only its own actor is hit."""
    rig = Rig(stores=[FaultyStore(MemoryStore())])
    rig.ask(ONE, Add(5))
    key = next(key for key, _ in rig.rows() if key[0] == 1 and key[10] == 0)
    rig.stores["host-0"].corrupt = {(rig.placement.partition(ONE), key)}
    rig.engine.residents.clear()
    for message in (Add(1), Look()):
        assert code_of(rig, ONE, message) == "storage_corrupt"
    assert rig.ask(TWO, Add(2)) == 2
    rig.stores["host-0"].corrupt = set()
    assert rig.ask(ONE, LookAll()) == [5]


def test_a_row_of_an_unknown_shape_is_told_as_such() -> None:
    rig = Rig()
    rig.ask(ONE, Add(5))
    partition = rig.placement.partition(ONE)
    key = next(key for key, _ in rig.rows() if key[0] == 1 and key[10] == 0)
    rig.stores["host-0"].install({partition: {key: b"\xc1"}})
    rig.engine.residents.clear()
    assert code_of(rig, ONE, Add(1)) == "storage_corrupt"


# --- requests that cannot be turns --------------------------------------------------------------


@pytest.mark.parametrize(
    "request_",
    [
        Request(7, ONE, NOBODY, "", b"\xc1"),
        Request(7, ONE, NOBODY, "", b""),
        Request(7, ONE, NOBODY, "", wire.encode(["NoSuchMessage", 1])),
        Request(7, ONE, NOBODY, "", wire.encode(["Add", "one"])),
        Request(7, ONE, NOBODY, "no.such_method", b"{}"),
        Request(7, ONE, NOBODY, "messages.send", b"{"),
    ],
    ids=["bytes", "empty", "unknown", "mistyped", "method", "json"],
)
def test_a_request_that_cannot_be_read_is_refused(request_: Request) -> None:
    rig = Rig()
    rig.engine.command(FRONT, request_)
    rig.settle()
    error = rig.answers[7]
    assert isinstance(error, ApiError)
    assert error.code == "bad_request"
    assert rig.rows() == []


@pytest.mark.parametrize("read", [False, True])
@pytest.mark.parametrize(
    "ref",
    [
        ActorRef("chat", "a\x00b"),
        ActorRef("chat", "x" * 600),
        ActorRef("user", -1),
        ActorRef("session", "1.1"),
    ],
    ids=["nul", "long", "negative", "kind"],
)
def test_an_address_that_no_actor_can_have_is_refused(ref: ActorRef, read: bool) -> None:
    """It must not fail the whole batch that it came in: its front would repeat it for ever."""
    rig = Rig()
    message = Look() if read else Add(1)
    rig.engine.command(FRONT, Request(7, ref, NOBODY, "", wire.encode(message), read))
    rig.settle()
    error = rig.answers[7]
    assert isinstance(error, ApiError)
    assert error.code == ("internal" if ref.kind == "session" else "bad_request")
    assert rig.rows() == []
    assert rig.ask(ONE, Add(1)) == 1


def test_a_message_to_an_impossible_address_leaves_the_rest_of_the_cascade_whole() -> None:
    rig = Rig()
    number = rig.post(ONE, Relay(1, [ActorRef("chat", "a\x00b")]))
    rig.settle()
    assert isinstance(rig.answers[number], ApiError)
    assert rig.ask(TWO, Add(1)) == 1


@pytest.mark.parametrize("message", [Look(), Add(1)])
def test_a_turn_is_no_read_and_a_read_no_turn(message: kit.Said) -> None:
    rig = Rig()
    wrong = not isinstance(message, Look)
    rig.engine.command(FRONT, Request(7, ONE, NOBODY, "", wire.encode(message), wrong))
    rig.settle()
    error = rig.answers[7]
    assert isinstance(error, ApiError)
    assert error.code == "internal"
    assert rig.rows() == []


def test_a_request_to_a_partition_of_another_host_is_sent_back() -> None:
    rig = Rig(hosts=2)
    (there,) = rig.at("host-1")
    for read in (False, True):
        request = Request(7, there, NOBODY, "", wire.encode(Add(1)), read)
        rig.engines["host-0"].command(FRONT, request)
        rig.commit("host-0")
        error = rig.answers.pop(7)
        assert isinstance(error, ApiError)
        assert (error.code, error.retry_after) == ("unavailable", 0.1)
    assert rig.rows("host-0") == []


# --- batches ------------------------------------------------------------------------------------


def test_a_cascade_within_a_host_is_one_batch() -> None:
    rig = Rig()
    way = rig.at("host-0", 5)
    assert len({rig.placement.partition(ref) for ref in way}) == 5
    number = rig.post(way[0], Relay(3, way[1:]))
    rig.commit()
    assert rig.answers[number] == b"3", "the last one answers"
    assert len(rig.disks["host-0"]) == 1
    assert [rig.ask(ref, Look()) for ref in way] == [3] * 5
    assert rig.system_rows(OUTBOX) == rig.system_rows(NUMBERS) == []


def test_messages_to_another_host_wait_in_the_outbox_of_the_turn_that_sent_them() -> None:
    rig = Rig(hosts=2)
    (here,), (there,) = rig.at("host-0"), rig.at("host-1")
    number = rig.post(here, Relay(3, [there]))
    assert rig.rows("host-0") == []
    rig.commit("host-0")
    ((key, raw),) = rig.system_rows(OUTBOX)
    partition = rig.placement.partition(here)
    assert int.from_bytes(key[2:10], "big") == partition, "in the sender's partition"
    assert int.from_bytes(key[11:19], "big") == rig.placement.partition(there)
    assert int.from_bytes(key[19:], "big") == 1
    envelope = wire.decode_envelope(raw)
    assert envelope.target == there
    assert envelope.reply_to == wire.ReplyTo(FRONT, number), "who answers whom goes along"
    assert number not in rig.answers
    rig.settle()
    assert rig.answers[number] == b"3"
    assert rig.system_rows(OUTBOX) == []


def test_the_caller_goes_along_with_the_obligation_to_answer() -> None:
    rig = Rig(hosts=2)
    (here,), (there,) = rig.at("host-0"), rig.at("host-1")
    caller = Caller(1, 2, 3)
    rig.post(here, Relay(3, [there]), caller)
    rig.commit("host-0")
    ((_, raw),) = rig.system_rows(OUTBOX)
    assert wire.decode_envelope(raw).caller == caller


def test_nothing_is_cut_while_a_layer_is_on_its_way() -> None:
    rig = Rig()
    rig.post(ONE, Add(1))
    first = rig.engine.cut()
    assert first is not None
    rig.post(ONE, Add(2))
    assert rig.engine.cut() is None
    rig.engine.settle()
    second = rig.engine.cut()
    assert second is not None
    assert [len(layer.outs) for layer in (first, second)] == [1, 1]
    rig.engine.settle()
    assert rig.engine.cut() is None, "nothing happened since"


def test_ephemeral_messages_are_never_written() -> None:
    rig = Rig(hosts=2)
    here, near = rig.at("host-0", 2)
    (far,) = rig.at("host-1")
    for to in (near, far):
        rig.post(here, Tell(to, 4))
    layer = rig.append("host-0")
    assert layer is not None
    assert rig.system_rows(OUTBOX) == []
    ((host, (raw,)),) = layer.ephemeral.items()
    assert host == "host-1"
    rig.engines["host-1"].receive_ephemeral(msgspec.Raw(raw))
    rig.commit("host-1")
    rig.engines["host-0"].settle()
    assert (rig.ask(near, Look()), rig.ask(far, Look())) == (4, 4)


def test_an_ephemeral_message_that_went_astray_is_dropped() -> None:
    rig = Rig(hosts=2)
    (here,) = rig.at("host-0")
    raw = msgspec.Raw(wire.encode(Add(1)))
    stray = msgspec.Raw(wire.encode(Envelope(here, NOBODY, None, raw)))
    rig.engines["host-1"].receive_ephemeral(stray)
    assert not rig.commit("host-1")


# --- what is seen when --------------------------------------------------------------------------


def test_reads_see_what_is_committed_and_turns_what_was_before_them() -> None:
    rig = Rig()
    rig.ask(ONE, Add(1))
    rig.post(ONE, Add(10))
    before = rig.post(ONE, Look())
    layer = rig.append("host-0")  # durable, but nobody was told: the store shows it
    assert layer is not None
    assert [out.payload for _, out in layer.outs] == [b"11", b"1"]
    assert before == layer.outs[1][1].number
    rig.engine.settle()
    assert rig.ask(ONE, Look()) == 11


def test_reads_do_not_see_a_layer_on_its_way() -> None:
    rig = Rig()
    rig.post(ONE, Add(1))
    flying = rig.engine.cut()
    assert flying is not None
    rig.post(ONE, Look())
    rig.post(ONE, Add(1))
    assert [out.payload for _, out in rig.engine.pending.open.outs] == [b"0", b"2"]


def test_outs_keep_the_order_of_the_turns() -> None:
    rig = Rig()
    rig.post(ONE, Attach(4))
    for number in range(1, 4):
        rig.post(ONE, Add(number))
        rig.post(ONE, Attach(4))
    layer = rig.append("host-0")
    assert layer is not None
    pushes = [out for _, out in layer.outs if out.op == PUSH]
    assert pushes == [Out(PUSH, 4, b"%d" % total) for total in (0, 1, 3, 6)]


# --- memory -------------------------------------------------------------------------------------


def test_actors_in_memory_are_bounded() -> None:
    rig = Rig(resident_max=3)
    refs = [ActorRef("user", key) for key in range(1, 8)]
    for ref in refs:
        rig.ask(ref, Add(ref.key))  # type: ignore[arg-type]
        assert len(rig.engine.residents) <= 3
    assert list(rig.engine.residents) == refs[-3:]
    rig.ask(refs[4], Add(0))
    rig.ask(refs[0], Add(0))
    assert list(rig.engine.residents) == [refs[6], refs[4], refs[0]], "the one unused for longest"


@pytest.mark.parametrize("resident_max", [1, 2])
def test_an_actor_is_the_same_after_it_was_dropped(resident_max: int) -> None:
    """With every actor dropped between its turns, all goes as if none was, also within a batch."""
    small, large = Rig(resident_max=resident_max, hosts=2), Rig(hosts=2)
    refs = [*small.at("host-0", 4), *small.at("host-1", 4)]
    for number in range(40):
        message = Relay(number, [refs[(number * k) % 8] for k in (3, 5, 7)])
        for rig in (small, large):
            rig.post(refs[number % 8], copy.deepcopy(message))
            if number % 5 == 0:
                rig.settle()
    for rig in (small, large):
        rig.settle()
    assert small.answers == large.answers
    for name in small.names:
        assert small.rows(name) == large.rows(name)
        assert len(small.engines[name].residents) <= resident_max


def test_an_actor_in_use_is_loaded_once() -> None:
    rig = Rig()
    Counter.loads = 0
    for _ in range(3):
        rig.ask(ONE, Add(1))
    assert Counter.loads == 1


def test_live_connections_outlive_the_actor_in_memory() -> None:
    rig = Rig(resident_max=1)
    rig.ask(ONE, Attach(4))
    rig.ask(TWO, Add(1))
    assert list(rig.engine.residents) == [TWO]
    assert rig.engine.volatile == {ONE: {FRONT: 4}}
    assert rig.ask(ONE, Attach(0)) == 0
    assert rig.engine.volatile == {}, "nothing is kept of an actor that is offline"
    assert rig.engine.residents[ONE].facts is None, "not even an empty dict: there are very many"


def test_actors_are_told_of_a_front_that_is_gone() -> None:
    rig = Rig()
    rig.ask(ONE, Attach(4))
    rig.ask(TWO, Add(1))
    rig.engine.forget_front("another")
    assert not rig.commit()
    rig.engine.forget_front(FRONT)
    rig.settle()
    assert (rig.ask(ONE, Look()), rig.ask(TWO, Look())) == (7, 1)
    assert rig.engine.volatile == {}


# --- a full disk --------------------------------------------------------------------------------


def test_a_host_that_only_reads_refuses_what_would_write() -> None:
    rig = Rig(hosts=2)
    (here,), (there,) = rig.at("host-0"), rig.at("host-1")
    rig.ask(here, Add(1))
    rig.engines["host-0"].read_only = True
    for message in (Add(1), Relay(1, [there]), Remind("r", rig.now_ms + 1)):
        with pytest.raises(ApiError) as caught:
            rig.ask(here, message)
        assert (caught.value.code, caught.value.retry_after) == ("storage_full", 1.0)
    assert rig.ask(here, Look()) == 1
    assert rig.ask(here, Attach(4)) == 1, "what writes nothing goes on"
    rig.engines["host-0"].read_only = False
    assert rig.ask(here, Add(1)) == 2


def test_what_could_not_be_made_durable_never_was() -> None:
    """What was built upon it is forgotten with it, and whoever waits is refused."""
    rig = Rig(hosts=2)
    (here,), (there,) = rig.at("host-0"), rig.at("host-1")
    rig.ask(here, Relay(1, [there]))
    engine, rows = rig.engines["host-0"], rig.rows("host-0")
    first = rig.post(here, Add(10))
    rig.post(here, Remind("r", rig.now_ms + 1, 1_000))
    rig.post(here, Relay(100, [there]))
    flying = engine.cut()
    assert flying is not None
    second = rig.post(here, Add(1_000))
    look = rig.post(here, Look())
    outs = engine.give_up(ApiError("storage_full", "no room", 1.0))
    told = {out.number: kit.refusal(out.payload) for _, out in outs}
    assert {first, second, look} <= told.keys()
    assert {(error.code, error.retry_after) for error in told.values()} == {("storage_full", 1.0)}
    assert engine.cut() is None
    assert rig.rows("host-0") == rows
    rig.now_ms += MINUTE_MS
    engine.fire_timers()
    assert rig.ask(here, Relay(1, [there])) == 2, "no number of the stream is missing"
    assert rig.ask(here, LookAll()) == rig.ask(there, LookAll()) == [1, 1]
