"""Flood limits: how often an account, and all accounts of a network, may do what costs others
something; and what never counts."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from actors import addresses
from actors.chat import state as chats
from actors.throttle import turns as throttle
from actors.throttle.messages import Admit, NetworkSpend, NetworkUnspent
from actors.user.state import BUCKETS
from api import limits
from api import methods as m
from api import types as t
from api.errors import ApiError
from api.limits import Flood
from runtime import refs
from runtime.refs import EXEMPT, Caller
from tests.unit.actors.rows import pass_time, rows_of, stored, unchanged
from tests.unit.actors.town import Town

NETWORK = "192.0.2.7"
BURST, PER_HOUR, STEP_MS = 3, 60, 60_000
NUMBERS = itertools.count()
KINDS = ("chats", "strangers", "groups", "additions", "uploads")


@pytest.fixture(autouse=True)
def small() -> Iterator[None]:
    rates = {kind: Flood(PER_HOUR, BURST, f.words) for kind, f in limits.FLOODS.items()}
    with patch.dict(limits.FLOODS, rates):
        yield


@pytest.fixture(params=[(1, NETWORK), (3, NETWORK), (1, ""), (3, "")])
def town(request: pytest.FixtureRequest) -> Town:
    hosts, network = request.param
    return Town(hosts, network=network)


Act = Callable[[int], object]


def acts(town: Town, kind: str, who: Caller) -> Act:
    """Something of this kind that `who` does: by the same number, the same."""
    free = replace(who, network=EXEMPT)
    others = [town.register(f"other_{next(NUMBERS)}") for _ in range(6)]
    if kind == "chats":
        return lambda n: town.ask(
            addresses.user(others[n].user_id), m.OpenPrivate(others[n].user_id), who
        )
    if kind == "strangers":
        private = town.private(free, others[0])
        return lambda n: town.call(who, m.SendMessage(private, "hello", 100 + n))
    if kind == "groups":
        return lambda n: town.call(who, m.CreateGroup("Group", 100 + n))
    if kind == "additions":
        group = town.call(free, m.CreateGroup("Group", 1)).id
        return lambda n: town.call(who, m.AddMember(group, others[n].user_id))
    return lambda n: town.call(who, m.BeginUpload(100 + n, 1))


def flood_of(act: Act, number: int) -> float:
    """The seconds to wait after which an act is refused."""
    with pytest.raises(ApiError) as caught:
        act(number)
    assert caught.value.code == "flood"
    assert "wait before the next" in caught.value.detail
    assert caught.value.retry_after
    return caught.value.retry_after


@pytest.mark.parametrize("kind", KINDS)
def test_so_many_at_once_and_then_at_a_rate(town: Town, kind: str) -> None:
    act = acts(town, kind, town.register("alice"))
    for number in range(BURST):
        act(number)
    before = stored(town)
    assert flood_of(act, BURST) == STEP_MS / 1000
    assert stored(town) == before, "what is refused changes nothing"
    town.now_ms += STEP_MS - 1
    assert flood_of(act, BURST) == 0.001
    town.now_ms += 1
    act(BURST)
    flood_of(act, BURST + 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_repetition_is_answered_alike_and_counts_once(town: Town, kind: str) -> None:
    act = acts(town, kind, town.register("alice"))
    for number in range(BURST):
        first = act(number)
        for _ in range(3):
            again = act(number)
            if kind in ("chats", "groups", "uploads"):
                assert again == first
    flood_of(act, BURST)
    act(0)  # although there is nothing left


@pytest.mark.parametrize("at_once", [2, 3, 5])
def test_a_repetition_may_come_while_the_first_is_under_way(town: Town, at_once: int) -> None:
    """They are answered alike, also where the buckets had nothing left for the repetition, which
    gives back what it took."""
    alice = town.register("alice")
    group = m.CreateGroup("Group", 7)
    ref = addresses.chat(addresses.group_id(alice.user_id, 7))
    numbers = [town.post(ref, group, alice) for _ in range(at_once)]
    town.settle()
    answers = [town.answers[number] for number in numbers]
    assert not [answer for answer in answers if isinstance(answer, ApiError)]
    assert len(set(answers)) == 1
    for number in range(BURST - 1):
        town.call(alice, m.CreateGroup("Another", 100 + number))
    with pytest.raises(ApiError):
        town.call(alice, m.CreateGroup("Another", 200))


def test_a_message_is_repeated_while_it_is_under_way(town: Town) -> None:
    alice, bobby = town.register("alice"), town.register("bobby")
    private = town.private(alice, bobby)
    message = m.SendMessage(private, "hello", 7)
    numbers = [town.post(addresses.chat(private), message, alice) for _ in range(BURST + 2)]
    town.settle()
    assert not [n for n in numbers if isinstance(town.answers[n], ApiError)]
    assert [entry.first for _, entry in town.mail(bobby)] == [1]
    for number in range(BURST - 1):
        town.send(alice, private, "more", 100 + number)
    with pytest.raises(ApiError):
        town.send(alice, private, "more", 200)


def test_whoever_was_answered_is_no_stranger(town: Town) -> None:
    alice, bobby = town.register("alice"), town.register("bobby")
    private = town.private(alice, bobby)
    for number in range(BURST):
        town.send(alice, private, "hello", 100 + number)
    with pytest.raises(ApiError):
        town.send(alice, private, "hello", 200)
    for number in range(10 * BURST):
        town.send(bobby, private, "who are you?", 300 + number)
        town.send(alice, private, "alice", 400 + number)


def test_an_edit_to_a_stranger_is_paid_for_as_a_message_is(town: Town) -> None:
    """Or one message would be a way to write as often as one likes. The same text costs nothing."""
    alice, bobby = town.register("alice"), town.register("bobby")
    private = town.private(alice, bobby)
    town.send(alice, private, "hello", 100)
    for number in range(BURST - 1):
        town.call(alice, m.EditMessage(private, 1, f"hello {number}"))
    with pytest.raises(ApiError) as refused:
        town.call(alice, m.EditMessage(private, 1, "hello again"))
    assert refused.value.code == "flood"
    (message,) = town.call(bobby, m.GetHistory(private)).messages
    assert message.text == f"hello {BURST - 2}"
    assert town.call(alice, m.EditMessage(private, 1, message.text)).text == message.text
    town.send(bobby, private, "who are you?", 200)
    for number in range(3 * BURST):
        town.call(alice, m.EditMessage(private, 1, f"alice {number}"))


def test_the_ordinary_message_costs_nothing(town: Town) -> None:
    """To somebody who answered, in a group, and to oneself: the same turns and the same rows as
    where nothing is limited."""
    alice, bobby = town.register("alice"), town.register("bobby")
    private, own = town.private(alice, bobby), town.private(alice, alice)
    group = town.call(alice, m.CreateGroup("Group", 1, [bobby.user_id])).id
    town.send(alice, private, "hello")
    town.send(bobby, private, "hello")

    def costs(who: Caller, chat_id: str) -> tuple[int, int]:
        turns, rows = sum(e.turns for e in town.engines.values()), len(stored(town))
        town.send(who, chat_id, "again")
        return sum(e.turns for e in town.engines.values()) - turns, len(stored(town)) - rows

    for chat_id in (private, own, group):
        town.send(alice, chat_id, "hello")
        for _ in range(2 * BURST):
            assert costs(alice, chat_id) == costs(replace(alice, network=EXEMPT), chat_id)
    buckets = BUCKETS.scan(rows_of(town, addresses.user(alice.user_id)), limit=10)
    assert {kind for kind, _ in buckets} == {"chats", "groups", "additions", "strangers"}


def test_chats_that_are_older_than_the_limits(town: Town) -> None:
    """Nobody noted who had written: it is looked up."""
    alice, bobby = town.register("alice"), town.register("bobby")
    private = town.private(alice, bobby)
    town.send(replace(alice, network=EXEMPT), private, "hello")

    def as_before() -> None:
        for engine in town.engines.values():
            resident = engine.residents.get(addresses.chat(private))
            if resident is not None:
                resident.state.head = replace(resident.state.head, unanswered=0)

    for number in range(BURST):
        as_before()
        town.send(alice, private, "hello", 100 + number)
    as_before()
    with pytest.raises(ApiError):
        town.send(alice, private, "hello", 200)
    town.send(bobby, private, "hello")
    as_before()
    town.send(alice, private, "hello", 200)
    head = chats.HEAD.get(rows_of(town, addresses.chat(private)), None)
    assert head is not None
    assert head.unanswered == chats.ANSWERED


# --- groups -----------------------------------------------------------------------------------


def test_a_group_is_made_with_all_whom_it_invites_or_not_at_all(town: Town) -> None:
    alice = town.register("alice")
    others = [town.register(f"other{number}").user_id for number in range(5)]
    town.call(alice, m.CreateGroup("Group", 1, others[:2]))
    with pytest.raises(ApiError):
        town.call(alice, m.CreateGroup("Group", 2, others[:2]))
    town.call(alice, m.CreateGroup("Group", 3, others[:1]))
    town.now_ms += 100 * STEP_MS
    made = town.call(alice, m.CreateGroup("Group", 4, others))
    town.settle()
    assert len(town.call(alice, m.GetChat(made.id)).members) == 6, "more than a bucket: all of it"
    with pytest.raises(ApiError):
        town.call(alice, m.AddMember(made.id, town.register("another").user_id))


def test_who_cannot_be_added_costs_nothing(town: Town) -> None:
    alice, bobby = town.register("alice"), town.register("bobby")
    group = town.call(alice, m.CreateGroup("Group", 1)).id
    town.ask(addresses.user(bobby.user_id), m.Block(alice.user_id), bobby)
    before = stored(town)
    for user_id in (bobby.user_id, 2**50):
        for _ in range(2 * BURST):
            with pytest.raises(ApiError) as caught:
                town.call(alice, m.AddMember(group, user_id))
            assert caught.value.code in ("blocked", "user_not_found")
    assert stored(town) == before


# --- networks ---------------------------------------------------------------------------------


@pytest.fixture
def crowd() -> Iterator[Town]:
    """Everybody calls from one network, which has as much as two accounts."""
    with patch.object(limits, "FLOOD_ADDRESS_FACTOR", 2):
        yield Town(3, network=NETWORK)


@pytest.mark.parametrize("kind", KINDS)
def test_many_accounts_of_a_network_have_a_limit_together(crowd: Town, kind: str) -> None:
    people = [crowd.register(f"person{number}") for number in range(3)]
    first, second, third = (acts(crowd, kind, who) for who in people)
    for number in range(BURST):
        first(number)
        second(number)
    assert flood_of(third, 0) == STEP_MS / 2 / 1000
    elsewhere = acts(crowd, kind, replace(people[2], network="192.0.2.8"))
    for number in range(BURST):
        elsewhere(number)  # nothing was taken from the account for what the network was refused
    flood_of(elsewhere, BURST)
    flood_of(third, BURST + 1)


def test_registrations_are_counted_by_network_and_given_back(crowd: Town) -> None:
    ref, charges = addresses.network(NETWORK), (("registrations", 1),)
    nobody = Caller(0, 0, network=NETWORK)
    for _ in range(BURST):
        assert crowd.ask(ref, NetworkSpend(charges), nobody)[0] == 0
    assert unchanged(crowd, ref, NetworkSpend(charges), nobody)[0] == STEP_MS / 1000
    crowd.ask(ref, NetworkUnspent((("registrations", 1),)))
    assert crowd.ask(ref, NetworkSpend(charges), nobody)[0] == 0


def test_what_was_counted_counts_after_a_restart(town: Town) -> None:
    act = acts(town, "groups", town.register("alice"))
    for number in range(BURST):
        act(number)
    for name in town.names:
        town.start(name)
    flood_of(act, BURST)


@pytest.mark.parametrize("back_ms", [1, 3_600_000, 10 * 365 * 24 * 3_600_000])
def test_a_clock_that_is_set_back_makes_nobody_wait_for_longer(town: Town, back_ms: int) -> None:
    act = acts(town, "groups", town.register("alice"))
    for number in range(BURST):
        act(number)
    town.now_ms -= back_ms
    assert flood_of(act, BURST) == STEP_MS / 1000
    town.now_ms += STEP_MS
    act(BURST)


def test_a_throttle_forgets_what_has_filled_up_again(crowd: Town) -> None:
    act = acts(crowd, "groups", crowd.register("alice"))
    for number in range(BURST):
        act(number)
    view = rows_of(crowd, addresses.network(NETWORK))
    assert throttle.BUCKETS.scan(view, limit=10)
    pass_time(crowd, throttle.FADE_MS)
    assert not throttle.BUCKETS.scan(view, limit=10)


def test_wrong_passwords_that_have_faded_are_not_kept(town: Town) -> None:
    """Anybody can try any name: what is noted of it must not stay."""
    ref = refs.ActorRef("throttle", "account:nobody")
    town.ask(ref, Admit(NETWORK))
    assert throttle.HEAD.get(rows_of(town, ref), None) is not None
    pass_time(town, throttle.FADE_MS)
    assert throttle.HEAD.get(rows_of(town, ref), None) is None


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_lifted_is_not_counted(kind: str) -> None:
    off = {name: Flood(0, 0, "") for name in limits.FLOODS}
    for network, rates in ((EXEMPT, {}), (NETWORK, off)):
        town = Town(network=network)
        act = acts(town, kind, town.register("alice"))
        with patch.dict(limits.FLOODS, rates):
            for number in range(BURST + 2):
                act(number)


def test_the_limits_can_be_read() -> None:
    shown = limits.as_dict()
    for kind in limits.FLOODS:
        assert (shown[f"flood_{kind}_per_hour"], shown[f"flood_{kind}_burst"]) == (PER_HOUR, BURST)
    assert shown["flood_address_factor"] == limits.FLOOD_ADDRESS_FACTOR
    assert isinstance(t.LimitTable(shown), t.LimitTable)
