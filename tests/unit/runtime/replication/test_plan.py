"""Where copies shall be: whatever there is, step by step it becomes what it should be."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from runtime.placement import MOVED_BASE, own_host
from runtime.replication.plan import MOVES_MAX, View, first_own_members, plan
from runtime.replication.protocol import Configuration, Mark, Seat
from tests.profile import tries

STEPS_MAX = 400
D = MOVED_BASE + 7


class Cluster:
    """What a steward sees, and leaders that do what it says."""

    def __init__(self, hosts: Iterable[str], shards: int = 16, copies: int = 3) -> None:
        self.copies = copies
        self.shards = shards
        self.seats = {host: Seat(host, host) for host in hosts}
        names = list(self.seats)
        self.configs = {}
        for p in range(shards):
            members = tuple(names[(p + n) % len(names)] for n in range(copies))
            self.configs[p] = Configuration(p, 1, members[0], members, members)
        self.lost: set[str] = set()
        self.copied = 0

    def join(self, host: str, zone: str = "") -> None:
        self.seats[host] = Seat(host, host, zone)

    def add_own(self, host: str, node: str) -> None:
        """A shard more, with a host for itself."""
        self.seats[host] = Seat(host, node)
        members = first_own_members(self.view(), host)
        self.configs[D] = Configuration(D, 1, host, members, (host,))

    def mark(self, host: str, mark: Mark) -> None:
        self.seats[host] = replace(self.seats[host], mark=mark)

    def lose(self, host: str) -> None:
        """It is dead, has been for long, and others lead what it led."""
        self.lost.add(host)
        for p, config in self.configs.items():
            in_sync = tuple(h for h in config.in_sync if h != host)
            leader = config.leader if config.leader != host else in_sync[0]
            self.configs[p] = replace(config, leader=leader, in_sync=in_sync)

    def view(self) -> View:
        gone = frozenset(self.lost)
        return View(
            self.configs,
            frozenset(self.configs),
            self.seats,
            gone,
            gone,
            self.copies,
            self.shards,
        )

    def settle(self, rng: random.Random) -> None:
        """Take steps until there is nothing left to do."""
        for _ in range(STEPS_MAX):
            steps = plan(self.view())
            for p, members in steps.items():
                self._rearrange(p, members)
            moving = [p for p, c in self.configs.items() if set(c.members) - set(c.in_sync)]
            moving = [p for p in moving if set(self.configs[p].members) - self.lost]
            assert sum(len(c.members) > self.copies for c in self.configs.values()) <= MOVES_MAX
            late = [p for p in moving if self._catch_up(p, rng.random() < 0.5)]
            homesick = [p for p in self.configs if self._go_home(p)]
            if not steps and not late and not homesick:
                return
        raise AssertionError("there is no end to it")

    def _rearrange(self, p: int, members: tuple[str, ...]) -> None:
        config = self.configs[p]
        in_sync = tuple(h for h in config.in_sync if h in members)
        assert config.leader in members
        assert len(set(members)) == len(members)
        assert len(in_sync) >= min(self.copies, len(config.in_sync)), (
            "fewer good copies than before"
        )
        self.copied += len(set(members) - set(config.members))
        self.configs[p] = replace(config, members=members, in_sync=in_sync)

    def _catch_up(self, p: int, now: bool) -> bool:
        config = self.configs[p]
        late = [h for h in config.members if h not in config.in_sync and h not in self.lost]
        if late and now:
            self.configs[p] = replace(config, in_sync=(*config.in_sync, *late))
        return bool(late)

    def _go_home(self, p: int) -> bool:
        """What `Member.should_hand_over` does."""
        config = self.configs[p]
        first = config.members[0]
        if first == config.leader or first not in config.in_sync:
            return False
        self.configs[p] = replace(config, leader=first)
        return True

    def load(self) -> Counter[str]:
        found = Counter(host for config in self.configs.values() for host in config.members)
        return found + Counter()

    def leads(self) -> Counter[str]:
        return Counter(config.leader for config in self.configs.values())


def spread(counts: Counter[str], hosts: Iterable[str]) -> int:
    """The most less the least."""
    numbers = [counts[host] for host in hosts]
    return max(numbers) - min(numbers)


def test_where_all_is_well_nothing_is_done() -> None:
    assert plan(Cluster("abc").view()) == {}


def test_a_new_host_takes_its_share_and_no_copy_moves_for_nothing() -> None:
    cluster = Cluster("abc")
    cluster.join("d")
    cluster.settle(random.Random(1))
    assert cluster.load() == Counter({"a": 12, "b": 12, "c": 12, "d": 12})
    assert cluster.leads() == Counter({"a": 4, "b": 4, "c": 4, "d": 4})
    assert cluster.copied == 12


def test_a_host_that_is_lost_is_replaced() -> None:
    cluster = Cluster("abcd")
    cluster.lose("b")
    cluster.settle(random.Random(1))
    assert cluster.load() == Counter({"a": 16, "c": 16, "d": 16})
    assert spread(cluster.leads(), "acd") <= 1


def test_where_nobody_can_replace_it_everything_stays() -> None:
    cluster = Cluster("abc")
    cluster.lose("b")
    cluster.settle(random.Random(1))
    assert all("b" in config.members for config in cluster.configs.values())
    assert not cluster.leads()["b"]


def test_a_drained_host_leads_nothing_and_keeps_its_copies() -> None:
    cluster = Cluster("abc")
    cluster.mark("a", "drained")
    cluster.settle(random.Random(1))
    assert cluster.leads() == Counter({"b": 8, "c": 8})
    assert cluster.copied == 0
    cluster.mark("a", "")
    cluster.settle(random.Random(1))
    assert spread(cluster.leads(), "abc") <= 1


def test_a_leaving_host_gives_everything_away() -> None:
    cluster = Cluster("abcd")
    cluster.mark("a", "leaving")
    cluster.settle(random.Random(1))
    assert cluster.load() == Counter({"b": 16, "c": 16, "d": 16})


def test_a_host_that_is_silent_for_a_moment_changes_nothing() -> None:
    cluster = Cluster("abcd")
    view = cluster.view()._replace(silent=frozenset("b"))
    assert plan(view) == {}


def test_nothing_is_balanced_while_a_host_is_silent_or_not_known_yet() -> None:
    cluster = Cluster("abc")
    cluster.join("d")
    assert plan(cluster.view())
    assert plan(cluster.view()._replace(silent=frozenset("b"))) == {}
    seat = cluster.seats.pop("b")
    assert plan(cluster.view()) == {}
    cluster.seats["b"] = seat
    del cluster.configs[3]
    assert plan(cluster.view()) == {}


def test_what_nobody_leads_is_left_alone() -> None:
    cluster = Cluster("abc")
    cluster.join("d")
    assert plan(cluster.view()._replace(led=frozenset())) == {}


@pytest.mark.parametrize("zones", ["xxyyzz", "xxxyyz", "xyzxyz"])
def test_copies_go_to_different_zones(zones: str) -> None:
    cluster = Cluster("abcdef")
    for host, zone in zip("abcdef", zones, strict=True):
        cluster.join(host, zone)
    cluster.settle(random.Random(1))
    for config in cluster.configs.values():
        assert len({cluster.seats[host].zone for host in config.members}) == 3
    for zone in set(zones):
        hosts = [host for host, seat in cluster.seats.items() if seat.zone == zone]
        assert spread(cluster.load(), hosts) <= 1


# --- shards that have a host for themselves ---------------------------------------------------


def with_own(hosts: Iterable[str], own: str = own_host(D)) -> Cluster:
    """A cluster in which a shard more has a host for itself, at the node of the first."""
    cluster = Cluster(hosts)
    cluster.add_own(own, next(iter(cluster.seats)))
    return cluster


def test_the_others_are_pooled_hosts_on_other_nodes() -> None:
    cluster = with_own("abc")
    assert set(cluster.configs[D].members) == {own_host(D), "b", "c"}
    cluster.settle(random.Random(1))
    assert cluster.configs[D].members[0] == cluster.configs[D].leader == own_host(D)
    assert cluster.copied == 0


def test_there_may_be_fewer_hosts_than_copies_at_first() -> None:
    cluster = Cluster("ab", copies=2)
    cluster.copies = 3
    assert len(first_own_members(cluster.view(), own_host(D))) == 3
    cluster.lost.add("b")
    assert first_own_members(cluster.view(), own_host(D)) == (own_host(D), "a")


def test_an_own_host_gets_no_other_copies() -> None:
    cluster = with_own("abcd")
    cluster.lose("b")
    cluster.settle(random.Random(1))
    assert cluster.load()[own_host(D)] == 1
    assert set(cluster.configs[D].members) == {own_host(D), "c", "d"}


def test_an_own_host_that_is_lost_is_replaced_and_leads_again_when_it_is_back() -> None:
    cluster = with_own("abcd")
    cluster.settle(random.Random(1))
    cluster.lose(own_host(D))
    cluster.settle(random.Random(1))
    assert own_host(D) not in cluster.configs[D].members
    assert len(cluster.configs[D].in_sync) == 3
    cluster.lost.clear()
    cluster.settle(random.Random(1))
    assert cluster.configs[D].leader == cluster.configs[D].members[0] == own_host(D)
    assert len(cluster.configs[D].members) == 3


def test_an_own_host_can_be_drained() -> None:
    cluster = with_own("abcd")
    for mark in ("drained", ""):
        cluster.mark(own_host(D), mark)
        cluster.settle(random.Random(1))
        assert (cluster.configs[D].leader == own_host(D)) == (not mark)
        assert own_host(D) in cluster.configs[D].members
    cluster.mark(own_host(D), "leaving")
    cluster.settle(random.Random(1))
    assert own_host(D) not in cluster.configs[D].members


def test_a_machine_with_two_of_the_copies_is_lost() -> None:
    cluster = with_own("abcde")
    cluster.settle(random.Random(1))
    config = cluster.configs[D]
    for host in config.members[:2]:
        cluster.lose(host)
    cluster.settle(random.Random(1))
    assert len(cluster.configs[D].in_sync) == 3


def test_nothing_is_balanced_before_it_is_known_what_an_own_host_leads() -> None:
    cluster = with_own("abc")
    cluster.join("d")
    assert plan(cluster.view())
    del cluster.configs[D]
    assert plan(cluster.view()) == {}


def test_two_hosts_that_are_lost_are_replaced() -> None:
    cluster = Cluster("abcdef")
    cluster.lose("b")
    cluster.lose("c")
    cluster.settle(random.Random(1))
    assert not cluster.load()["b"] + cluster.load()["c"]
    assert all(len(config.in_sync) == 3 for config in cluster.configs.values())


def test_what_gets_a_copy_is_lost_itself() -> None:
    cluster = Cluster("abcde")
    cluster.lose("b")
    plans = plan(cluster.view())
    newcomers = {p: members[-1] for p, members in plans.items()}
    for p, members in plans.items():
        cluster._rearrange(p, members)
    cluster.lose(next(iter(newcomers.values())))
    cluster.settle(random.Random(1))
    assert all(len(config.in_sync) == 3 for config in cluster.configs.values())


HAPPENINGS = st.lists(
    st.tuples(st.sampled_from(["join", "lose", "drain", "leave", "back"]), st.integers(0, 7)),
    max_size=8,
)


@settings(max_examples=tries(150), deadline=None)
@given(HAPPENINGS, st.integers(0, 2**32), st.integers(2, 3), st.booleans(), st.booleans())
def test_it_comes_to_an_end(
    happenings: list[tuple[str, int]], seed: int, copies: int, zoned: bool, own: bool
) -> None:
    """Whatever happens, while moves are under way: in the end nobody has more than a fair share,
    no copy is where it shall not be, if there is another place, and an own host leads if it may."""
    rng = random.Random(seed)
    cluster = Cluster([f"h{n}" for n in range(4)], shards=12, copies=copies)
    if own:
        cluster.add_own(own_host(D), "h0")
    for what, number in happenings:
        host = own_host(D) if own and number == 0 else f"h{number}"
        present = host in cluster.seats and host not in cluster.lost
        if what == "join" and host not in cluster.seats:
            cluster.join(host, rng.choice("xyz") if zoned else "")
        elif what == "lose" and present and len(cluster.lost) < 1:
            in_sync = [c for c in cluster.configs.values() if host in c.in_sync]
            if all(len(c.in_sync) > 1 for c in in_sync):
                cluster.lose(host)
        elif what in ("drain", "leave") and present:
            cluster.mark(host, "drained" if what == "drain" else "leaving")
        elif what == "back" and present:
            cluster.mark(host, "")
        if rng.random() < 0.5:
            for p, members in plan(cluster.view()).items():
                cluster._rearrange(p, members)
        else:
            cluster.settle(rng)
    cluster.settle(rng)
    fit = {h for h, seat in cluster.seats.items() if not seat.mark and h not in cluster.lost}
    takers = fit - {own_host(D)}
    unwanted = {h for h, seat in cluster.seats.items() if seat.mark == "leaving"} | cluster.lost
    if len(takers) < copies:
        return
    for config in cluster.configs.values():
        assert not unwanted & set(config.members)
        assert len(config.members) == copies
    if not zoned and not any(seat.mark for seat in cluster.seats.values()):
        assert spread(cluster.load(), takers) <= 1
    for config in cluster.configs.values():
        assert config.leader in fit or not fit & set(config.members)
    if own_host(D) in fit:
        assert cluster.configs[D].leader == own_host(D)
        assert cluster.load()[own_host(D)] == 1
