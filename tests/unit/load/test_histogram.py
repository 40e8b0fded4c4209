"""Histograms: as exact as they say, merged without loss, and as other tools write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.load.histogram import EMPTY, count_of, histogram_of, merged, quantile_ms
from sim.load.meter import percentile

OF_ANOTHER_TOOL = "HISTFAAAAB542pNpmSzMwMDAxAABzFCaEUoz2X+AMIKZAEARAtM="
"""One value of 42, as the Go library writes it."""

latencies = st.lists(st.floats(0, 4_000), max_size=60)


@given(latencies)
def test_quantiles_are_at_most_a_thousandth_too_large(seconds: list[float]) -> None:
    histogram = histogram_of(seconds)
    assert count_of(histogram) == len(seconds)
    for percent in (1, 50, 90, 99, 100):
        exact_ms = 1e3 * min(3_600.0, percentile(sorted(seconds), percent))
        assert quantile_ms(histogram, percent) == pytest.approx(exact_ms, rel=1e-3, abs=1e-3)


@given(latencies, latencies, latencies)
def test_merged_is_as_if_taken_together(a: list[float], b: list[float], c: list[float]) -> None:
    parts = [histogram_of(each) for each in (a, b, c)]
    assert merged(parts) == merged((merged(parts[:2]), parts[2])) == histogram_of([*a, *b, *c])
    assert merged([]) == EMPTY


def test_what_other_tools_write_is_read() -> None:
    assert count_of(OF_ANOTHER_TOOL) == 1
    assert count_of(merged([OF_ANOTHER_TOOL, histogram_of([0.5])])) == 2
    assert EMPTY.startswith("HISTF"), "version 2, compressed"


@pytest.mark.parametrize("text", ["", "x", "HISTF", OF_ANOTHER_TOOL[:-9], "AAAA" * 9])
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a histogram"):
        count_of(text)
