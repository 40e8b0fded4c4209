"""What happens again and again, and numbers that are dealt out."""

from __future__ import annotations

import numpy as np
import pytest

from sim.population.events import Repeated
from sim.population.everybody import binomial
from sim.population.people import stream


def test_to_each_is_once_for_each_that_they_have() -> None:
    """Three sends of session 1, one of session 0; they have two, three and no others."""
    sends = Repeated.counted(np.array([5, 6, 7, 8]), np.array([1, 0, 1, 1]), 3)
    assert sends.times.tolist() == [1, 3, 0]
    got = sends.to_each(np.array([2, 3, 0]))
    assert list(zip(got.bins, got.of, strict=True)) == [
        *((5, 2), (5, 3), (5, 4)),
        *((6, 0), (6, 1)),
        *((7, 2), (7, 3), (7, 4)),
        *((8, 2), (8, 3), (8, 4)),
    ]
    assert got.times.tolist() == [1, 1, 3, 3, 3] == np.bincount(got.of).tolist()
    some = sends.some(sends.bins > 6)
    assert (some.of.tolist(), some.times.tolist()) == ([1, 1], [0, 2, 0])


@pytest.mark.parametrize(
    ("number", "share"), [(1_100, 1 / 64), (40, 0.3), (10_000, 0.99), (300, 0.5), (5, 0.4)]
)
def test_what_is_dealt_is_binomial(number: int, share: float) -> None:
    """By the most that the shares of those below any number differ."""
    numbers = np.full(200_000, number)
    found = binomial(stream(1), numbers, share)
    exact = stream(2).binomial(number, share, len(numbers))
    assert found.min() >= 0
    assert found.max() <= number
    below = [np.bincount(each, minlength=number + 1).cumsum() for each in (found, exact)]
    assert np.abs(below[0] - below[1]).max() / len(numbers) < 0.005


def test_few_and_many_are_dealt_each_as_they_are() -> None:
    """Numbers that vary by more and by less than is drawn from the normal distribution."""
    sizes, each = (0, 5, 40, 1_100), 100_000
    numbers = stream(3).permutation(np.repeat(sizes, each))
    found = binomial(stream(1), numbers, 1 / 8)
    for size in sizes:
        exact = stream(2).binomial(size, 1 / 8, each)
        below = [
            np.bincount(some, minlength=size + 1).cumsum()
            for some in (found[numbers == size], exact)
        ]
        assert len(below[0]) == size + 1
        assert np.abs(below[0] - below[1]).max() / each < 0.007


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_all_or_nothing_is_dealt(share: float) -> None:
    numbers = np.array([0, 3, 50_000])
    assert binomial(stream(1), numbers, share).tolist() == (numbers * share).tolist()
