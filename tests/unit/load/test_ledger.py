"""The counting: every fault that is put into a clean history is found, and nothing else is."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from sim.load.ledger import Receipts, Stored, Stream, behind_a_later, judge

LENGTH = 30


@dataclass
class Story:
    """What a receiver got and what was stored, as sequences that faults are put into."""

    length: int = LENGTH
    pushed: list[int] = field(default_factory=lambda: list(range(1, LENGTH + 1)))
    stored: list[int] = field(default_factory=lambda: list(range(1, LENGTH + 1)))
    unacknowledged: set[int] = field(default_factory=set)
    retried: set[int] = field(default_factory=set)

    def verdict(self, drop_after: int = LENGTH + 1) -> tuple[int, int, int, int]:
        """Tell the story: pushes up to the place `drop_after`, then a difference that overlaps
        with two of them, then pushes on a second connection."""
        stream = Stream()
        for _ in range(self.length):
            seq = stream.open()
            assert seq == stream.last
        for message_id, seq in enumerate(self.stored, 1):
            if seq not in self.unacknowledged and stream.ids[seq] == 0:
                assert stream.acknowledge(seq, message_id)
        for seq in range(1, self.length + 1):
            if seq not in self.unacknowledged:
                stream.acknowledge(seq, stream.ids[seq] or 1000 + seq)
        stream.retried |= self.retried
        receipts = Receipts(stream)
        for place, seq in enumerate(self.pushed):
            if place < drop_after:
                receipts.live(seq, place + 1, 1)
            elif place < drop_after + 3:
                receipts.caught_up(seq, place + 1)
            else:
                receipts.live(seq, place + 1, 2)
        for place in range(max(0, drop_after - 2), min(drop_after, len(self.pushed))):
            receipts.caught_up(self.pushed[place], place + 1)
        stored = Stored(stream)
        for message_id, seq in enumerate(self.stored, 1):
            stored.entry(seq, message_id)
        found = judge(stream, [receipts], stored)
        return found.lost, found.duplicated, found.reordered, found.corrupted


places = st.integers(0, LENGTH - 1)
seqs = st.integers(1, LENGTH)
drops = st.integers(0, LENGTH + 1)


@given(drops)
def test_a_clean_history_counts_nothing(drop_after: int) -> None:
    assert Story().verdict(drop_after) == (0, 0, 0, 0)


@given(st.sets(seqs), drops)
def test_every_push_that_never_came_is_lost(missing: set[int], drop_after: int) -> None:
    story = Story()
    story.pushed = [seq for seq in story.pushed if seq not in missing]
    assert story.verdict(drop_after) == (len(missing), 0, 0, 0)


@given(st.sets(seqs), st.sets(seqs))
def test_missing_pushes_and_missing_rows_count_once_each(
    unpushed: set[int], unstored: set[int]
) -> None:
    story = Story()
    story.pushed = [seq for seq in story.pushed if seq not in unpushed]
    story.stored = [seq for seq in story.stored if seq not in unstored]
    lost, duplicated, reordered, _ = story.verdict()
    assert (lost, duplicated, reordered) == (len(unpushed | unstored), 0, 0)


@given(st.sets(seqs))
def test_what_was_not_acknowledged_can_not_be_lost(missing: set[int]) -> None:
    story = Story(unacknowledged=missing)
    story.pushed = [seq for seq in story.pushed if seq not in missing]
    story.stored = [seq for seq in story.stored if seq not in missing]
    assert story.verdict() == (0, 0, 0, 0)


@given(st.sets(seqs), st.sets(seqs), drops)
def test_every_double_counts_once(pushed: set[int], stored: set[int], drop_after: int) -> None:
    story = Story()
    story.pushed = [n for seq in story.pushed for n in [seq] * (1 + (seq in pushed))]
    story.stored = [n for seq in story.stored for n in [seq] * (1 + (seq in stored))]
    lost, duplicated, reordered, _ = story.verdict(drop_after)
    assert (lost, duplicated, reordered) == (0, len(pushed | stored), 0)


@given(st.sets(st.integers(0, LENGTH // 3 - 1)), st.booleans(), st.booleans(), drops)
def test_every_swap_is_found_on_connections_and_in_the_history(
    swaps: set[int], in_pushes: bool, in_rows: bool, drop_after: int
) -> None:
    story = Story()
    for swap in swaps:
        at = 3 * swap
        if in_pushes:
            story.pushed[at], story.pushed[at + 1] = story.pushed[at + 1], story.pushed[at]
        if in_rows:
            story.stored[at], story.stored[at + 1] = story.stored[at + 1], story.stored[at]
    expected = len(swaps) if in_pushes or in_rows else 0
    assert story.verdict(drop_after) == (0, 0, expected, 0)


@given(st.permutations(range(1, LENGTH + 1)), drops)
def test_all_behind_a_later_one_are_reordered(order: list[int], drop_after: int) -> None:
    story = Story(pushed=list(order), stored=list(order))
    late = {seq for at, seq in enumerate(order) if any(other > seq for other in order[:at])}
    assert story.verdict(drop_after) == (0, 0, len(late), 0)


@given(places, places)
def test_a_message_moved_by_a_retry_is_not_held_against_the_server(frm: int, to: int) -> None:
    story = Story()
    seq = story.pushed.pop(frm)
    story.pushed.insert(max(frm, to), seq)
    story.stored = list(story.pushed)
    story.retried = {seq}
    assert story.verdict() == (0, 0, 0, 0)


def test_the_same_update_by_push_and_by_difference_is_no_double() -> None:
    stream = Stream()
    stream.open()
    receipts = Receipts(stream)
    assert receipts.caught_up(1, 7)
    assert not receipts.live(1, 7, 1)
    assert not receipts.caught_up(1, 7)
    assert not receipts.doubled


def test_a_push_twice_on_one_connection_and_two_numbers_are_doubles() -> None:
    stream = Stream()
    for _ in range(3):
        stream.open()
    receipts = Receipts(stream)
    assert receipts.live(1, 1, 1)
    assert not receipts.live(1, 1, 1)
    assert receipts.live(2, 2, 1)
    assert not receipts.live(2, 3, 2)
    assert receipts.caught_up(3, 4)
    assert not receipts.caught_up(3, 5)
    assert receipts.doubled == {1, 2, 3}


def test_other_ids_other_texts_and_numbers_never_sent_are_corrupted() -> None:
    stream = Stream()
    stream.open()
    stream.open()
    stream.acknowledge(1, 10)
    assert not stream.acknowledge(1, 11)
    receipts = Receipts(stream)
    assert not receipts.live(5, 1, 1)
    stored = Stored(stream)
    stored.entry(1, 12)
    stored.entry(2, 13, intact=False)
    stored.entry(9, 14)
    assert judge(stream, [receipts], stored).corrupted == 5


def test_a_mailbox_too_long_is_judged_by_the_history() -> None:
    stream = Stream()
    stream.acknowledge(stream.open(), 1)
    stream.acknowledge(stream.open(), 2)
    receipts = Receipts(stream)
    receipts.from_history = True
    stored = Stored(stream)
    stored.entry(1, 1)
    assert judge(stream, [receipts], stored).lost == 1


def test_the_verdict_names_examples() -> None:
    stream = Stream()
    stream.acknowledge(stream.open(), 1)
    verdict = judge(stream, [Receipts(stream)], None, "p1-2")
    assert verdict.examples == ["p1-2 not received: [1]"]
    assert not verdict.clean


@given(st.lists(st.integers(0, 50), unique_by=lambda n: n or object()))
def test_behind_a_later_is_the_plain_definition(rest: list[int]) -> None:
    places = [0, *rest]
    expected = {
        seq
        for seq, place in enumerate(places)
        if place and any(0 < later < place for later in places[seq + 1 :])
    }
    assert behind_a_later(places) == expected
